"""Scores of all events by all methods: what each event is scored by, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import SelectionError, StoreError, TrainingError
from hyperhex.hyperclass.ranks import COMBINATIONS, Ranking, averaged
from hyperhex.store import Array, Schema
from hyperhex.train.classifier import Classifier
from hyperhex.train.sample import Sample

__all__ = [
    "AVERAGE",
    "SCHEMA",
    "Events",
    "Scores",
    "Training",
    "combined",
    "cross_scored",
    "described",
    "left_out_scores",
]

Floats = NDArray[np.float64]

# the mean rank of the best two methods of the mixture
AVERAGE = "mixture_average"
_BEST = 2

SCHEMA: Schema = {
    "theory": Array("int16", ("event",), "1", "index of the theory in the attribute theories"),
    "point": Array("int16", ("event",), "1", "index of the point in its theory"),
    "number": Array("int64", ("event",), "1", "index of the event in its point"),
    "fold": Array("uint8", ("event",), "1", "fold, scored by fits to the other folds"),
    "weight": Array("float64", ("event",), "pb", "cross-section of the event; may be negative"),
    "mixture": Array(
        "float32",
        ("event", "left_out", "method"),
        "1",
        "log-odds of the mixture without a theory or group, and -ln of the background's part above"
        " for their average; nan where the event's own theory was in it",
    ),
    "fixed": Array(
        "float32", ("event", "score"), "1", "scores that do not depend on what is left out"
    ),
}


@dataclass(frozen=True)
class Events:
    """Events of a theory at one point, or of one background: `weight` (n,) [pb], `rows` (n,)."""

    theory: str
    label: str
    weight: Floats
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Scores:
    """All events with all scores; rows are events.

    `mixture` (event, left_out, method), `fixed` (event, score); `theories` as the event records
    describe them (name, role, group, points).
    """

    theories: Sequence[Mapping[str, Any]]
    left_out: Sequence[str]
    methods: Sequence[str]
    names: Sequence[str]
    theory: NDArray[np.int16]
    point: NDArray[np.int16]
    weight: Floats
    mixture: NDArray[np.float32]
    fixed: NDArray[np.float32]

    def backgrounds(self) -> list[Events]:
        """Events of each background."""
        return [
            self._events(index, None)
            for index, theory in enumerate(self.theories)
            if theory["role"] == "background"
        ]

    def signals(self) -> list[Events]:
        """Events of each point of each signal, with none where none was selected."""
        return [
            self._events(index, point)
            for index, theory in enumerate(self.theories)
            if theory["role"] == "signal"
            for point in range(len(theory["points"]))
        ]

    def injected(self, theory: str | None, label: str | None) -> Events:
        """Events of a signal by name; without a name the first that has events."""
        of_name = [events for events in self.signals() if theory in {None, events.theory}]
        candidates = [events for events in of_name if label in {None, events.label}]
        filled = [events for events in candidates if events.weight.sum() > 0.0]
        if not filled or (theory and filled[0] is not candidates[0]):
            msg = (
                f"{theory} {label}: no events in the region, so nothing to inject; generate more"
                " events or name another theory (hyperclass.injection)"
            )
            raise SelectionError(msg)
        return filled[0]

    def cross_section(self, events: Events) -> float:
        """Cross-section of a signal's point before any selection [pb]."""
        theory = next(one for one in self.theories if one["name"] == events.theory)
        return float(theory["cross_sections"][list(theory["points"]).index(events.label)])

    def of_mixture(self, method: str, left_out: str) -> Floats:
        """Score of every event by the mixture without a theory, (n,)."""
        if left_out not in self.left_out:
            msg = f"{left_out}: no training left it out, there are {list(self.left_out)}"
            raise StoreError(msg)
        column = (self.left_out.index(left_out), self.methods.index(method))
        return self.mixture[:, column[0], column[1]].astype(np.float64)

    def of(self, name: str) -> Floats:
        """Score of every event by a method that does not depend on what is left out, (n,)."""
        return self.fixed[:, self.names.index(name)].astype(np.float64)

    def _events(self, index: int, point: int | None) -> Events:
        chosen = self.theory == index
        if point is not None:
            chosen &= self.point == point
        rows = np.flatnonzero(chosen)
        label = "" if point is None else str(self.theories[index]["points"][point])
        return Events(str(self.theories[index]["name"]), label, self.weight[rows], rows)


@dataclass(frozen=True)
class Training:
    """A mixture: what it never saw, its fits by method and fold, and how good each is."""

    unseen: Sequence[str]
    fits: Mapping[str, Sequence[Classifier]]
    held_efficiency: Mapping[str, Sequence[float]]

    def may_score(self, theory: str) -> bool:
        """Whether a signal is new to it, or all are known and it stands for what knows them."""
        return not self.unseen or theory in self.unseen

    def best(self) -> list[str]:
        """The best two methods on the held events."""
        order = sorted(self.fits, key=lambda name: -float(np.mean(self.held_efficiency[name])))
        return order[:_BEST]


def described(sample: Sample) -> dict[str, Any]:
    """What a store of scores says of a theory."""
    return {
        "name": sample.theory,
        "role": sample.role,
        "group": sample.group,
        "points": list(sample.labels),
        "cross_sections": list(sample.cross_sections),
    }


def cross_scored(sample: Sample, fits: Sequence[Classifier]) -> Floats:
    """Score of each event by the fit that did not see its fold, (n,)."""
    scores = np.full(len(sample), np.nan)
    for fold, fit in enumerate(fits):
        chosen = sample.fold == fold
        if chosen.any():
            scores[chosen] = fit.score(sample.inputs[chosen])
    return scores


def left_out_scores(
    samples: Sequence[Sample], trainings: Mapping[str, Training]
) -> tuple[list[str], list[Floats]]:
    """Names of the methods, and for each sample its scores by the mixtures, (n, left_out, method).

    The last method is the mean rank of the best two, as their own held events judge them. A signal
    is scored by the trainings that left it out, and by the one that left none out.
    """
    for sample in samples:
        if sample.role == "signal" and sample.theory not in trainings:
            msg = f"{sample.theory}: no training left it out, there are {sorted(trainings)}"
            raise TrainingError(msg)
    names = list(next(iter(trainings.values())).fits)
    shape = (len(trainings), len(names) + 1)
    scores = [np.full((len(sample), *shape), np.nan) for sample in samples]
    for index, (left_out, training) in enumerate(trainings.items()):
        if list(training.fits) != names:
            msg = f"mixture without {left_out}: {list(training.fits)} fitted, others {names}"
            raise TrainingError(msg)
        for sample, filled in zip(samples, scores, strict=True):
            if sample.role == "background" or training.may_score(sample.theory):
                each = [cross_scored(sample, fits) for fits in training.fits.values()]
                filled[:, index, :-1] = np.stack(each, axis=1)
        _fill_average(samples, scores, index, [names.index(name) for name in training.best()])
    return [f"mixture_{name}" for name in names] + [AVERAGE], scores


def combined(
    samples: Sequence[Sample], rare: Sequence[Floats], different: Sequence[Floats], how: str
) -> list[Floats]:
    """Score of a combination of two unsupervised methods for each sample, (n,)."""
    passing = [_passing(samples, column) for column in (rare, different)]
    return [-np.log(COMBINATIONS[how](*parts)) for parts in zip(*passing, strict=True)]


def _fill_average(
    samples: Sequence[Sample], scores: Sequence[Floats], index: int, best: Sequence[int]
) -> None:
    passing = [_passing(samples, [one[:, index, column] for one in scores]) for column in best]
    for filled, parts in zip(scores, zip(*passing, strict=True), strict=True):
        filled[:, index, -1] = averaged(parts)


def _passing(samples: Sequence[Sample], scores: Sequence[Floats]) -> list[Floats]:
    """Part of the background that scores higher than each event, by sample."""
    rows = [i for i, sample in enumerate(samples) if sample.role == "background"]
    ranking = Ranking(
        np.concatenate([scores[i] for i in rows]),
        np.concatenate([samples[i].fold for i in rows]),
        np.concatenate([samples[i].weight for i in rows]),
    )
    return [
        ranking.passing(score, sample.fold) for sample, score in zip(samples, scores, strict=True)
    ]
