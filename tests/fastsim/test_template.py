from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.template import fit_template


@pytest.fixture(scope="module")
def patch() -> Patch:
    return Patch(3, 1.2)


def test_layers_with_as_many_hits_differ_by_what_the_hits_have(patch: Patch) -> None:
    """Ten hits each: cold layers with all alike, hot ones with nine tenths in the centre."""
    number = 4000
    deposits = np.zeros((number, 1, patch.n_cells), np.float32)
    random = np.random.default_rng(1)
    hot = np.arange(number) % 2 == 0
    for shower, is_hot in zip(deposits, hot, strict=True):
        others = 1 + random.permutation(patch.n_cells - 1)[:9]
        shower[0, others] = 20.0 / 9.0 if is_hot else 2.0
        shower[0, 0] = 180.0 if is_hot else 2.0
    template = fit_template(patch, deposits, np.zeros((number, 2)))
    layers = Layers(torch.tensor([[200.0], [20.0]]), torch.full((2, 1), 10.0))
    logits = template(layers, torch.zeros(2, 2))
    centre = torch.softmax(logits, dim=2)[:, 0, 0]
    torch.testing.assert_close(centre, torch.tensor([0.9, 0.1]), rtol=0.02, atol=0.0)


def test_rare_layers_are_like_those_with_as_many_hits(patch: Patch) -> None:
    """One hot layer among a thousand cold ones does not make a profile of its own."""
    deposits = np.full((1000, 1, patch.n_cells), 2.0, np.float32)
    deposits[0] = 1.0
    deposits[0, 0, 0] = 1e4
    template = fit_template(patch, deposits, np.zeros((1000, 2)))
    layers = Layers(torch.tensor([[1e4]]), torch.full((1, 1), 37.0))
    centre = torch.softmax(template(layers, torch.zeros(1, 2)), dim=2)[0, 0, 0]
    assert float(centre) < 0.3


def test_a_template_of_given_knots_says_what_the_one_with_its_own_says(patch: Patch) -> None:
    """Of the same layers they are the same; of layers with half the hits only the knots are."""
    random = np.random.default_rng(2)
    deposits = random.exponential(2.0, (500, 1, patch.n_cells)).astype(np.float32)
    few = np.where(random.random(deposits.shape) < 0.5, deposits, np.float32(0.0))
    impact = np.zeros((500, 2))
    own = fit_template(patch, deposits, impact)
    again = fit_template(patch, deposits, impact, knots=own)
    torch.testing.assert_close(again.radial, own.radial, rtol=0.0, atol=0.0)
    fewer = fit_template(patch, few, impact, knots=own)
    assert torch.equal(fewer.hits, own.hits)
    assert torch.equal(fewer.shares, own.shares)
    assert not torch.equal(fit_template(patch, few, impact).hits, own.hits)
