"""Expected CLs upper limits on the strength of a signal (arXiv:1007.1727, sec. 4.3).

With q_A the test statistic q~_mu of the expected background, the limit at the confidence 1 - alpha
for a background that fluctuates by N standard deviations is the mu with
sqrt(q_A(mu)) = N + Phi^-1(1 - alpha Phi(N)): as in eq. 89, with alpha times the background's own
p-value, by which CLs divides.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hyperhex.hyperclass.binned import Binned
from hyperhex.hyperclass.histfactory import Histogram, quiet, workspace

__all__ = ["BANDS", "Limit", "expected_limits", "sensible", "strengths", "write_limits"]

Floats = NDArray[np.float64]

# standard deviations of the background's fluctuation
BANDS = (-2, -1, 0, 1, 2)
_ALPHA = 0.05
_TOLERANCE = 1e-3
_STEPS = 20
# strength of the signal that fits may reach, in units of a sensible one
_BOUND = 100.0


@dataclass(frozen=True)
class Limit:
    """Limit on one point: strengths by `BANDS`, relative to the leading-order cross-section.

    `cross_section` [pb] is that of the whole point, `visible` [pb] what of it is in the region;
    without any of it there, there are no strengths.
    """

    theory: str
    point: str
    cross_section: float
    visible: float
    strengths: tuple[float, ...]


def sensible(signal: Histogram, background: Floats, error: Floats) -> float:
    """Strength at which a signal is of the size of the background's fluctuations and errors."""
    return float(1.0 / np.sqrt(np.sum(signal.counts**2 / (background + error**2))))


def strengths(bins: Binned, channel: str, normalisation: float) -> tuple[float, ...]:
    """Limits by `BANDS` on the strength of a signal.

    None if it is nowhere or negative, or so like the background that no strength is excluded.
    """
    signal = bins.signal
    if np.any(signal.counts < 0.0) or not signal.counts.sum() > 0.0:
        return ()
    squares = [one.errors**2 + (normalisation * one.counts) ** 2 for one in bins.backgrounds]
    unit = sensible(signal, bins.total, np.sqrt(np.sum(squares, axis=0)))
    scaled = Histogram(signal.name, unit * signal.counts, unit * signal.errors)
    spec = workspace(channel, bins.backgrounds, scaled, normalisation, bins.shifts)
    found = expected_limits(spec)
    return tuple(unit * one for one in found) if np.isfinite(found).all() else ()


def expected_limits(spec: Mapping[str, Any]) -> tuple[float, ...]:
    """Limits by `BANDS` on a workspace whose signal has a sensible strength; inf if too high."""
    with quiet():
        import pyhf

        model = pyhf.Workspace(spec).model()
        start = model.config.suggested_init()
        bounds = model.config.suggested_bounds()
        start[model.config.poi_index] = 0.0
        bounds[model.config.poi_index] = (0.0, _BOUND)
        data = model.expected_data(start).tolist()
        fixed = model.config.suggested_fixed()

        def root_q(strength: float) -> float:
            found = pyhf.infer.test_statistics.qmu_tilde(
                strength, data, model, start, bounds, fixed
            )
            return float(np.sqrt(max(0.0, float(found))))

        limits: list[float] = []
        for band in BANDS:
            target = float(band + norm.isf(_ALPHA * norm.cdf(band)))
            begin = limits[-1] * 1.3 if limits else target
            limits.append(_root(root_q, target, begin))
    return tuple(limits)


def write_limits(path: Path, limits: Sequence[Limit]) -> None:
    """Table of limits on cross-sections [pb], `n/a` where a point has no event in the region."""
    bands = [f"limit{band:+d}" if band else "limit" for band in BANDS]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["theory", "point", "cross_section", "visible", *bands])
        for one in limits:
            found = [f"{strength * one.cross_section:.6g}" for strength in one.strengths]
            numbers = [f"{one.cross_section:.6g}", f"{one.visible:.6g}"]
            writer.writerow([one.theory, one.point, *numbers, *(found or ["n/a"] * len(bands))])


def _root(function: Callable[[float], float], target: float, begin: float) -> float:
    """Where a rising function, nearly a straight line from the origin, is equal to the target."""
    low = (0.0, 0.0)
    begin = min(begin, _BOUND)
    point = (begin, function(begin))
    for _ in range(_STEPS):
        slope = (point[1] - low[1]) / (point[0] - low[0])
        if slope <= 0.0:
            break
        if point[0] >= _BOUND and point[1] < target:
            return float("inf")
        following = point[0] + (target - point[1]) / slope
        following = float(np.clip(following, 0.2 * point[0], min(_BOUND, 5.0 * point[0])))
        if abs(following - point[0]) < _TOLERANCE * point[0]:
            return following
        low, point = point, (following, function(following))
    return point[0]
