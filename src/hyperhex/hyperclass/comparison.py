"""Methods against each other over all signals: medians, extremes, and their errors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from hyperhex.detect.region import effective_number
from hyperhex.hyperclass.improvement import (
    TABLE_POINTS,
    Background,
    Result,
    WorkingPoint,
    improvement,
    replicas,
    spread,
)
from hyperhex.hyperclass.scores import AVERAGE, Scores
from hyperhex.random import stream
from hyperhex.train.unseen import GROUP, NONE

__all__ = [
    "BY_GROUP",
    "KNOWN",
    "MEAN_SINGLE",
    "SUPERVISED",
    "Headline",
    "Signal",
    "Versus",
    "headline",
    "measure",
    "measured",
    "summarised",
    "versus",
]

Floats = NDArray[np.float64]

# the mean over the classifiers of single theories, without the one of the signal's own theory
MEAN_SINGLE = "single_mean"
# what the name of a method ends with where the signal's whole group was left out
BY_GROUP = "_by_group"
# the classifier of the signal's own theory: what only who knows the answer could use
SUPERVISED = "supervised"
# the mixture with the signal's theory in it
KNOWN = "mixture_known"


@dataclass(frozen=True)
class Headline:
    """A number to rank by: its name, and the working point's column, None for TI."""

    name: str
    column: int | None


@dataclass(frozen=True)
class Signal:
    """What every method makes of the events of one point; `effective` is their number.

    `relatives` are the theories of its group, itself among them.
    """

    theory: str
    label: str
    effective: float
    results: Mapping[str, Result] = field(default_factory=dict)
    relatives: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Theory and point."""
        return f"{self.theory}_{self.label}"


def measured(
    scores: Scores, points: Sequence[WorkingPoint], number: int, least: float, seed: int
) -> list[Signal]:
    """Results of every method for every signal with at least `least` effective events.

    Errors come from `number` bootstrap replicas, the same background replicas for all methods, so
    that differences of methods have honest errors too.
    """
    background = np.concatenate([events.rows for events in scores.backgrounds()])
    weight = scores.weight[background]
    factors = replicas(len(background), number, stream(seed, "hyperclass", "background"))
    known: dict[tuple[str, str], Background] = {}
    relatives = _relatives(scores)
    signals = []
    for events in scores.signals():
        effective = effective_number(events.weight)
        results: dict[str, Result] = {}
        if effective >= least and events.weight.sum() > 0.0:
            draws = stream(seed, "hyperclass", events.theory, events.label)
            signal_factors = replicas(len(events.weight), number, draws)
            for method, key, score in _methods(scores, events.theory, relatives[events.theory]):
                if key not in known:
                    known[key] = Background.of(score[background], weight, factors, points)
                results[method] = improvement(
                    known[key], score[events.rows], events.weight, signal_factors, points
                )
        signals.append(
            Signal(events.theory, events.label, effective, results, relatives[events.theory])
        )
    return signals


def measure(signal: Signal, method: str, column: int | None) -> Floats:
    """SI at a working point, or TI if `column` is None, (1 + replicas,); nan where unknown."""
    if method in {MEAN_SINGLE, MEAN_SINGLE + BY_GROUP}:
        known = {signal.theory} if method == MEAN_SINGLE else signal.relatives
        own = {f"single_{theory}" for theory in known}
        singles = [n for n in signal.results if n.startswith("single_") and n not in own]
        values = [measure(signal, name, column) for name in singles]
        return np.mean(values, axis=0) if values else np.full(1, np.nan)
    name = f"single_{signal.theory}" if method == SUPERVISED else method
    result = signal.results.get(name)
    if result is None:
        return np.full(1, np.nan)
    return result.ti if column is None else result.si[:, column]


def summarised(
    signals: Sequence[Signal], method: str, column: int | None
) -> dict[str, tuple[float, float]] | None:
    """Median, minimum and maximum over the signals with their errors; None where unknown."""
    values = [measure(signal, method, column) for signal in signals]
    known = [value for value in values if np.isfinite(value[0])]
    if not known:
        return None
    stacked = np.stack(known, axis=1)
    with warnings.catch_warnings():
        # a replica without a single event of a small signal has no value
        warnings.simplefilter("ignore", RuntimeWarning)
        parts = {
            "median": np.nanmedian(stacked, axis=1),
            "min": np.nanmin(stacked, axis=1),
            "max": np.nanmax(stacked, axis=1),
        }
        return {name: (float(part[0]), float(spread(part))) for name, part in parts.items()}


def headline(points: Sequence[WorkingPoint]) -> Headline | None:
    """The number that methods are ranked by: TI, or else SI at the least usable efficiency."""
    usable = [column for column, point in enumerate(points) if point.usable]
    if not usable:
        return None
    if any(points[column].efficiency in TABLE_POINTS for column in usable):
        return Headline("TI", None)
    least = min(usable, key=lambda column: points[column].efficiency)
    return Headline(f"SI at {points[least].efficiency:g}", least)


@dataclass(frozen=True)
class Versus:
    """One method against another, signal by signal.

    `ratio` is the median over signals of one number over the other, `better` the signals of `of`
    with a ratio above one and `significance` the chance that fair coins do as well; `above` and
    `twice` are the parts of the bootstrap replicas with a median above one and two.
    """

    ratio: float
    error: float
    better: int
    of: int
    significance: float
    above: float
    twice: float


def versus(signals: Sequence[Signal], method: str, other: str, column: int | None) -> Versus | None:
    """Comparison of two methods; None where no signal has numbers of both."""
    pairs = [(measure(s, method, column), measure(s, other, column)) for s in signals]
    known = [(a, b) for a, b in pairs if np.isfinite(a[0]) and np.isfinite(b[0]) and b[0] > 0.0]
    if not known:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        each = np.stack([a / np.where(b > 0.0, b, np.nan) for a, b in known], axis=1)
        median = np.nanmedian(each, axis=1)
    better = int(np.sum(each[0] > 1.0))
    drawn = median[1:][np.isfinite(median[1:])]
    return Versus(
        ratio=float(median[0]),
        error=float(spread(median)),
        better=better,
        of=len(known),
        significance=float(binomtest(better, len(known), alternative="greater").pvalue),
        above=float(np.mean(drawn > 1.0)) if len(drawn) else 0.0,
        twice=float(np.mean(drawn > 2.0)) if len(drawn) else 0.0,
    )


def _methods(
    scores: Scores, theory: str, relatives: frozenset[str]
) -> Iterator[tuple[str, tuple[str, str], Floats]]:
    """Name of each method, which background scores it shares, and the scores of all events."""
    for method in scores.methods:
        yield method, (method, theory), scores.of_mixture(method, theory)
    group = f"{GROUP}{_group(scores, theory)}"
    if any(name.startswith(GROUP) for name in scores.left_out):
        # a group of one theory is left out with it
        left_out = group if len(relatives) > 1 else theory
        for method in scores.methods:
            yield method + BY_GROUP, (method, left_out), scores.of_mixture(method, left_out)
    if NONE in scores.left_out:
        yield KNOWN, (AVERAGE, NONE), scores.of_mixture(AVERAGE, NONE)
    for name in scores.names:
        yield name, (name, ""), scores.of(name)


def _group(scores: Scores, theory: str) -> str:
    return next(str(one["group"]) for one in scores.theories if one["name"] == theory)


def _relatives(scores: Scores) -> dict[str, frozenset[str]]:
    """Signals of the group of each signal, itself among them."""
    signals = [theory for theory in scores.theories if theory["role"] == "signal"]
    return {
        one["name"]: frozenset(other["name"] for other in signals if other["group"] == one["group"])
        for one in signals
    }
