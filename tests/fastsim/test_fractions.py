from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hyperhex.fastsim.fractions import _fractions, fractions
from hyperhex.fastsim.generator import Generator
from hyperhex.kernels.lines import LEAST_STRENGTH


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


@pytest.mark.parametrize("secondaries", [0, 4])
def test_layers_with_hits_are_told_what_all_are(fitted: Any, secondaries: int) -> None:
    """But for cores that have next to nothing of their layer."""
    generator = fitted.generator(secondaries=secondaries).eval()
    if secondaries:
        torch.nn.init.normal_(generator.correction.narrower)
        torch.nn.init.normal_(generator.cores.head.bias, std=6.0)
    rows = fitted.showers.rows(slice(60))
    random = torch.Generator().manual_seed(1)
    known = (
        torch.randn(60, generator.noise, generator=random),
        rows.log_energy,
        rows.impact,
        rows.layers,
    )
    with torch.inference_mode():
        departures, cores = generator.told(*known)
        found = generator.told_of_hit(*known)
    hit = (rows.layers.hits > 0).numpy()
    assert not hit.all()
    np.testing.assert_array_equal(found.rows >= 0, hit)
    np.testing.assert_array_equal(found.rows[hit], np.arange(hit.sum()))
    np.testing.assert_allclose(found.departures, departures[hit], rtol=1e-5, atol=1e-6)
    part = found.part(slice(7, 21))
    np.testing.assert_array_equal(part.rows[hit[7:21]], np.arange(hit[7:21].sum()))
    np.testing.assert_array_equal(part.departures, found.departures[found.rows[7:21][hit[7:21]]])
    if cores is None:
        assert found.cores is None
        return
    strength = cores[..., :1].numpy()
    there = strength >= LEAST_STRENGTH * (1.0 + strength.sum(axis=2, keepdims=True))
    assert not there[hit].all()
    expected = np.concatenate([np.where(there, strength, 0.0), cores[..., 1:]], axis=3)
    np.testing.assert_allclose(found.cores, expected[hit], rtol=2e-5, atol=1e-5)


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
