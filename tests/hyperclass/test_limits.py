from __future__ import annotations

import numpy as np
import pyhf
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from hyperhex.hyperclass.binned import Binned
from hyperhex.hyperclass.histfactory import Histogram, quiet, workspace
from hyperhex.hyperclass.limits import BANDS, expected_limits, sensible, strengths


def histogram(name: str, counts: list[float], relative: float) -> Histogram:
    values = np.array(counts)
    return Histogram(name, values, relative * values)


def test_one_bin_without_uncertainty_has_the_limit_of_its_formula() -> None:
    background, signal = 400.0, 20.0
    spec = workspace(
        "one", [histogram("b", [background], 1e-6)], histogram("s", [signal], 1e-6), 1e-6
    )

    def root_q(mu: float) -> float:
        # -2 ln of the Poisson likelihood ratio of mu s + b against b, for b events
        return float(np.sqrt(2 * (mu * signal - background * np.log1p(mu * signal / background))))

    for band, found in zip(BANDS, expected_limits(spec), strict=True):
        target = band + norm.isf(0.05 * norm.cdf(band))
        expected = brentq(lambda mu, t=target: root_q(mu) - t, 1e-6, 50)
        assert found == pytest.approx(expected, rel=5e-3)


def test_at_the_limit_pyhf_says_that_cls_is_five_percent() -> None:
    backgrounds = [
        histogram("top", [300.0, 40.0, 6.0], 0.05),
        histogram("wjets", [200, 20.0, 5.0], 0.08),
    ]
    signal = histogram("s", [5.0, 6.0, 7.0], 0.1)
    spec = workspace("three", backgrounds, signal, 0.1)
    limits = expected_limits(spec)
    assert list(limits) == sorted(limits)
    with quiet():
        model = pyhf.Workspace(spec).model()
        start = model.config.suggested_init()
        start[model.config.poi_index] = 0.0
        data = model.expected_data(start)
        for band, limit in enumerate(limits):
            _, bands = pyhf.infer.hypotest(
                limit, data, model, test_stat="qtilde", return_expected_set=True
            )
            # pyhf lists the CLs of a fluctuation, which has the limit of the same fluctuation
            assert float(bands[band]) == pytest.approx(0.05, rel=0.03)


def test_a_sensible_strength_gives_limits_near_two() -> None:
    background = np.array([1000.0, 50.0, 4.0])
    signal = histogram("s", [1e-3, 2e-3, 3e-3], 0.0)
    strength = sensible(signal, background, 0.01 * background)
    scaled = Histogram("s", signal.counts * strength, 0.05 * signal.counts * strength)
    spec = workspace("three", [Histogram("b", background, 0.01 * background)], scaled, 0.01)
    assert 1.5 < expected_limits(spec)[2] < 3.5


def test_a_signal_that_cannot_be_told_from_background_has_no_limit() -> None:
    background = Histogram("b", np.array([1000.0, 100.0]), np.array([900.0, 90.0]))
    # of the same shape, and known no better
    signal = Histogram("signal", np.array([10.0, 1.0]), np.array([9.9, 0.99]))
    assert strengths(Binned(np.array([0.0]), [background], signal), "two", 0.9) == ()
    nowhere = Histogram("signal", np.zeros(2), np.zeros(2))
    assert strengths(Binned(np.array([0.0]), [background], nowhere), "two", 0.1) == ()
