"""Event weights of a point from runs of a generator with different seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from hyperhex.errors import GenerationError

__all__ = ["Run", "Sample", "combine"]


@dataclass(frozen=True)
class Run:
    """Bookkeeping of one run: events, tried phase-space points, sum of weights, sigma [pb]."""

    generated: int
    kept: int
    tried: int
    weight: float
    cross_section: float
    cross_section_error: float


@dataclass(frozen=True)
class Sample:
    """A point's cross-section [pb], its events, and `scale` [pb] that multiplies their weights."""

    cross_section: float
    cross_section_error: float
    generated: int
    kept: int
    scale: float


def combine(runs: Sequence[Run]) -> Sample:
    """One sample of several runs of the same point.

    A run's cross-section is a mean over the phase-space points that it tried, so the runs are
    weighted by these: sigma = sum_i t_i sigma_i / sum_i t_i, and the errors in quadrature alike.
    An event of generator weight w then has w sigma / W, where W sums the weights of all
    generated events, kept or not: what is kept sums to sigma times its efficiency.
    """
    tried = sum(run.tried for run in runs)
    sigma = sum(run.tried * run.cross_section for run in runs) / tried
    variance = sum((run.tried * run.cross_section_error) ** 2 for run in runs)
    weight = sum(run.weight for run in runs)
    if weight == 0 or sigma == 0:
        msg = f"the weights sum to {weight:g}, the cross-section is {sigma:g} pb: nothing to scale"
        raise GenerationError(msg)
    return Sample(
        cross_section=sigma,
        cross_section_error=sqrt(variance) / tried,
        generated=sum(run.generated for run in runs),
        kept=sum(run.kept for run in runs),
        scale=sigma / weight,
    )
