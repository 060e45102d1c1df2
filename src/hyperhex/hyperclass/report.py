"""Results as machines read them: rows of the public table, JSON, and the points of curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.detect.region import effective_number
from hyperhex.hyperclass.comparison import (
    BY_GROUP,
    KNOWN,
    MEAN_SINGLE,
    SUPERVISED,
    Signal,
    headline,
    measure,
    summarised,
    versus,
)
from hyperhex.hyperclass.efficiency import cuts, signal_efficiency
from hyperhex.hyperclass.improvement import TABLE_POINTS, WorkingPoint, spread
from hyperhex.hyperclass.scores import AVERAGE, Scores
from hyperhex.hyperclass.table import Row

__all__ = ["Curves", "Improvements", "by_theory", "curves", "improvement", "rows"]

Floats = NDArray[np.float64]

NOT_AVAILABLE = "n/a"
_CURVES = 4
_CURVE_EFFICIENCIES = np.geomspace(1e-3, 1.0, 61)


@dataclass(frozen=True)
class Curves:
    """Curves of the mixture for a few left-out signals: efficiencies (n,) and (signals, n)."""

    signals: list[tuple[str, str]]
    background: Floats
    passing: Floats


@dataclass(frozen=True)
class Improvements:
    """The headline number of each theory, the mean over its points, by method.

    `values` and `errors` (theories,) by method; `lowest` and `highest` (theories,) of the
    classifiers of single other theories.
    """

    theories: list[str]
    values: dict[str, tuple[Floats, Floats]]
    ranges: tuple[Floats, Floats]


def rows(signals: Sequence[Signal], channel: str, points: Sequence[WorkingPoint]) -> Iterator[Row]:
    """Rows of the public table for every signal and method."""
    efficiencies = [point.efficiency for point in points]
    found = {method: None for signal in signals for method in signal.results}
    methods = [method for method in found if method != KNOWN]
    columns = [efficiencies.index(point) for point in TABLE_POINTS]
    for signal in signals:
        for method in methods:
            result = signal.results.get(method)
            if result is None:
                yield Row(signal.name, method, channel, None, (None,) * len(columns))
                continue
            nominal = result.efficiency[0, columns].tolist()
            known = tuple(value if math.isfinite(value) else None for value in nominal)
            yield Row(signal.name, method, channel, result.area, known)


def improvement(
    scores: Scores, signals: Sequence[Signal], points: Sequence[WorkingPoint]
) -> dict[str, Any]:
    """Everything that was measured, JSON-able; what is not known is `n/a`."""
    weight = np.concatenate([events.weight for events in scores.backgrounds()])
    others = [name for name in scores.names if not name.startswith("single_")]
    methods = _compared(scores, signals, others)
    return {
        "n_theories": len({signal.theory for signal in signals}),
        "n_points": len(signals),
        "n_points_measured": sum(bool(signal.results) for signal in signals),
        "background_events": len(weight),
        "background_effective_events": effective_number(weight),
        "background_cross_section": float(weight.sum()),
        "working_points": [asdict(point) | {"usable": point.usable} for point in points],
        "methods": {name: _of_method(signals, name, points) for name in methods},
        "comparison": _comparison(signals, points, AVERAGE, MEAN_SINGLE),
        "baselines": [_comparison(signals, points, AVERAGE, other) for other in others],
        "by_group": [
            _comparison(signals, points, AVERAGE + BY_GROUP, other)
            for other in (MEAN_SINGLE + BY_GROUP, *others)
            if AVERAGE + BY_GROUP in methods
        ],
        "signals": [_of_signal(signal, points) for signal in signals],
    }


def curves(scores: Scores, signals: Sequence[Signal]) -> Curves:
    """Curves of the mixture for a few left-out theories, from the strongest to the weakest."""
    measured = sorted(
        (signal for signal in signals if signal.results),
        key=lambda signal: -signal.results[AVERAGE].area,
    )
    spaced = np.linspace(0, len(measured) - 1, _CURVES if measured else 0)
    picked = [measured[index] for index in np.unique(spaced.round().astype(int))]
    background = np.concatenate([events.rows for events in scores.backgrounds()])
    events_of = {(events.theory, events.label): events for events in scores.signals()}
    passing = []
    for signal in picked:
        score = scores.of_mixture(AVERAGE, signal.theory)
        events = events_of[signal.theory, signal.label]
        cut = cuts(score[background], scores.weight[background][None, :], _CURVE_EFFICIENCIES)
        passing.append(signal_efficiency(score[events.rows], events.weight[None, :], cut)[0])
    names = [(signal.theory, signal.label) for signal in picked]
    return Curves(names, _CURVE_EFFICIENCIES, np.array(passing))


def by_theory(
    signals: Sequence[Signal], methods: Sequence[str], column: int | None
) -> Improvements:
    """Mean over the points of each theory, for theories with a result."""
    theories = sorted({signal.theory for signal in signals if signal.results})
    of = {name: [s for s in signals if s.theory == name and s.results] for name in theories}

    def mean(theory: str, method: str) -> Floats:
        return np.mean([measure(signal, method, column) for signal in of[theory]], axis=0)

    values = {}
    for method in methods:
        each = [mean(theory, method) for theory in theories]
        pairs = [_nominal(one) or (np.nan, np.nan) for one in each]
        values[method] = (np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))
    singles = [
        [
            mean(theory, method)[0]
            for method in of[theory][0].results
            if method.startswith("single_") and method != f"single_{theory}"
        ]
        for theory in theories
    ]
    lowest = np.array([min(one, default=np.nan) for one in singles])
    highest = np.array([max(one, default=np.nan) for one in singles])
    return Improvements(theories, values, (lowest, highest))


def _compared(scores: Scores, signals: Sequence[Signal], others: Sequence[str]) -> list[str]:
    """Methods in the order in which people compare them.

    Ours, then what else one could do, then what only an oracle could.
    """
    mixtures = list(scores.methods)
    if any(AVERAGE + BY_GROUP in signal.results for signal in signals):
        mixtures += [f"{name}{BY_GROUP}" for name in (*scores.methods, MEAN_SINGLE)]
    return [*mixtures, MEAN_SINGLE, *others, KNOWN, SUPERVISED]


def _of_method(
    signals: Sequence[Signal], method: str, points: Sequence[WorkingPoint]
) -> dict[str, object]:
    total = summarised(signals, method, None)
    described: dict[str, object] = {}
    for part in ("median", "min", "max"):
        described |= _numbers(f"{part}_ti", total[part] if total else None)
    values, errors = {}, {}
    for column, point in enumerate(points):
        found = summarised(signals, method, column)
        both = _numbers("si", found["median"] if found else None)
        values[f"{point.efficiency:g}"], errors[f"{point.efficiency:g}"] = both.values()
    return {**described, "median_si": values, "median_si_error": errors}


def _of_signal(signal: Signal, points: Sequence[WorkingPoint]) -> dict[str, object]:
    methods = [*signal.results, MEAN_SINGLE, SUPERVISED] if signal.results else []
    if AVERAGE + BY_GROUP in signal.results:
        methods.append(MEAN_SINGLE + BY_GROUP)
    return {
        "theory": signal.theory,
        "point": signal.label,
        "effective_events": signal.effective,
        "methods": {
            method: {
                **_numbers("ti", _nominal(measure(signal, method, None))),
                "si": {
                    f"{point.efficiency:g}": _numbers(
                        "value", _nominal(measure(signal, method, column))
                    )
                    for column, point in enumerate(points)
                },
            }
            for method in methods
        },
    }


def _comparison(
    signals: Sequence[Signal], points: Sequence[WorkingPoint], method: str, other: str
) -> dict[str, object]:
    """A method against another, signal by signal."""
    by = headline(points)
    found = versus(signals, method, other, by.column) if by else None
    described: dict[str, object] = {"method": method, "against": other}
    if by is None or found is None:
        return {**described, "measure": NOT_AVAILABLE, "median_ratio": NOT_AVAILABLE}
    return {
        **described,
        "measure": by.name,
        "median_ratio": found.ratio,
        "median_ratio_error": found.error,
        "better_on": found.better,
        "of": found.of,
        "chance": found.significance,
        "confidence_above_1": found.above,
        "confidence_above_2": found.twice,
    }


def _nominal(values: Floats) -> tuple[float, float] | None:
    return (float(values[0]), float(spread(values))) if np.isfinite(values[0]) else None


def _numbers(name: str, found: tuple[float, float] | None) -> dict[str, object]:
    """A value and its error under their names, or `n/a` for both."""
    value, error = found or (NOT_AVAILABLE, NOT_AVAILABLE)
    return {name: value, f"{name}_error": error}
