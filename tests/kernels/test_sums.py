from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.groups import groups
from hyperhex.kernels import sums
from hyperhex.kernels.hits import Hits

PATCH = Patch(8, 1.2)
PLACE = PATCH.positions.astype(np.float32), PATCH.ring, groups(PATCH)
EDGES = np.array([1.0, 3.0, 30.0], np.float32)
LAYERS = 2
PER_UNIT = 8


def showers(number: int = 6) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cells, most of them without a hit and one layer with none, some on an edge, and points."""
    random = np.random.default_rng(1)
    cells = 0.5 + random.exponential(6.0, (number, LAYERS, PATCH.n_cells)).astype(np.float32)
    cells[random.random(cells.shape) < 0.8] = 0.0
    cells[:, :, 3] = EDGES[1]
    cells[0, 1] = 0.0
    return cells, random.uniform(-0.6, 0.6, (number, 2)).astype(np.float32)


def summed(cells: NDArray, impact: NDArray, chosen: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """Layers, rings and logarithms of the groups, of the chosen showers."""
    hits, number = Hits.of(cells), len(chosen)
    shapes = (LAYERS, sums.ABOVE + len(EDGES)), (2, 9), (LAYERS, int(PLACE[2].max()) + 1)
    found = [np.zeros((number, *shape), np.float32) for shape in shapes]
    told = hits.first, hits.cell, hits.energy, impact[chosen]
    sums.sum_hits(*told, *PLACE, chosen, EDGES, *found)
    return found


def by_hand(cells: NDArray, impact: NDArray) -> list[NDArray[np.float64]]:
    """The same over all cells, in float64."""
    cells = cells.astype(np.float64)
    hit, logarithm = (cells > 0).astype(float), np.log1p(cells)
    x, y = (PATCH.positions[None] - impact[:, None].astype(np.float64)).transpose(2, 0, 1)
    square = x**2 + y**2
    columns = [cells, hit, logarithm]
    columns += [cells * one[:, None] for one in (x, y, square)]
    columns += [hit * one[:, None] for one in (x, y, square)]
    columns += [logarithm * square[:, None], cells**2, cells**4]
    columns += [(cells > edge).astype(float) for edge in EDGES]
    layers = np.stack([column.sum(2) for column in columns], axis=2)
    rings = np.stack([one.sum(1) @ np.eye(9)[PATCH.ring] for one in (cells, hit)], axis=1)
    return [layers, rings, logarithm @ np.eye(int(PLACE[2].max()) + 1)[PLACE[2]]]


def test_hits_of_cells_are_the_cells() -> None:
    cells, _ = showers()
    np.testing.assert_array_equal(Hits.of(cells).dense(LAYERS, PATCH.n_cells), cells)


def test_sums_over_hits_are_those_over_cells() -> None:
    cells, impact = showers()
    found = summed(cells, impact, np.arange(len(cells)))
    for one, expected in zip(found, by_hand(cells, impact), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-4)


def test_showers_are_those_chosen() -> None:
    cells, impact = showers()
    whole = summed(cells, impact, np.arange(len(cells)))
    for one, part in zip(whole, summed(cells, impact, np.array([4, 1, 4])), strict=True):
        np.testing.assert_array_equal(one[[4, 1, 4]], part)


def test_gradients_of_cells_are_those_of_every_sum() -> None:
    """Sum over all sums of their gradient times their derivative, cell by cell in float64."""
    cells, impact = showers()
    random = np.random.default_rng(2)
    slopes = [random.normal(size=one.shape) for one in summed(cells, impact, np.arange(len(cells)))]
    slopes[0][..., sums.FOURTH] *= 1e-4
    of_hit = np.array([0.2, 0.3])
    # fewer knots than the cells reach: beyond the last, it
    of_logarithm = random.normal(size=(LAYERS, 20))
    of_above = random.normal(size=(LAYERS, 20, len(EDGES)))
    expected_energy = random.uniform(0.5, 2.0, (len(cells), LAYERS))
    expected_energy[0, 1] = 0.0
    hits = Hits.of(cells)
    told = [*slopes, expected_energy, of_hit, of_logarithm, of_above]
    found = sums.sum_back(
        hits.first, hits.cell, hits.energy, impact, *PLACE,
        *(np.asarray(one, np.float32) for one in told), np.float32(PER_UNIT),
    )  # fmt: skip
    wide, empty = cells.astype(np.float64), cells == 0
    knot = np.minimum(np.floor(np.log1p(cells) * PER_UNIT + 0.5), 19).astype(int)
    layer = np.arange(LAYERS)[:, None]
    derivative = {
        "energy": np.ones_like(wide),
        "hit": np.where(empty, of_hit[:, None], 0.0),
        "logarithm": of_logarithm[layer, knot],
    }
    x, y = (PATCH.positions[None] - impact[:, None]).transpose(2, 0, 1)[:, :, None]
    place = [np.ones_like(x), x, y, x**2 + y**2]
    layers, rings, logarithms = slopes
    each = {
        "energy": [sums.ENERGY, *range(sums.MOMENTS, sums.MOMENTS + 3)],
        "hit": [sums.HITS, *range(sums.HITS_MOMENTS, sums.HITS_MOMENTS + 3)],
    }
    gradient = sum(
        layers[:, :, None, column] * weight * derivative[name]
        for name, columns in each.items()
        for column, weight in zip(columns, place, strict=True)
    )
    gradient += layers[:, :, None, sums.LOGARITHM] * derivative["logarithm"]
    gradient += layers[:, :, None, sums.LOGARITHM_SQUARE] * place[3] * derivative["logarithm"]
    gradient += logarithms[:, :, PLACE[2]] * derivative["logarithm"]
    gradient += rings[:, None, 0, PATCH.ring] * derivative["energy"]
    gradient += rings[:, None, 1, PATCH.ring] * derivative["hit"]
    gradient += layers[:, :, None, sums.SQUARE] * 2 * wide
    gradient += layers[:, :, None, sums.FOURTH] * 4 * wide**3
    gradient += (layers[:, :, None, sums.ABOVE :] * of_above[layer, knot]).sum(3)
    gradient *= expected_energy[..., None]
    np.testing.assert_allclose(found, gradient, rtol=1e-4, atol=1e-3)
