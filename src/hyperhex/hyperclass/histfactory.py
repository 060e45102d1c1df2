"""Hypothesis test of an injected signal: a HistFactory model of the mixture's score (pyhf).

Bins lie between quantiles of the background's score. Each background is a sample with an
uncertain normalisation; the statistical errors of the simulated events are always part of the
model, of background and signal alike. The data are the expected background plus signal ("Asimov",
arXiv:1007.1727), so the significance is the median one.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hyperhex.detect.region import effective_number
from hyperhex.errors import SelectionError
from hyperhex.hyperclass.efficiency import cuts

__all__ = [
    "Histogram",
    "Outcome",
    "counting_significance",
    "edges",
    "fill",
    "outcome",
    "quiet",
    "workspace",
]

Floats = NDArray[np.float64]

_MEASUREMENT = "discovery"
_INTEREST = "mu"


@dataclass(frozen=True)
class Histogram:
    """Expected events of a sample and their statistical errors, (bins,)."""

    name: str
    counts: Floats
    errors: Floats


@dataclass(frozen=True)
class Outcome:
    """Outcome of the test of the background-only hypothesis."""

    p_value: float
    significance: float


def edges(score: Floats, weight: Floats, quantiles: Sequence[float], least: float) -> Floats:
    """Inner bin edges at background efficiencies, from low to high score, (bins - 1,).

    An edge that would leave a bin with fewer than `least` effective background events, or without
    a positive sum, is dropped.
    """
    wanted = np.sort(np.asarray(quantiles, dtype=np.float64))
    if not weight.sum() > 0.0:
        msg = (
            f"background of {len(weight)} events sums to {weight.sum():g} pb, expected more than 0"
        )
        raise SelectionError(msg)
    highest_first = cuts(score, weight[None, :], wanted).threshold[0]
    kept: list[float] = []
    upper = np.inf
    for edge in highest_first:
        if _filled(weight[(score >= edge) & (score < upper)], least):
            kept.append(float(edge))
            upper = edge
    while kept and not _filled(weight[score < kept[-1]], least):
        kept.pop()
    return np.array(kept[::-1])


def fill(name: str, score: Floats, weight: Floats, inner: Floats, scale: float) -> Histogram:
    """Histogram of events of `weight` (n,) [pb], `scale` events per pb."""
    index = np.searchsorted(inner, score, side="right")
    counts = np.zeros(len(inner) + 1)
    squares = np.zeros(len(inner) + 1)
    np.add.at(counts, index, weight)
    np.add.at(squares, index, weight**2)
    return Histogram(name, counts * scale, np.sqrt(squares) * scale)


def workspace(
    channel: str,
    backgrounds: Sequence[Histogram],
    signal: Histogram,
    normalisation: float,
    shifts: Mapping[str, Mapping[str, Floats]] | None = None,
    *,
    simulation_errors: bool = True,
) -> dict[str, Any]:
    """HistFactory workspace whose observation is the expected background plus signal.

    The model always carries the statistical errors of simulation; without them it only serves to
    say what they cost. `shifts` are relative shifts (bins,) by variation of the showers and sample:
    one standard deviation of a nuisance parameter that all samples share, up as much as down.
    """
    filled = [one for one in backgrounds if np.any(one.counts != 0.0)]
    total = np.sum([one.counts for one in filled], axis=0)
    if not np.all(total > 0.0):
        msg = f"expected background {total.tolist()} in {channel}, more than 0 needed in every bin"
        raise SelectionError(msg)
    samples = [
        {
            "name": one.name,
            "data": one.counts.tolist(),
            "modifiers": [
                {
                    "name": f"normalisation_{one.name}",
                    "type": "normsys",
                    "data": {"hi": 1.0 + normalisation, "lo": 1.0 - normalisation},
                },
                *_shapes(one, shifts or {}),
                *_errors("simulation_background", one, simulation_errors),
            ],
        }
        for one in filled
    ]
    samples.append(
        {
            "name": signal.name,
            "data": signal.counts.tolist(),
            "modifiers": [
                {"name": _INTEREST, "type": "normfactor", "data": None},
                *_shapes(signal, shifts or {}),
                *_errors("simulation_signal", signal, simulation_errors),
            ],
        }
    )
    return {
        "version": "1.0.0",
        "channels": [{"name": channel, "samples": samples}],
        "observations": [{"name": channel, "data": (total + signal.counts).tolist()}],
        "measurements": [{"name": _MEASUREMENT, "config": {"poi": _INTEREST, "parameters": []}}],
    }


def outcome(spec: Mapping[str, Any], *, signal: bool = True) -> Outcome:
    """Test of background alone (q0, arXiv:1007.1727 eq. 12) on the workspace's observation.

    With `signal` False the data are the expected background instead.
    """
    with quiet():
        import pyhf

        loaded = pyhf.Workspace(spec)
        model = loaded.model()
        if signal:
            data = loaded.data(model)
        else:
            parameters = model.config.suggested_init()
            parameters[model.config.poi_index] = 0.0
            data = model.expected_data(parameters).tolist()
        config = model.config
        start = (config.suggested_init(), config.suggested_bounds(), config.suggested_fixed())
        q0 = float(pyhf.infer.test_statistics.q0(0.0, data, model, *start))
    # from q0 itself: the p-value of a strong signal is too small for a float
    significance = float(np.sqrt(max(0.0, q0)))
    return Outcome(p_value=float(norm.sf(significance)), significance=significance)


def counting_significance(signal: float, background: float) -> float:
    """Significance of one bin, sqrt(2 ((s + b) ln(1 + s / b) - s)) (arXiv:1007.1727, eq. 97)."""
    return float(np.sqrt(2.0 * ((signal + background) * np.log1p(signal / background) - signal)))


def _filled(weight: Floats, least: float) -> bool:
    return bool(weight.sum() > 0.0) and effective_number(weight) >= least


def _errors(name: str, one: Histogram, wanted: bool) -> Iterator[dict[str, Any]]:
    if wanted:
        yield {"name": name, "type": "staterror", "data": one.errors.tolist()}


def _shapes(one: Histogram, shifts: Mapping[str, Mapping[str, Floats]]) -> Iterator[dict[str, Any]]:
    for variation, relative in shifts.items():
        shift = one.counts * relative[one.name]
        templates = {
            "hi_data": (one.counts + shift).tolist(),
            "lo_data": (one.counts - shift).tolist(),
        }
        yield {"name": f"showers_{variation}", "type": "histosys", "data": templates}


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of pyhf 0.7 about newer releases of its own dependencies."""
    logging.getLogger("pyhf").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
