from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.template import Template
from hyperhex.kernels.profiles import correct, weigh


@pytest.fixture(scope="module")
def template() -> Template:
    random = np.random.default_rng(1)
    tables = {
        "hits": np.linspace(0.0, 4.6, 7),
        "shares": np.linspace(0.3, 3.0, 4),
        "distances": np.array([0.0, 0.4, 1.0, 2.0, 4.0]),
        "radial": random.normal(-3.0, 2.0, (7, 4, 3, 5)),
        "positions": Patch(3, 1.2).positions,
    }
    return Template(**{name: torch.from_numpy(table).float() for name, table in tables.items()})


def weighed(template: Template, logits: NDArray, *told: NDArray) -> NDArray[np.float32]:
    tables = {name: table.numpy() for name, table in template.named_buffers()}
    rows = all_rows(told[0])
    return weigh(logits.reshape(rows.size, -1), rows, np.arange(37), *told, **tables).reshape(
        *rows.shape, -1
    )


def all_rows(layers: NDArray) -> NDArray[np.int64]:
    """Place of each layer where all of all showers lie one after the other."""
    return np.arange(layers.size).reshape(layers.shape)


def showers(number: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Logits, energies and hits of layers, beyond the first and last knots too, impact points."""
    random = np.random.default_rng(2)
    logits = random.normal(0.0, 2.0, (number, 3, 37)).astype(np.float32)
    hits = random.integers(1, 200, (number, 3)).astype(np.float32)
    hits[:3] = np.array([1, 2, 150], np.float32)[:, None]
    impact = random.uniform(-0.6, 0.6, (number, 2)).astype(np.float32)
    impact[0] = 0.0
    energy = hits * random.uniform(0.5, 30.0, hits.shape).astype(np.float32)
    return logits, energy, hits, impact


def test_weights_are_exponentials_of_logits_and_template(template: Template) -> None:
    logits, energy, hits, impact = showers(200)
    layers = Layers(torch.from_numpy(energy), torch.from_numpy(hits))
    profile = template(layers, torch.from_numpy(impact)).numpy()
    expected = np.exp(logits.astype(np.float64) + profile)
    np.testing.assert_allclose(weighed(template, logits, energy, hits, impact), expected, rtol=5e-6)


def test_a_shower_is_weighed_the_same_among_others(template: Template) -> None:
    told = showers(50)
    whole = weighed(template, *told)
    np.testing.assert_array_equal(weighed(template, *(part[7:9] for part in told)), whole[7:9])


def test_layers_without_hits_have_equal_weights(template: Template) -> None:
    logits, energy, hits, impact = showers(20)
    whole = weighed(template, logits, energy, hits, impact)
    energy[3, 1] = hits[3, 1] = 0.0
    found = weighed(template, logits, energy, hits, impact)
    assert (found[3, 1] == 1.0).all()
    np.testing.assert_array_equal(found[hits > 0], whole[hits > 0])


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_leave_finite_positive_weights(template: Template, logit: float) -> None:
    logits = np.full((4, 3, 37), logit, np.float32)
    found = weighed(template, logits, *showers(4)[1:])
    np.testing.assert_allclose(found, np.exp(np.sign(logit) * 80.0), rtol=1e-5)


def test_cells_of_a_group_have_one_departure(template: Template) -> None:
    logits, *told = showers(20)
    groups = np.arange(37) // 2
    tables = {name: table.numpy() for name, table in template.named_buffers()}
    few = logits[..., :19].copy()
    found = weigh(few.reshape(-1, 19), all_rows(told[0]), groups, *told, **tables)
    expected = weighed(template, few[..., groups], *told)
    np.testing.assert_array_equal(found, expected.reshape(found.shape))


def test_layers_that_are_left_out_change_no_other(template: Template) -> None:
    logits, energy, hits, impact = showers(30)
    hits[::3, 1] = energy[::3, 1] = 0.0
    told = energy, hits, impact
    tables = {name: table.numpy() for name, table in template.named_buffers()}
    whole = weighed(template, logits, *told)
    corrected = whole.reshape(-1, 37).copy()
    correct(corrected, all_rows(hits), *told, **tables)
    kept = hits > 0
    # the others in an order of their own
    order = np.random.default_rng(3).permutation(np.count_nonzero(kept))
    rows = np.full(hits.shape, -1)
    rows[kept] = order
    few = np.empty((len(order), 37), np.float32)
    few[order] = logits[kept]
    found = weigh(few, rows, np.arange(37), *told, **tables)
    np.testing.assert_array_equal(found[order], whole[kept])
    correct(found, rows, *told, **tables)
    np.testing.assert_array_equal(found[order], corrected.reshape(whole.shape)[kept])


def test_corrected_weights_are_those_times_exponentials_of_the_template(template: Template) -> None:
    """Exact where a cell lies on a knot of distance, and linear between."""
    logits, energy, hits, impact = showers(200)
    weights = np.exp(logits)
    hits[3, 1] = energy[3, 1] = 0.0
    found = weights.copy()
    tables = {name: table.numpy() for name, table in template.named_buffers()}
    correct(found.reshape(-1, 37), all_rows(hits), energy, hits, impact, **tables)
    layers = Layers(torch.from_numpy(energy), torch.from_numpy(hits))
    at_knots = torch.exp(template.at_knots(layers, template.radial))
    expected = weights * (at_knots @ template.between(torch.from_numpy(impact))).numpy()
    expected[3, 1] = weights[3, 1]
    np.testing.assert_allclose(found, expected, rtol=2e-4)
