"""HexConv2d against sums written out, torch's own convolution, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.detector.patch import Patch
from hyperhex.nn.hexconv import HexConv2d, Neighbourhood, hex_convolution


def table(rings: int) -> np.ndarray:
    patch = Patch(rings, 1.0)
    return np.concatenate([np.arange(patch.n_cells)[:, None], patch.neighbours], axis=1)


def written_out(x: np.ndarray, w: np.ndarray, b: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    y = np.zeros((x.shape[0], w.shape[0], x.shape[2])) + b[:, None]
    for cell, taps in enumerate(neighbours):
        for tap, read in enumerate(taps):
            if read >= 0:
                y[:, :, cell] += x[:, :, read] @ w[:, :, tap].T
    return y


def test_agrees_with_the_sums_written_out() -> None:
    torch.manual_seed(1)
    neighbours = table(3)
    layer = HexConv2d(3, 5, neighbours).double()
    x = torch.randn(4, 3, len(neighbours), dtype=torch.float64)
    expected = written_out(
        x.numpy(), layer.weight.detach().numpy(), layer.bias.detach().numpy(), neighbours
    )
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)


def test_first_and_second_derivatives() -> None:
    torch.manual_seed(2)
    shared = Neighbourhood(table(1))

    def function(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return hex_convolution(x, w, b, shared)

    arguments = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 2, 7), (3, 2, 7), (3,))
    ]
    assert torch.autograd.gradcheck(function, arguments)
    assert torch.autograd.gradgradcheck(function, arguments)


@pytest.mark.parametrize(
    ("neighbours", "says"),
    [
        (np.zeros((3, 2)), "table of integers"),
        (np.zeros(3, int), "table of integers"),
        (np.array([[0, 7]]), "to 0, the last of 1 cells"),
        (np.array([[1, 0], [0, 1]]), "column 0 of neighbours"),
        (np.array([[0, 1], [1, 1]]), "column 1 of neighbours names cell 1 more than once"),
    ],
)
def test_refuses_by_name(neighbours: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HexConv2d(1, 1, neighbours)


def test_refuses_inputs_that_do_not_fit() -> None:
    layer = HexConv2d(2, 1, table(1))
    with pytest.raises(ValueError, match=r"expected \(batch, 2, 7\)"):
        layer(torch.zeros(1, 2, 19))
