from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hyperhex.config import Data
from hyperhex.detector.patch import Patch
from hyperhex.refine.response import (
    Pattern,
    add_crosstalk,
    apply_threshold,
    draw_pattern,
    respond,
    saturate,
)

IDEAL = Data(gain_spread=0.0, crosstalk=0.0, noise=0.0, dead_fraction=0.0, saturation=1e12)


def ideal_pattern(shape: tuple[int, int]) -> Pattern:
    return Pattern(np.ones(shape), np.ones(shape, dtype=bool))


def test_crosstalk_of_one_cell_reaches_its_neighbours(patch: Patch) -> None:
    energy = np.zeros((1, 1, patch.n_cells))
    energy[..., 0] = 10.0
    shared = add_crosstalk(energy, patch.neighbours, 0.02)[0, 0]
    assert shared[0] == pytest.approx(10.0 * (1 - 0.12))
    np.testing.assert_allclose(shared[patch.neighbours[0]], 0.2)
    assert np.count_nonzero(shared) == 7


def test_crosstalk_loses_only_what_leaves_the_patch(patch: Patch) -> None:
    energy = np.random.default_rng(1).exponential(5.0, (20, 3, patch.n_cells))
    outside = (patch.neighbours < 0).sum(axis=1)
    shared = add_crosstalk(energy, patch.neighbours, 0.03)
    expected = (energy * (1.0 - 0.03 * outside)).sum(axis=2)
    np.testing.assert_allclose(shared.sum(axis=2), expected, rtol=1e-12)
    assert outside[patch.ring < patch.rings].sum() == 0


def test_crosstalk_commutes_with_the_symmetries_of_the_patch(patch: Patch) -> None:
    energy = np.random.default_rng(2).exponential(5.0, (4, patch.n_cells))
    for turn in patch.symmetries:
        turned = add_crosstalk(energy[:, turn], patch.neighbours, 0.05)
        np.testing.assert_allclose(
            turned, add_crosstalk(energy, patch.neighbours, 0.05)[:, turn], rtol=1e-12
        )


def test_saturation_is_linear_first_and_bounded_last() -> None:
    energy = np.geomspace(1e-3, 1e7, 200)
    read = saturate(energy, 3000.0)
    assert saturate(np.array(3000.0), 3000.0) == pytest.approx(1500.0)
    assert read[0] / energy[0] == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(read) > 0).all()
    assert read[-1] < 3000.0


def test_ideal_detector_reads_what_it_is_given(patch: Patch) -> None:
    energy = np.random.default_rng(3).exponential(2.0, (5, 2, patch.n_cells))
    read = respond(
        energy,
        IDEAL,
        ideal_pattern((2, patch.n_cells)),
        patch.neighbours,
        np.random.default_rng(0),
    )
    np.testing.assert_allclose(read, apply_threshold(energy, IDEAL.threshold), rtol=1e-9)


def test_dead_cells_are_silent_in_spite_of_noise(patch: Patch) -> None:
    settings = IDEAL.model_copy(update={"noise": 5.0})
    pattern = ideal_pattern((2, patch.n_cells))
    pattern.alive[1, 3] = False
    energy = np.full((50, 2, patch.n_cells), 100.0)
    read = respond(energy, settings, pattern, patch.neighbours, np.random.default_rng(0))
    assert (read[:, 1, 3] == 0.0).all()
    assert (read[:, 0, 3] > 0.0).all()


def test_noise_fires_empty_cells_at_the_gaussian_rate(patch: Patch) -> None:
    settings = IDEAL.model_copy(update={"noise": 0.25})
    pattern = ideal_pattern((4, patch.n_cells))
    empty = np.zeros((2000, 4, patch.n_cells))
    read = respond(empty, settings, pattern, patch.neighbours, np.random.default_rng(4))
    expected = stats.norm.sf(0.5 / 0.25)
    error = np.sqrt(expected / read.size)
    assert np.count_nonzero(read) / read.size == pytest.approx(expected, abs=4 * error)
    assert read[read > 0].min() >= 0.5


def test_pattern_has_the_configured_spread_and_dead_fraction() -> None:
    settings = Data(gain_spread=0.2, dead_fraction=0.1)
    pattern = draw_pattern(settings, 100, 200, np.random.default_rng(5))
    logarithm = np.log(pattern.gain)
    assert logarithm.std() == pytest.approx(0.2, rel=0.03)
    assert logarithm.mean() == pytest.approx(0.0, abs=0.01)
    assert (~pattern.alive).mean() == pytest.approx(0.1, rel=0.1)


def test_response_is_that_of_its_seed(patch: Patch) -> None:
    energy = np.random.default_rng(6).exponential(5.0, (10, 2, patch.n_cells))
    runs = []
    for seed in (1, 1, 2):
        stream = np.random.default_rng(seed)
        pattern = draw_pattern(Data(), 2, patch.n_cells, stream)
        runs.append(respond(energy, Data(), pattern, patch.neighbours, stream))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()
