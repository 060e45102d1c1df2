"""Pseudo-experiments of a statistical model, and the test statistics of each (pyhf).

The counts of all bins are drawn from Poisson laws, and so is what was measured elsewhere of every
uncertainty (the auxiliary data) from the law that constrains it: an experiment that is repeated
repeats both. Whatever modifiers the model has, its likelihood of the drawn data is maximised anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from hyperhex.errors import SelectionError
from hyperhex.hyperclass.histfactory import quiet

__all__ = ["Experiments", "Share", "draw", "fit_experiments", "model_of", "null_fit", "parameters"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """How many of all; with the central exact interval (Clopper, Pearson) at 68.3 %."""

    count: int
    number: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, number: int) -> Share:
        """Share of `count` in `number`, at least one."""
        interval = binomtest(count, number).proportion_ci(1.0 - 2.0 * norm.sf(1.0), "exact")
        return cls(count, number, count / number, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Experiments:
    """Tests of pseudo-experiments whose true strength is `strength`, (experiments,) each.

    `best` is the fitted strength, not below zero; `q0` tests the background alone, and `t` the true
    strength (arXiv:1007.1727, eq. 12 and 11). An experiment whose fit failed is not among them.
    """

    strength: float
    best: Floats
    q0: Floats
    t: Floats
    failed: int

    @property
    def q(self) -> Floats:
        """One-sided test of the true strength against smaller ones (eq. 16)."""
        return np.where(self.best > self.strength, 0.0, self.t)

    @property
    def p_values(self) -> Floats:
        """Of the background alone, asymptotic."""
        return np.asarray(norm.sf(np.sqrt(self.q0)))


def model_of(spec: Mapping[str, Any]) -> tuple[Any, list[float]]:
    """Model of a workspace, and its observed data."""
    with quiet():
        import pyhf

        workspace = pyhf.Workspace(spec)
        model = workspace.model()
        return model, list(workspace.data(model))


def parameters(model: Any, strength: float) -> Floats:
    """Every uncertainty at its nominal value, and the signal at a strength, (parameters,)."""
    found = np.array(model.config.suggested_init())
    found[model.config.poi_index] = strength
    return found


def null_fit(model: Any, data: list[float]) -> Floats:
    """Parameters that suit the data best where there is no signal, (parameters,)."""
    with quiet():
        return _fitted(model, np.asarray(data), parameters(model, 0.0), 0.0)[0]


def draw(model: Any, truth: Floats, number: int, generator: np.random.Generator) -> Floats:
    """Data of pseudo-experiments where `truth` holds, (number, bins + auxiliary data)."""
    config = model.config
    with quiet():
        expected = np.asarray(model.expected_actualdata(truth))
        auxiliary = np.asarray(model.expected_auxdata(truth))
    columns: list[NDArray[Any]] = [
        generator.poisson(np.maximum(expected, 0.0), (number, len(expected)))
    ]
    begin = 0
    for name in config.auxdata_order:
        constraint = config.param_set(name)
        centre = auxiliary[begin : begin + len(constraint.auxdata)]
        begin += len(centre)
        shape = (number, len(centre))
        if constraint.pdf_type == "poisson":
            columns.append(generator.poisson(centre, shape))
        else:
            columns.append(generator.normal(centre, constraint.width(), shape))
    return np.concatenate(columns, axis=1, dtype=np.float64)


def fit_experiments(model: Any, data: Floats, strength: float) -> Experiments:
    """Fit data (experiments, bins + auxiliary data) with and without signal, and at the truth."""
    with quiet():
        from pyhf.exceptions import FailedMinimization

        rows = []
        for one in data:
            try:
                rows.append(_tests(model, one, strength))
            except FailedMinimization:
                continue
    if not rows:
        msg = f"none of {len(data)} pseudo-experiments could be fitted; check the workspace"
        raise SelectionError(msg)
    best, q0, t = np.array(rows).T
    return Experiments(strength, best, q0, t, failed=len(data) - len(rows))


def _tests(model: Any, data: Floats, strength: float) -> tuple[float, float, float]:
    """Best strength, q0 and t of one experiment."""
    null, least_null = _fitted(model, data, parameters(model, 0.0), 0.0)
    # from the uncertainties that the data without signal want
    null[model.config.poi_index] = max(strength, 0.1)
    best, least = _fitted(model, data, null)
    at_truth = least_null
    if strength > 0.0:
        at_truth = _fitted(model, data, best, strength)[1]
    # the free fit may stop a tolerance above a minimum that the others found
    least = min(least, least_null, at_truth)
    return float(best[model.config.poi_index]), least_null - least, at_truth - least


def _fitted(
    model: Any, data: Floats, start: Floats, strength: float | None = None
) -> tuple[Floats, float]:
    """Best parameters and -2 ln L there; the strength is free unless it is given."""
    import pyhf

    config = model.config
    bounds, fixed = config.suggested_bounds(), config.suggested_fixed()
    begin = np.clip(start, *np.transpose(bounds)).tolist()
    told = (data.tolist(), model, begin, bounds, fixed)
    if strength is None:
        found = pyhf.infer.mle.fit(*told, return_fitted_val=True)
    else:
        found = pyhf.infer.mle.fixed_poi_fit(strength, *told, return_fitted_val=True)
    return np.asarray(found[0], dtype=np.float64), float(found[1])
