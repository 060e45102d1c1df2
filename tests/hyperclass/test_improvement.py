from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from hyperhex.hyperclass.efficiency import auc, cuts, signal_efficiency
from hyperhex.hyperclass.improvement import (
    TABLE_POINTS,
    Background,
    Result,
    improvement,
    replicas,
    spread,
    working_points,
)

SHIFT = 2.0
EFFICIENCIES = np.array([1e-2, 1e-3, 1e-4])


def result(
    background: np.ndarray,
    signal: np.ndarray,
    number: int = 2,
    weight: np.ndarray | None = None,
    seed: int = 0,
) -> Result:
    """Result of scores, the background weighted."""
    generator = np.random.default_rng(seed)
    weight = np.ones(len(background)) if weight is None else weight
    points = working_points(weight, TABLE_POINTS)
    base = Background.of(background, weight, replicas(len(background), number, generator), points)
    factors = replicas(len(signal), number, generator)
    return improvement(base, signal, np.ones(len(signal)), factors, points)


def test_gaussian_scores_follow_the_closed_form() -> None:
    # quantiles instead of random numbers: the only error left is the grid's
    background = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    signal = norm.ppf((np.arange(20_000) + 0.5) / 20_000) + SHIFT
    found = result(background, signal)
    expected = norm.sf(norm.isf(EFFICIENCIES) - SHIFT)
    # half a background event of 20 above the cut at 1e-4
    np.testing.assert_allclose(found.efficiency[0], expected, rtol=0.02)
    np.testing.assert_allclose(found.efficiency[0, :2], expected[:2], rtol=2e-3)
    np.testing.assert_array_equal(found.si[0], found.efficiency[0] / np.sqrt(EFFICIENCIES))
    assert found.ti[0] == found.si[0].max()
    assert found.area == pytest.approx(norm.cdf(SHIFT / np.sqrt(2)), abs=1e-4)


def test_a_score_that_knows_nothing_has_a_total_improvement_of_a_tenth() -> None:
    generator = np.random.default_rng(1)
    found = result(generator.random(200_000), generator.random(200_000))
    assert found.ti[0] == pytest.approx(0.1, rel=0.05)
    constant = result(np.zeros(200_000), np.zeros(10))
    np.testing.assert_allclose(constant.efficiency[0], EFFICIENCIES)
    assert constant.ti[0] == pytest.approx(0.1)
    assert constant.area == pytest.approx(0.5)


def test_a_perfect_score_reaches_the_ceiling() -> None:
    found = result(np.linspace(0, 1, 200_000), np.full(5, 2.0))
    np.testing.assert_array_equal(found.efficiency[0], 1.0)
    assert found.ti[0] == pytest.approx(100.0)
    assert found.area == 1.0


@pytest.mark.parametrize(("events", "usable"), [(999, 0), (1000, 1), (9_999, 1), (100_000, 3)])
def test_a_working_point_needs_ten_effective_events_above_it(events: int, usable: int) -> None:
    points = working_points(np.full(events, 0.3), TABLE_POINTS)
    assert [point.usable for point in points] == [True] * usable + [False] * (3 - usable)


def test_a_working_point_needs_small_weights_and_says_what_is_wrong() -> None:
    weight = np.ones(100_000)
    weight[0] = 2e-3 * 1.01 * weight.sum()
    first, second, _ = working_points(weight, TABLE_POINTS)
    assert not first.usable
    assert "largest weight 0.002" in first.reason
    assert "0.002 needed" in first.reason
    weight[0] = 2e-3 * 0.99 * weight.sum()
    first, second, _ = working_points(weight, TABLE_POINTS)
    assert first.usable
    assert not second.usable
    few = working_points(np.ones(50), [1e-2])[0]
    assert "50 effective background events, 1000 needed" in few.reason


def test_no_number_where_a_working_point_is_not_usable() -> None:
    generator = np.random.default_rng(1)
    found = result(generator.random(2_000), generator.random(100))
    assert np.isfinite(found.efficiency[:, 0]).all()
    assert np.isnan(found.efficiency[:, 1:]).all()
    np.testing.assert_array_equal(found.ti, found.si[:, 0])
    assert np.isnan(result(generator.random(500), generator.random(100)).ti).all()


def test_bootstrap_error_is_the_analytic_one() -> None:
    """Var(eps_S) = eps_S (1 - eps_S) / n_S + f_S(t)^2 / f_B(t)^2 eps_B (1 - eps_B) / n_B."""
    generator = np.random.default_rng(3)
    n_background, n_signal = 4000, 500
    background, signal = generator.normal(size=n_background), generator.normal(SHIFT, 1, n_signal)
    found = result(background, signal, number=2000)
    cut = norm.isf(1e-2)
    passing = norm.sf(cut - SHIFT)
    slope = norm.pdf(cut - SHIFT) / norm.pdf(cut)
    variance = passing * (1 - passing) / n_signal + slope**2 * 1e-2 * 0.99 / n_background
    assert spread(found.efficiency)[0] == pytest.approx(np.sqrt(variance), rel=0.2)


def test_a_weight_of_two_is_two_events_and_a_negative_one_takes_an_event_away() -> None:
    generator = np.random.default_rng(3)
    background, signal = generator.normal(size=400), generator.normal(1, 1, 100)
    one = np.ones((1, 100))

    def efficiency(score: np.ndarray, weight: np.ndarray) -> np.ndarray:
        cut = cuts(score, weight[None], np.array([0.05, 0.3]))
        return signal_efficiency(signal, one, cut)

    twice = np.concatenate([background, background[:50]])
    weight = np.where(np.arange(400) < 50, 2.0, 1.0)
    np.testing.assert_allclose(efficiency(twice, np.ones(450)), efficiency(background, weight))
    undone = np.concatenate([twice, background[:50]])
    sign = np.where(np.arange(500) < 450, 1.0, -1.0)
    np.testing.assert_allclose(efficiency(undone, sign), efficiency(background, np.ones(400)))
    ones = np.ones(100)
    assert auc(signal, ones, undone, sign) == pytest.approx(
        auc(signal, ones, background, np.ones(400))
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 12))
def test_ties_and_weights_agree_with_scikit_learn(seed: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    background, signal = generator.integers(0, levels, 60), generator.integers(0, levels + 1, 40)
    weights = generator.random(60), generator.random(40)
    found = auc(signal.astype(float), weights[1], background.astype(float), weights[0])
    expected = roc_auc_score(
        np.repeat([0, 1], [60, 40]),
        np.concatenate([background, signal]),
        sample_weight=np.concatenate(weights),
    )
    assert found == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 30))
def test_the_cut_lets_pass_exactly_what_was_asked(seed: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    score, weight = generator.integers(0, levels, 80).astype(float), generator.random((3, 80))
    wanted = np.array([0.01, 0.2, 0.7, 1.0])
    passing = signal_efficiency(score, weight, cuts(score, weight, wanted))
    np.testing.assert_allclose(passing, np.tile(wanted, (3, 1)))
