from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hyperhex.detector.patch import Patch
from hyperhex.kernels import counter, hits
from hyperhex.kernels.hits import KNOTS_PER_ROOT, MEANS_PER_ROOT, HitTables, draw_hits

THRESHOLD, SCALE = 0.5, 2.0
N_MEANS, DRAWN = 33, 50_000
Layers = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]


@cache
def tables(
    rings: int, shared: float = 0.0, layers: int = 2, crowds: tuple[int, ...] = ()
) -> HitTables:
    """Crossings of 0.5 MIP and an exponential number of mean 2 MIP, alike in cells of all kinds."""
    patch = Patch(rings, 1.2)
    random = np.random.default_rng(8)
    number = 1 + random.poisson(
        ((np.arange(N_MEANS) / MEANS_PER_ROOT) ** 2)[:, None], (N_MEANS, DRAWN)
    )
    places = -np.expm1(-((np.arange(336) / KNOTS_PER_ROOT) ** 2))
    sums = np.quantile(THRESHOLD * number + SCALE * random.gamma(number), places, axis=1).T
    moments = THRESHOLD + SCALE, SCALE**2
    return HitTables(
        np.tile(sums.astype(np.float32), (2 * (len(crowds) + 1), layers, 1, 1)),
        np.tile(moments, (2 * (len(crowds) + 1), layers, 1)),
        np.full(layers, shared),
        (patch.ring > 2).astype(np.int64),
        np.array(crowds, np.int64),
        np.ascontiguousarray(patch.neighbours),
        THRESHOLD,
    )


def layers(number: int, rings: int, seed: int = 1) -> Layers:
    """Fractions, energies and hits of two layers, with none, one, some and all cells hit."""
    random = np.random.default_rng(seed)
    cells = Patch(rings, 1.2).n_cells
    fractions = random.dirichlet(np.full(cells, 0.5), (number, 2)).astype(np.float32)
    hit = random.integers(0, cells + 1, (number, 2)).astype(np.int32)
    hit[:3] = [[0, cells], [1, 0], [cells, cells]]
    above = random.exponential(5.0, hit.shape) + 0.01
    return fractions, (hit * (THRESHOLD + above)).astype(np.float32), hit


def cells_of(
    weights: NDArray, energy: NDArray, hit: NDArray, known: HitTables, seed: int
) -> NDArray[np.float32]:
    """Cells of all showers, (n, n_layers, n_cells)."""
    return draw_hits(weights, energy, hit, known, seed).dense(*weights.shape[1:])


def alike(number: int, fractions: NDArray, energy: float, hit: int) -> Layers:
    """The same layer in many showers."""
    shape = (number, 1)
    told = np.full(shape, energy, np.float32), np.full(shape, hit, np.int32)
    return np.tile(fractions.astype(np.float32), (*shape, 1)), *told


@pytest.mark.parametrize("shared", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rings", [0, 1, 3])
def test_cells_sum_to_the_energy_and_as_many_are_hit_as_told(rings: int, shared: float) -> None:
    fractions, energy, hit = layers(500, rings)
    cells = cells_of(fractions, energy, hit, tables(rings, shared), 7)
    assert cells.shape == fractions.shape
    np.testing.assert_array_equal((cells > 0).sum(2), hit)
    np.testing.assert_allclose(cells.sum(2, dtype=np.float64), energy, rtol=1e-5)
    assert cells[cells > 0].min() >= THRESHOLD


def test_energy_at_the_thresholds_leaves_cells_there() -> None:
    fractions = np.full(7, 1 / 7)
    cells = cells_of(*alike(50, fractions, 3 * THRESHOLD, 3), tables(1), 1)
    np.testing.assert_array_equal((cells > 0).sum(2), 3)
    np.testing.assert_allclose(cells[cells > 0], THRESHOLD, atol=1.1e-3)


@pytest.mark.parametrize("hit", [1, 2, 3])
def test_hit_cells_are_those_of_sampling_without_replacement(hit: int) -> None:
    """Exact probabilities of all sets: sums over orders of p_a p_b / (1 - p_a) ... ."""
    chance = np.array([0.4, 0.2, 0.15, 0.1, 0.08, 0.05, 0.02])
    number = 60_000
    cells = cells_of(*alike(number, chance, 2.5 * hit, hit), tables(1, layers=1), 3)[:, 0]
    found = (cells > 0) @ (1 << np.arange(7))
    sets = list(combinations(range(7), hit))
    observed = [np.count_nonzero(found == sum(1 << c for c in one)) for one in sets]
    assert sum(observed) == number
    expected = [number * without_replacement(chance, one) for one in sets]
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def without_replacement(chance: NDArray, chosen: tuple[int, ...]) -> float:
    """Probability that a weighted draw without replacement ends with a set of cells."""
    if not chosen:
        return 1.0
    rest = 1.0 - chance[list(chosen)].sum()
    return sum(
        chance[last] / (rest + chance[last])
        * without_replacement(chance, tuple(c for c in chosen if c != last))
        for last in chosen
    )  # fmt: skip


def test_crowded_cells_have_the_energies_expected_in_them() -> None:
    chance = np.array([0.4, 0.2, 0.15, 0.1, 0.08, 0.05, 0.02])
    energy = 2000.0
    cells = cells_of(*alike(4000, chance, energy, 7), tables(1, layers=1), 3)[:, 0]
    # below it all cells are hit with certainty, so that some have one crossing more than expected
    np.testing.assert_allclose(cells.mean(0) / energy, chance, rtol=0.02)
    # a compound Poisson variable, of which the sum is known: the share of the variance that is left
    second = (THRESHOLD + SCALE) ** 2 + SCALE**2
    variance = energy * second / (THRESHOLD + SCALE) * chance * (1.0 - chance)
    np.testing.assert_allclose(cells[:, :4].var(0), variance[:4], rtol=0.15)


def begun(seed: int, number: int) -> NDArray[np.uint64]:
    state = np.empty(2, np.uint64)
    counter.begin(state, np.uint64(seed), np.uint64(number))
    return state


def rows(more: float, number: int) -> NDArray[np.int32]:
    """Rows of the tables of cells that are crossed `more` times after the first on average."""
    found, room = np.empty(number, np.int32), np.empty(number, np.float32)
    hits._rows(found, np.full(number, more, np.float32), room, number, N_MEANS, begun(9, 2))
    return found


@pytest.mark.parametrize("more", [0.0, 0.01, 0.3, 4.0, 15.3])
def test_rows_have_the_mean_of_the_crossings(more: float) -> None:
    found = rows(more, 100_000)
    means = (found / MEANS_PER_ROOT) ** 2
    assert means.mean() == pytest.approx(more, rel=5e-3)
    below = int(np.sqrt(more) * MEANS_PER_ROOT)
    assert set(found) <= {below, below + 1}


def test_means_beyond_the_tables_have_no_row() -> None:
    assert (rows(300.0, 100) == -1).all()
    # between the last row and what would be the next
    assert (rows(16.3, 100) == -1).all()


def energies(more: float, draws: int) -> NDArray[np.float64]:
    """Energies of a cell with so many crossings after the first, whatever its layer is to have."""
    state, known = begun(3, 4), tables(1)
    tabled = np.zeros(7, np.int64), known.sums, known.moments.astype(np.float32), 1
    kept, spare, room = np.empty((3, 1), np.float32)
    found = np.empty(draws)
    for one, row in enumerate(rows(more, draws)):
        told = np.zeros(1, np.int32), np.full(1, more, np.float32), np.full(1, row, np.int32)
        wanted, threshold = np.float32(10.0), np.float32(THRESHOLD)
        hits._energies(kept, spare, told, tabled, 1, 1, wanted, threshold, room, state)
        found[one] = THRESHOLD + kept[0]
    return found


@pytest.mark.parametrize("more", [0.0, 0.2, 1.0, 5.7, 15.9, 16.3, 40.3, 300.5])
def test_energies_are_those_of_one_crossing_and_a_poisson_number_more(more: float) -> None:
    """From the tables, and beyond them from a gamma variable of the same moments."""
    number = 20_000
    found = energies(more, number)
    random = np.random.default_rng(6)
    crossings = 1 + random.poisson(more, number)
    expected = THRESHOLD * crossings + SCALE * random.gamma(crossings)
    one = THRESHOLD + SCALE
    variance = (1.0 + more) * SCALE**2 + more * one**2
    assert found.mean() == pytest.approx((1.0 + more) * one, abs=5 * np.sqrt(variance / number))
    assert found.var() == pytest.approx(variance, rel=0.06)
    places = [0.05, 0.25, 0.5, 0.75, 0.95]
    quantiles = [np.quantile(part, places) for part in (found, expected)]
    np.testing.assert_allclose(*quantiles, atol=0.1 * np.sqrt(variance))


def test_shared_hits_are_neighbours_of_others() -> None:
    """With a share s of shared hits, two are neighbours with probability s + (1 - s) p."""
    patch = Patch(3, 1.2)
    inner = np.where(patch.ring < 3, 1.0, 0.0)
    told = alike(20_000, inner / inner.sum(), 5.0, 2)

    def beside(shared: float) -> float:
        cells = cells_of(*told, tables(3, shared, layers=1), 5)[:, 0]
        first, last = np.argmax(cells > 0, 1), 36 - np.argmax(cells[:, ::-1] > 0, 1)
        return float((patch.neighbours[first] == last[:, None]).any(1).mean())

    by_chance = (patch.neighbours[:19] < 19)[patch.neighbours[:19] >= 0].sum() / (19 * 18)
    assert beside(0.0) == pytest.approx(by_chance, abs=0.015)
    assert beside(1.0) == 1.0
    assert beside(0.4) == pytest.approx(0.4 + 0.6 * by_chance, abs=0.015)


def test_a_shower_is_the_same_whatever_is_drawn_with_it() -> None:
    told = layers(40, 3)
    whole = cells_of(*told, tables(3, 0.3), 7)
    some = cells_of(*(one[:9] for one in told), tables(3, 0.3), 7)
    np.testing.assert_array_equal(some, whole[:9])
    others = layers(40, 3, seed=2)
    mixed = [np.concatenate([b[:20], a[20:]]) for a, b in zip(told, others, strict=True)]
    np.testing.assert_array_equal(cells_of(*mixed, tables(3, 0.3), 7)[20:], whole[20:])
    assert (cells_of(*told, tables(3, 0.3), 8) != whole).any()


def test_hits_are_ragged_and_scattered_into_cells() -> None:
    told = layers(40, 2)
    found = draw_hits(*told, tables(2), 7)
    np.testing.assert_array_equal(np.diff(found.first), told[2].sum(1))
    assert found.first[0] == 0
    assert len(found.cell) == len(found.energy) == found.first[-1]
    cells = found.dense(2, 19)
    for shower in (0, 2, 17):
        mine = slice(found.first[shower], found.first[shower + 1])
        expected = np.zeros(2 * 19, np.float32)
        for cell, energy in zip(found.cell[mine], found.energy[mine], strict=True):
            assert expected[cell] == 0
            expected[cell] = energy
        np.testing.assert_array_equal(cells[shower], expected.reshape(2, 19))


def test_weights_need_not_be_normalised() -> None:
    """Powers of two, so that not even the last bit depends on them."""
    fractions, energy, hit = layers(60, 2)
    scale = 2.0 ** np.random.default_rng(4).integers(-9, 9, (60, 2, 1)).astype(np.float32)
    first, second = (
        cells_of(part, energy, hit, tables(2, 0.3), 7) for part in (fractions, fractions * scale)
    )
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_zones_have_crossings_of_their_own() -> None:
    """Of 1 MIP near the axis and of 5 far from it: a layer of 6 MIP with a hit in both is told."""
    known = tables(3, layers=1)
    each = np.array([1.0, 5.0])[:, None, None, None]
    sums = (np.ones_like(known.sums) * each).astype(np.float32)
    moments = np.stack([each[:, :, 0, 0], 0.0 * each[:, :, 0, 0]], axis=2)
    told = replace(known, sums=sums, moments=moments)
    cells = cells_of(*alike(4000, np.full(37, 1 / 37), 6.0, 2), told, 2)[:, 0]
    both = [(cells * (known.zones == zone)).sum(1) for zone in (0, 1)]
    found = [part[(both[0] > 0) & (both[1] > 0)] for part in both]
    assert len(found[0]) > 1000
    np.testing.assert_allclose([np.median(part) for part in found], [1.0, 5.0], rtol=1e-4)


def test_layers_with_more_hits_have_crossings_of_their_own() -> None:
    """By zone 1 and 5 MIP where two cells are hit, 3 where three or four are, 5 and 1 where five
    are; the layers have what that is for a given number of cells of the inner zone."""
    known = tables(3, crowds=(3, 5))
    each = np.array([1.0, 5.0, 3.0, 3.0, 5.0, 1.0])[:, None, None, None]
    sums = (np.ones_like(known.sums) * each).astype(np.float32)
    moments = np.stack([sums[:, :, 0, 0], 0.0 * sums[:, :, 0, 0]], axis=2)
    told = replace(known, sums=sums, moments=moments)
    for hit, number, single in (
        (2, 1, (1.0, 5.0)),
        (3, 1, (3.0, 3.0)),
        (4, 1, (3.0, 3.0)),
        (5, 2, (5.0, 1.0)),
    ):
        wanted = number * single[0] + (hit - number) * single[1]
        cells = cells_of(*alike(2000, np.full(37, 1 / 37), wanted, hit), told, 2)[:, 0]
        inner = known.zones == 0
        shared = cells[(cells[:, inner] > 0).sum(1) == number]
        assert len(shared) > 100
        for zone, energy in zip((inner, ~inner), single, strict=True):
            found = shared[:, zone]
            np.testing.assert_allclose(found[found > 0], energy, rtol=1e-4)


def test_more_hits_than_cells_are_refused() -> None:
    fractions, energy, hit = layers(5, 1)
    hit[3, 1] = 8
    with pytest.raises(ValueError, match="8 hits in a layer of 7 cells"):
        draw_hits(fractions, 10 + energy, hit, tables(1), 1)


_UNCOMPILED = """
import json, sys
import numpy as np
from hyperhex.kernels.hits import HitTables, draw_hits
told = json.load(sys.stdin)
tables = HitTables(*(np.array(t, k) for t, k in zip(told["tables"], told["kinds"])), 0.5)
layers = (np.array(a, k) for a, k in zip(told["layers"], ("float32", "float32", "int32")))
print(json.dumps(draw_hits(*layers, tables, 7).dense(2, 7).tolist()))
"""


def test_compiled_and_interpreted_kernels_draw_the_same_cells() -> None:
    given, known = layers(6, 1), tables(1, 0.3, crowds=(4,))
    arrays = known.sums, known.moments, known.shared, known.zones, known.crowds, known.neighbours
    told = {
        "tables": [array.tolist() for array in arrays],
        "kinds": [str(array.dtype) for array in arrays],
        "layers": [array.tolist() for array in given],
    }
    done = subprocess.run(
        # what wraps around in a register is a warning outside of it
        [sys.executable, "-W", "ignore", "-c", _UNCOMPILED],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    np.testing.assert_allclose(json.loads(done.stdout), cells_of(*given, known, 7), rtol=1e-5)
