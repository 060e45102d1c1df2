"""Significance improvement and total improvement, with bootstrap errors.

SI(eps_B) = eps_S / sqrt(eps_B) is what a cut on a score multiplies a significance S / sqrt(B) by;
TI is its maximum over eps_B = 1e-2, 1e-3, 1e-4 (arXiv:2105.14027). A working point is usable where
the background is large enough to know it: effective events (sum w)^2 / sum w^2 at least 10 / eps_B
and no event of more than eps_B / 5 of the total weight. Elsewhere there is no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.detect.region import effective_number
from hyperhex.hyperclass.efficiency import Cut, auc, cuts, signal_efficiency

__all__ = [
    "TABLE_POINTS",
    "Background",
    "Result",
    "WorkingPoint",
    "improvement",
    "replicas",
    "spread",
    "working_points",
]

Floats = NDArray[np.float64]

# the background efficiencies of published tables, and of the maximum that is TI
TABLE_POINTS = (1e-2, 1e-3, 1e-4)
_EFFECTIVE_EVENTS = 10.0
_LARGEST_SHARE = 0.2
# sums of weights are not exact; a thousand equal events are a thousand
_ROUNDING = 1e-9


@dataclass(frozen=True)
class WorkingPoint:
    """A background efficiency; `reason` says why it is not usable, or is empty."""

    efficiency: float
    reason: str

    @property
    def usable(self) -> bool:
        """Whether numbers may be quoted here."""
        return not self.reason


@dataclass(frozen=True)
class Background:
    """Background under one score: events and the cuts that they set, nominal and replicas.

    `score` (n,), `weight` (n,) [pb], `cut` of shape (1 + replicas, efficiencies).
    """

    score: Floats
    weight: Floats
    cut: Cut

    @classmethod
    def of(
        cls, score: Floats, weight: Floats, factors: Floats, points: Sequence[WorkingPoint]
    ) -> Background:
        """Background of bootstrap `factors` (1 + replicas, n), the first row all ones."""
        efficiencies = np.array([point.efficiency for point in points])
        return cls(score, weight, cuts(score, weight * factors, efficiencies))


@dataclass(frozen=True)
class Result:
    """Signal efficiencies of one score for one signal, nominal first and then replicas.

    `efficiency` (1 + replicas, efficiencies) with nan where the working point is not usable.
    """

    area: float
    points: tuple[WorkingPoint, ...]
    efficiency: Floats

    @property
    def si(self) -> Floats:
        """Significance improvement, (1 + replicas, efficiencies)."""
        return self.efficiency / np.sqrt([point.efficiency for point in self.points])

    @property
    def ti(self) -> Floats:
        """Total improvement over the published working points, (1 + replicas,)."""
        columns = [
            column
            for column, point in enumerate(self.points)
            if point.usable and point.efficiency in TABLE_POINTS
        ]
        if not columns:
            return np.full(len(self.efficiency), np.nan)
        return self.si[:, columns].max(axis=1)


def working_points(weight: Floats, efficiencies: Sequence[float]) -> list[WorkingPoint]:
    """Which background efficiencies the events of `weight` (n,) can tell."""
    total = float(np.sum(weight))
    effective = effective_number(weight)
    largest = float(np.max(np.abs(weight), initial=0.0)) / total if total > 0.0 else 1.0
    points = []
    for efficiency in efficiencies:
        reasons = []
        needed = _EFFECTIVE_EVENTS / efficiency
        if effective < needed * (1.0 - _ROUNDING):
            reasons.append(f"{effective:.0f} effective background events, {needed:.0f} needed")
        if largest >= efficiency * _LARGEST_SHARE:
            allowed = efficiency * _LARGEST_SHARE
            reasons.append(f"largest weight {largest:.2g} of the total, below {allowed:.2g} needed")
        points.append(WorkingPoint(efficiency, "; ".join(reasons)))
    return points


def replicas(events: int, number: int, generator: np.random.Generator) -> Floats:
    """Bootstrap factors, (1 + number, events): ones, then Poisson of mean one for each replica."""
    factors = np.ones((1 + number, events))
    factors[1:] = generator.poisson(1.0, (number, events))
    return factors


def improvement(
    background: Background,
    score: Floats,
    weight: Floats,
    factors: Floats,
    points: Sequence[WorkingPoint],
) -> Result:
    """Result for a signal of `score` and `weight` (n,), `factors` (1 + replicas, n)."""
    usable = np.array([point.usable for point in points])
    efficiency = signal_efficiency(score, weight * factors, background.cut)
    return Result(
        area=auc(score, weight, background.score, background.weight),
        points=tuple(points),
        efficiency=np.where(usable, efficiency, np.nan),
    )


def spread(values: Floats) -> Floats:
    """Standard deviation over the replicas of values (1 + replicas, ...), without the nominal.

    Replicas without a value (nan) do not count; nan where fewer than two have one.
    """
    drawn = values[1:]
    known = np.isfinite(drawn)
    number = known.sum(axis=0)
    mean = np.where(known, drawn, 0.0).sum(axis=0) / np.maximum(number, 1)
    squares = np.where(known, drawn - mean, 0.0) ** 2
    variance = squares.sum(axis=0) / np.maximum(number - 1, 1)
    return np.asarray(np.where(number > 1, np.sqrt(variance), np.nan))
