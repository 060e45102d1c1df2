from __future__ import annotations

import numpy as np
import pytest

from hyperhex.hyperclass.ranks import COMBINATIONS, Ranking, averaged

RNG = np.random.default_rng


def test_the_passing_background_is_a_fraction_of_its_own_fold() -> None:
    score = np.array([1.0, 2.0, 3.0, 4.0, 10.0, 20.0])
    fold = np.array([0, 0, 0, 0, 1, 1])
    ranking = Ranking(score, fold, np.array([1.0, 1.0, 1.0, 1.0, 3.0, 1.0]))
    found = ranking.passing(np.array([0.0, 2.5, 3.0, 9.0, 15.0]), np.array([0, 0, 0, 0, 1]))
    # above all four events there may still be half an event
    assert found == pytest.approx([1.0, 0.5, 0.375, 0.125, 0.25])


def test_no_monotone_change_of_a_score_moves_a_rank() -> None:
    score, fold = RNG(1).normal(size=500), RNG(2).integers(0, 3, 500)
    weight, probe = RNG(3).exponential(size=500), RNG(4).normal(size=200)
    which = RNG(5).integers(0, 3, 200)
    plain = Ranking(score, fold, weight).passing(probe, which)
    bent = Ranking(np.exp(3 * score), fold, weight).passing(np.exp(3 * probe), which)
    np.testing.assert_array_equal(plain, bent)


def test_background_passes_its_own_cuts_uniformly() -> None:
    score = RNG(1).normal(size=4000)
    fold = np.zeros(4000, int)
    found = np.sort(Ranking(score, fold, np.ones(4000)).passing(score, fold))
    np.testing.assert_allclose(found, (np.arange(4000) + 0.5) / 4000, atol=1e-9)


def test_combinations_are_those_of_the_ranks() -> None:
    first, second = RNG(1).random((2, 100))
    ranks = 1 - first, 1 - second
    expected = {
        "and": np.minimum(*ranks),
        "or": np.maximum(*ranks),
        "average": (ranks[0] + ranks[1]) / 2,
        "product": ranks[0] * ranks[1],
    }
    assert set(expected) == set(COMBINATIONS)
    for name, rank in expected.items():
        np.testing.assert_allclose(1 - COMBINATIONS[name](first, second), rank, atol=1e-12)
    np.testing.assert_allclose(averaged([first, second]), -np.log(1 - expected["average"]))
