"""Scores of all events by all methods: what each event is scored by, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import SelectionError, StoreError, TrainingError
from hyperhex.store import Array, Schema
from hyperhex.train.classifier import Classifier
from hyperhex.train.sample import Sample

__all__ = [
    "AVERAGE",
    "MIXTURE_METHODS",
    "NONE",
    "SCHEMA",
    "Events",
    "Scores",
    "cross_scored",
    "left_out_scores",
]

Floats = NDArray[np.float64]

# the training that left no theory out
NONE = "none"
MIXTURE_METHODS = ("mixture_xgboost", "mixture_network", "mixture_average")
AVERAGE = "mixture_average"

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
        "log-odds of the mixture without a theory; nan where the event's own theory was in it",
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


def cross_scored(sample: Sample, fits: Sequence[Classifier]) -> Floats:
    """Score of each event by the fit that did not see its fold, (n,)."""
    scores = np.full(len(sample), np.nan)
    for fold, fit in enumerate(fits):
        chosen = sample.fold == fold
        if chosen.any():
            scores[chosen] = fit.score(sample.inputs[chosen])
    return scores


def left_out_scores(
    sample: Sample, trainings: Mapping[str, Mapping[str, Sequence[Classifier]]]
) -> Floats:
    """Scores by the mixtures, (n, left_out, method); the last method is the mean of the others.

    A signal is scored by the training that left it out, and by the one that left none out.
    """
    if sample.role == "signal" and sample.theory not in trainings:
        msg = f"{sample.theory}: no training left it out, there are {sorted(trainings)}"
        raise TrainingError(msg)
    scores = np.full((len(sample), len(trainings), len(MIXTURE_METHODS)), np.nan)
    for index, (left_out, fits) in enumerate(trainings.items()):
        if sample.role == "signal" and left_out not in {sample.theory, NONE}:
            continue
        each = [cross_scored(sample, fits[method]) for method in ("xgboost", "network")]
        scores[:, index] = np.stack([*each, np.mean(each, axis=0)], axis=1)
    return scores
