from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from hyperhex.errors import SelectionError
from hyperhex.hyperclass.histfactory import Histogram, workspace
from hyperhex.hyperclass.pseudo_experiments import (
    Share,
    draw,
    fit_experiments,
    model_of,
    null_fit,
    parameters,
)

BACKGROUND, SIGNAL = 100.0, 25.0


def histogram(name: str, counts: list[float], relative: float) -> Histogram:
    values = np.array(counts)
    return Histogram(name, values, relative * values)


def counting() -> dict:
    """One bin whose background is known."""
    one = histogram("b", [BACKGROUND], 0.0), histogram("s", [SIGNAL], 0.0)
    return workspace("one", [one[0]], one[1], 1e-7, simulation_errors=False)


def uncertain() -> dict:
    """Two backgrounds in two bins, with every kind of uncertainty."""
    top, z = histogram("top", [300.0, 20.0], 0.1), histogram("z", [100.0, 5.0], 0.1)
    return workspace("two", [top, z], histogram("s", [5.0, 15.0], 0.05), 0.1)


def minus_two_log_ratio(counts: np.ndarray, mean: np.ndarray | float) -> np.ndarray:
    """-2 ln of the Poisson likelihood of a mean over that of the counts themselves."""
    logarithm = counts * np.log(np.where(counts > 0, counts, 1) / mean)
    return 2 * (logarithm - (counts - mean))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_one_bin_has_the_tests_of_its_formula(strength: float) -> None:
    model, _ = model_of(counting())
    data = draw(model, parameters(model, strength), 30, np.random.default_rng(3))
    found = fit_experiments(model, data, strength)
    counts = data[:, 0]
    best = np.maximum(counts - BACKGROUND, 0.0) / SIGNAL
    least = minus_two_log_ratio(counts, BACKGROUND + SIGNAL * best)
    np.testing.assert_allclose(found.best, best, atol=2e-3)
    q0 = minus_two_log_ratio(counts, BACKGROUND) - least
    t = minus_two_log_ratio(counts, BACKGROUND + strength * SIGNAL) - least
    np.testing.assert_allclose(found.q0, q0, atol=2e-4)
    np.testing.assert_allclose(found.t, t, atol=2e-4)
    assert (found.q[counts > BACKGROUND + strength * SIGNAL] == 0.0).all()
    np.testing.assert_allclose(found.p_values, norm.sf(np.sqrt(found.q0)))
    assert found.failed == 0


def test_counts_and_auxiliary_data_are_drawn_from_their_laws() -> None:
    model, observed = model_of(uncertain())
    truth = parameters(model, 1.0)
    number = 20_000
    data = draw(model, truth, number, np.random.default_rng(1))
    assert data.shape == (number, len(observed))
    expected = np.asarray(model.expected_data(truth.tolist()))
    # counts spread by their roots, normalisations by one, statistical errors by their own
    errors = np.hypot([30.0, 2.0], [10.0, 0.5]) / [400.0, 25.0]
    spread = np.array([*np.sqrt([405.0, 40.0]), 1.0, 1.0, *errors, 0.05, 0.05])
    assert (np.abs(data.mean(axis=0) - expected) < 5 * spread / np.sqrt(number)).all()
    np.testing.assert_allclose(data.std(axis=0), spread, rtol=0.03)
    np.testing.assert_array_equal(
        data[:5], draw(model, truth, number, np.random.default_rng(1))[:5]
    )


def test_a_model_with_poisson_constraints_is_drawn_from_them() -> None:
    spec = counting()
    spec["channels"][0]["samples"][0]["modifiers"].append(
        {"name": "control", "type": "shapesys", "data": [20.0]}
    )
    model, _ = model_of(spec)
    data = draw(model, parameters(model, 0.0), 5000, np.random.default_rng(2))
    column = 1 + list(model.config.auxdata_order).index("control")
    assert data[:, column].mean() == pytest.approx(25.0, abs=0.4)
    assert data[:, column].var() == pytest.approx(25.0, rel=0.1)


def test_the_fit_without_signal_moves_the_background_to_the_data() -> None:
    model, observed = model_of(uncertain())
    found = null_fit(model, observed)
    assert found[model.config.poi_index] == 0.0
    nominal = np.asarray(model.expected_actualdata(parameters(model, 0.0).tolist()))
    moved = np.asarray(model.expected_actualdata(found.tolist()))
    assert (moved > nominal).all()
    assert np.abs(moved - observed[:2]).sum() < np.abs(nominal - observed[:2]).sum()


def test_the_interval_of_a_share_is_that_of_clopper_and_pearson() -> None:
    one = Share.of(7, 40)
    assert one.share == 0.175
    # the share at which as few, or as many, are seen with the probability outside one sigma
    assert binom.cdf(7, 40, one.high) == pytest.approx(norm.sf(1.0))
    assert binom.sf(6, 40, one.low) == pytest.approx(norm.sf(1.0))
    assert Share.of(0, 10).low == 0.0


def test_data_that_cannot_be_fitted_are_counted_and_none_at_all_is_an_error() -> None:
    model, _ = model_of(counting())
    good = draw(model, parameters(model, 0.0), 2, np.random.default_rng(1))
    broken = np.full_like(good, np.nan)
    assert fit_experiments(model, np.concatenate([good, broken[:1]]), 0.0).failed == 1
    with pytest.raises(SelectionError, match="none of 2 pseudo-experiments could be fitted"):
        fit_experiments(model, broken, 0.0)
