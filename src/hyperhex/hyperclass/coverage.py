"""Whether intervals hold the truth as often as they say, and p-values are uniform.

The interval of a strength holds all strengths whose test t is below the quantile of chi^2 with one
degree of freedom, so it holds the truth if t is there: no interval has to be searched for. An upper
limit does if CLs of the truth is above one minus the confidence.

What to expect is what a fitted strength would give that is normal around the truth (Wald,
arXiv:1007.1727, sec. 3). As no strength is below zero, intervals hold a truth near zero more often
than their confidence says, which is no fault of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, kstest, norm

from hyperhex.hyperclass.pseudo_experiments import (
    Experiments,
    Share,
    draw,
    fit_experiments,
    model_of,
    parameters,
)

__all__ = ["Coverage", "Uniformity", "cls", "coverage", "expected", "injection", "uniformity"]

Floats = NDArray[np.float64]

# of the intervals; upper limits have the second
_CONFIDENCES = (0.683, 0.95)
# below it q0 is zero as far as a fit can tell
_LEAST_Q0 = 1e-4
# normal strengths that expectations are means of, at quantiles
_QUANTILES = (np.arange(20_000) + 0.5) / 20_000


@dataclass(frozen=True)
class Coverage:
    """How often an interval or a limit holds the true strength, and how often it should."""

    strength: float
    kind: str
    confidence: float
    expected: float
    found: Share


@dataclass(frozen=True)
class Uniformity:
    """p-values of background alone.

    Half of them should be where the fit finds no signal (`without_signal`), and the rest uniform
    below, which `kolmogorov_smirnov` is the p-value of; `below` says how many are below a level.
    """

    without_signal: Share
    kolmogorov_smirnov: float
    below: dict[str, Share]


def injection(
    spec: Mapping[str, Any], number: int, generator: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Experiments]]:
    """Pseudo-experiments with background alone and with the signal: what they say, and their tests.

    `number` of each.
    """
    model, observed = model_of(spec)
    made = {}
    for name, strength in (("background", 0.0), ("signal", 1.0)):
        data = draw(model, parameters(model, strength), number, generator)
        made[name] = fit_experiments(model, data, strength)
    # of the strength 1, in the expected background
    background = np.asarray([model.expected_data(parameters(model, 0.0).tolist())])
    asimov = float(fit_experiments(model, background, 1.0).q[0])
    signal = made["signal"]
    found = {
        "experiments": number,
        "failed_fits": {name: one.failed for name, one in made.items()},
        "uniformity": asdict(uniformity(made["background"].p_values)),
        "coverage": [asdict(row) for one in made.values() for row in coverage(one, asimov)],
        "fitted_strength": {
            name: {"mean": float(one.best.mean()), "spread": float(one.best.std())}
            for name, one in made.items()
        },
        "significance": {
            "observation": float(np.sqrt(fit_experiments(model, np.array([observed]), 0.0).q0[0])),
            "median": float(np.median(np.sqrt(signal.q0))),
            "beyond_five": asdict(Share.of(int(np.sum(signal.q0 > 25.0)), len(signal.q0))),
        },
    }
    return found, made


def coverage(found: Experiments, asimov: float) -> list[Coverage]:
    """Coverage of the intervals, and of the upper limit where there is something to exclude.

    `asimov` is the test q of the strength 1 in the expected background.
    """
    squared = asimov * found.strength**2
    held = _held(found.t, found.q, squared)
    wanted = expected(squared)
    return [
        Coverage(found.strength, *name, wanted[name], Share.of(int(rows.sum()), len(rows)))
        for name, rows in held.items()
    ]


def expected(squared: float) -> dict[tuple[str, float], float]:
    """Coverage by kind and confidence of a normal strength that is sqrt(`squared`) deviations high.

    With x the fitted strength and m the true one in standard deviations, t is (m - x)^2 where x
    is positive, else m^2 - 2 m x (arXiv:1007.1727, eq. 40).
    """
    true = np.sqrt(squared)
    fitted = true + norm.ppf(_QUANTILES)
    t = np.where(fitted > 0.0, (true - fitted) ** 2, squared - 2.0 * true * fitted)
    q = np.where(fitted > true, 0.0, t)
    return {name: float(rows.mean()) for name, rows in _held(t, q, squared).items()}


def cls(q: Floats, asimov: float) -> Floats:
    """CLs of a strength of the test q, which is `asimov` in the expected background.

    With a = sqrt(asimov), sqrt(q) is normal around 0 with signal and around a without, up to a;
    beyond it (q + a^2) / 2a and (q - a^2) / 2a take its place (arXiv:1007.1727, eq. 65 and 66).
    """
    a, root = np.sqrt(asimov), np.sqrt(q)
    beyond = root > a
    with_signal = np.where(beyond, (q + asimov) / (2.0 * a), root)
    without = np.where(beyond, (q - asimov) / (2.0 * a), root - a)
    return np.asarray(norm.sf(with_signal) / norm.sf(without))


def uniformity(p_values: Floats) -> Uniformity:
    """What p-values of background alone say of the test, (experiments,)."""
    number = len(p_values)
    largest = float(norm.sf(np.sqrt(_LEAST_Q0)))
    rest = p_values[p_values < largest]
    levels = {name: norm.sf(z) for name, z in (("1 sigma", 1.0), ("2 sigma", 2.0))}
    return Uniformity(
        Share.of(number - len(rest), number),
        float(kstest(rest / largest, "uniform").pvalue) if len(rest) else 0.0,
        {name: Share.of(int(np.sum(rest < one)), number) for name, one in levels.items()},
    )


def _held(t: Floats, q: Floats, asimov: float) -> dict[tuple[str, float], NDArray[np.bool_]]:
    """Whether each interval and limit holds the truth, by kind and confidence."""
    held = {("interval", level): t < chi2.ppf(level, 1) for level in _CONFIDENCES}
    if asimov > 0.0:
        held["upper limit", _CONFIDENCES[-1]] = cls(q, asimov) > 1.0 - _CONFIDENCES[-1]
    return held
