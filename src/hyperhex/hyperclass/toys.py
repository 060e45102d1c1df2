"""The p-value of a discovery by counting pseudo-experiments of background alone.

The background's uncertainties are where the data want them if there is no signal. The share of
experiments whose q0 is at least the observed one needs no asymptotic formula, but many experiments:
a p-value far below one over their number is beyond them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, norm

from hyperhex.hyperclass.pseudo_experiments import (
    Share,
    draw,
    fit_experiments,
    model_of,
    null_fit,
)

__all__ = ["ToyTest", "toy_test"]

# counted experiments that a p-value to a third needs
_ENOUGH = 10


@dataclass(frozen=True)
class ToyTest:
    """Both p-values of one observation; `resolved` says whether the toys are enough for theirs."""

    q0: float
    asymptotic_p_value: float
    p_value: Share
    failed_fits: int
    resolved: bool
    statement: str


def toy_test(spec: Mapping[str, Any], number: int, generator: np.random.Generator) -> ToyTest:
    """Test the workspace's observation against `number` pseudo-experiments of background alone."""
    model, data = model_of(spec)
    q0 = float(fit_experiments(model, np.array([data]), 0.0).q0[0])
    toys = fit_experiments(model, draw(model, null_fit(model, data), number, generator), 0.0)
    p_value = Share.of(int(np.sum(toys.q0 >= q0)), len(toys.q0))
    asymptotic = float(norm.sf(np.sqrt(q0)))
    statement = _statement(p_value, asymptotic)
    return ToyTest(q0, asymptotic, p_value, toys.failed, p_value.count >= _ENOUGH, statement)


def _statement(found: Share, asymptotic: float) -> str:
    reached = f"{found.count} of {found.number} toys reach the observed q0"
    if found.count >= _ENOUGH:
        return f"{reached}: p = {found.share:.3g} ({found.low:.3g} to {found.high:.3g} at 68.3 %)"
    exact = binomtest(found.count, found.number, alternative="less").proportion_ci(0.95, "exact")
    needed = f"{_ENOUGH / asymptotic:.1g}" if asymptotic > 0.0 else "too many to count"
    return (
        f"{reached}: too few to resolve p, below {exact.high:.2g} at 95 % confidence;"
        f" the asymptotic {asymptotic:.2g} needs about {needed} toys (hyperclass.toys)"
    )
