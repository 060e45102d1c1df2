from __future__ import annotations

import pytest
import torch

from hyperhex.fastsim.linear import linear


@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize("turned", [False, True])
def test_layers_are_the_same_with_and_without_gradients(
    slope: float | None, *, turned: bool
) -> None:
    random = torch.Generator().manual_seed(1)
    values = torch.randn(50, 9, generator=random)[:, :7]
    weight = torch.randn(7, 5, generator=random).T
    weight = weight if turned else weight.contiguous()
    bias = torch.randn(5, generator=random)
    told = linear(values, weight, bias, slope)
    expected = values.double() @ weight.double().T + bias
    if slope is not None:
        expected = torch.where(expected > 0, expected, slope * expected)
    with torch.inference_mode():
        drawn = linear(values, weight, bias, slope)
    for found in (told, drawn):
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_gradients_pass_through() -> None:
    weight = torch.ones(1, 2, requires_grad=True)
    linear(torch.tensor([[-1.0, -2.0]]), weight, torch.zeros(1), 0.5).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [[-0.5, -1.0]]
