"""How much knowledge is enough: improvement against theories, events and background to train on.

Theories are divided into parts; the mixture of the others, or of some of them, is tried on each
part, on events of one fold that the fit never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Scaling
from hyperhex.hyperclass.efficiency import cuts, signal_efficiency
from hyperhex.hyperclass.improvement import TABLE_POINTS, working_points
from hyperhex.random import stream
from hyperhex.train.classifier import Classifier
from hyperhex.train.mixture import TrainingSet, mixture_weights, training_set
from hyperhex.train.sample import Sample

__all__ = ["Knowledge", "Row", "few_events", "part_of", "scaling"]

# the fold that judges; all others are fitted to
_JUDGED = 0
_LEAST_EVENTS = 10


@dataclass(frozen=True)
class Knowledge:
    """What a mixture is trained on: theories, events of a point, part of the background."""

    theories: int
    events: int
    background: float


@dataclass(frozen=True)
class Row:
    """Median over left-out points of the largest usable improvement, for one draw."""

    axis: str
    theories: int
    events: int
    background: float
    draw: int
    improvement: float


def scaling(
    background: Sequence[Sample],
    signal: Sequence[Sample],
    options: Scaling,
    efficiencies: Sequence[float],
    held: float,
    fit: Callable[[TrainingSet, int], Classifier],
    seed: int,
) -> list[dict[str, object]]:
    """Rows for every choice of `options` along the three axes, the other two at their largest.

    The improvement is TI, or where none of its working points is usable, that at the least usable
    of the `efficiencies`.
    `fit` makes a classifier of events and a number that stands for the draw.
    """
    filled = [sample for sample in signal if len(sample)]
    rows = []
    for axis, knowledge in _choices(options, filled):
        for draw in range(options.draws):
            values: list[float] = []
            trained = 0
            for part in range(options.parts):
                labels = ("hyperclass", "scaling", axis, *map(str, asdict(knowledge).values()))
                generator = stream(seed, *labels, draw, part)
                known, unseen = _divided(filled, part, options.parts)
                chosen = generator.permutation(len(known))[: knowledge.theories]
                trained = max(trained, len(chosen))
                few = [few_events(known[i], knowledge.events, generator) for i in sorted(chosen)]
                less = [part_of(one, knowledge.background, generator) for one in background]
                shares = mixture_weights(few, "per_theory")
                data = training_set(less, few, shares, _JUDGED, held, generator)
                values += _judged(fit(data, draw), background, unseen, efficiencies)
            if values:
                told = asdict(replace(knowledge, theories=trained))
                rows.append(asdict(Row(axis, **told, draw=draw, improvement=_median(values))))
    return rows


def few_events(sample: Sample, most: int, generator: np.random.Generator) -> Sample:
    """At most `most` events of each point outside the judged fold, drawn at random."""
    order = generator.permutation(len(sample))
    kept = np.zeros(len(sample), dtype=bool)
    for point in range(len(sample.labels)):
        rows = order[(sample.point[order] == point) & (sample.fold[order] != _JUDGED)]
        kept[rows[:most]] = True
    return _taken(sample, kept | (sample.fold == _JUDGED))


def part_of(sample: Sample, part: float, generator: np.random.Generator) -> Sample:
    """A part of the events outside the judged fold, drawn at random."""
    kept = generator.random(len(sample)) < part
    return _taken(sample, kept | (sample.fold == _JUDGED))


def _choices(options: Scaling, signal: Sequence[Sample]) -> Iterator[tuple[str, Knowledge]]:
    most = max(np.bincount(sample.point).max() for sample in signal)
    everything = Knowledge(len(signal), int(most), 1.0)
    for number in options.theories:
        yield "theories", replace(everything, theories=number)
    for events in options.events:
        yield "events", replace(everything, events=events)
    for part in options.background:
        yield "background", replace(everything, background=part)
    yield "everything", everything


def _divided(signal: Sequence[Sample], part: int, parts: int) -> tuple[list[Sample], list[Sample]]:
    """Theories to train on, and those of a part that are left out."""
    known = [sample for index, sample in enumerate(signal) if index % parts != part]
    return known, [sample for index, sample in enumerate(signal) if index % parts == part]


def _judged(
    fitted: Classifier,
    background: Sequence[Sample],
    unseen: Sequence[Sample],
    efficiencies: Sequence[float],
) -> Iterator[float]:
    """Improvement of each point of unseen theories."""
    inputs, weight = (
        np.concatenate([getattr(s, name)[s.fold == _JUDGED] for s in background])
        for name in ("inputs", "weight")
    )
    wanted = sorted({*efficiencies, *TABLE_POINTS}, reverse=True)
    known = [point.efficiency for point in working_points(weight, wanted) if point.usable]
    usable = [point for point in known if point in TABLE_POINTS] or known[-1:]
    if not usable:
        return
    cut = cuts(fitted.score(inputs), weight[None, :], np.array(usable))
    for sample in unseen:
        for point in range(len(sample.labels)):
            rows = (sample.fold == _JUDGED) & (sample.point == point)
            if rows.sum() >= _LEAST_EVENTS:
                score = fitted.score(sample.inputs[rows])
                passed = signal_efficiency(score, sample.weight[None, rows], cut)[0]
                yield float(np.max(passed / np.sqrt(usable)))


def _taken(sample: Sample, kept: NDArray[np.bool_]) -> Sample:
    arrays = ("inputs", "baselines", "weight", "point", "number", "fold")
    return replace(sample, **{name: getattr(sample, name)[kept] for name in arrays})


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
