from __future__ import annotations

from typing import Any

import pytest
import torch

from hyperhex.fastsim.fractions import _fractions, fractions
from hyperhex.fastsim.generator import Generator


def told(fitted: Any, generator: Generator, number: int = 60) -> tuple[Any, ...]:
    """Template and groups, what a network says of some showers, and their layers and points."""
    rows = fitted.showers.rows(slice(number))
    random = torch.Generator().manual_seed(1)
    noise = torch.randn(number, generator.noise, generator=random)
    said = generator.told(noise, rows.log_energy, rows.impact, rows.layers)
    return generator.template, generator.groups, *said, rows.layers, rows.impact


@pytest.mark.parametrize("secondaries", [0, 4])
def test_compiled_fractions_and_derivatives_are_those_of_torch(
    fitted: Any, secondaries: int
) -> None:
    """In layers with hits; in others nothing is drawn, and there is no energy to be shared."""
    generator = fitted.generator(secondaries=secondaries)
    with torch.no_grad():
        generator.head.bias.add_(torch.randn(generator.head.bias.shape))
    hit = (fitted.showers.rows(slice(60)).layers.hits > 0)[..., None]
    assert not hit.all()
    slopes = torch.randn(60, generator.n_layers, generator.n_cells) * hit
    results: list[list[torch.Tensor]] = []
    for way in (fractions, _fractions):
        generator.zero_grad()
        found = way(*told(fitted, generator))
        (found * slopes).sum().backward()
        results.append([found.detach() * hit, *(p.grad for p in generator.parameters())])
    for compiled, plain in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-4)


def test_fractions_have_unit_sum(fitted: Any) -> None:
    generator = fitted.generator()
    with torch.no_grad():
        sums = fractions(*told(fitted, generator)).sum(2)
    torch.testing.assert_close(sums, torch.ones_like(sums))


def test_looking_without_gradients_changes_nothing(fitted: Any) -> None:
    generator = fitted.generator()
    wanted = fractions(*told(fitted, generator)).detach()
    with torch.no_grad():
        torch.testing.assert_close(fractions(*told(fitted, generator)), wanted, rtol=0, atol=0)
