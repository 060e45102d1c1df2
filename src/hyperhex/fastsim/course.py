"""The course of a training: killed it goes on where it was, diverged it starts again once.

The state at the last report is the last good one. It is kept in memory for a divergence, and in a
file for a kill; both end in the same bytes as if nothing had happened, or as if it had happened
without the kill.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from hyperhex.errors import TrainingError
from hyperhex.fastsim.adversarial import Progress, Trainer
from hyperhex.fastsim.generator import Generator
from hyperhex.spool import Spool

__all__ = ["Course", "Look", "follow"]

log = logging.getLogger(__name__)

_STATE = "state"
_TRIES = 2

Look = Callable[[Generator, int], Mapping[str, Mapping[str, Any]]]
"""Figures of merit by particle, of a generator at an iteration."""


@dataclass
class Course:
    """What a training went through.

    `reports` are `Progress` with the minutes spent so far and the figures of merit by particle;
    `divergences` have the iteration, the reason and the losses since the report before.
    """

    minutes: float = 0.0
    reports: list[dict[str, Any]] = field(default_factory=list)
    divergences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it diverged once too often."""
        return len(self.divergences) == _TRIES


def follow(trainer: Trainer, spool: Spool, look: Look, minutes: float = 0.0) -> Course:
    """Train to the end, or until it has diverged twice; the caller removes `spool`.

    `minutes` were spent before it.
    """
    course, good = Course(minutes), trainer.state()
    if spool.has(_STATE):
        good = spool.load(_STATE)
        course = Course(**json.loads(str(good.pop("course"))))
        trainer.restore(good)
        log.info("goes on from iteration %d, after a kill", trainer.iteration)
    clock = _Clock(course, trainer)
    while trainer.iteration < trainer.settings.iterations and not course.failed:
        try:
            for progress in trainer.run():
                figures = look(trainer.average, progress.iteration)
                clock.report(progress, figures)
                good = trainer.state()
                spool.save(_STATE, good | {"course": np.array(json.dumps(asdict(course)))})
        except TrainingError as error:
            course.divergences.append(_divergence(trainer, str(error)))
            log.warning("%s", error)
            if not course.failed:
                trainer.restore(good)
                trainer.start_again()
                log.warning("starts again from iteration %d at half the rates", trainer.iteration)
    return course


class _Clock:
    """Writes reports with the time that they took, what was spent before a kill included."""

    def __init__(self, course: Course, trainer: Trainer) -> None:
        self._course = course
        self._iterations = trainer.settings.iterations
        self._first = trainer.iteration
        self._start = time.monotonic()
        self._before = course.minutes

    def report(self, progress: Progress, figures: Mapping[str, Mapping[str, Any]]) -> None:
        """Log a report and add it to the course."""
        spent, done = time.monotonic() - self._start, progress.iteration - self._first
        left = spent / done * (self._iterations - progress.iteration)
        log.info(
            "iteration %d/%d: critic %.3f, generator %.3f, penalty %.3f, distance %.4f,"
            " spread %.2f; %.1f /s, %.0f s left",
            progress.iteration, self._iterations, progress.critic, progress.generator,
            progress.penalty, progress.distance, progress.spread, done / spent, left,
        )  # fmt: skip
        for particle, found in figures.items():
            log.info("  %s: %s", particle, _text(found))
        self._course.minutes = self._before + spent / 60.0
        self._course.reports.append(
            {**asdict(progress), "minutes": self._course.minutes, "particles": dict(figures)}
        )


def _text(figures: Mapping[str, Any]) -> str:
    """Figures of merit on one line."""
    parts = []
    for name, value in figures.items():
        values = value if isinstance(value, list) else [value]
        parts.append(" ".join([name, *(f"{number:.3f}" for number in values)]))
    return ", ".join(parts)


def _divergence(trainer: Trainer, reason: str) -> dict[str, Any]:
    """Where and why, in numbers that JSON knows."""
    losses = [
        [number if isfinite(number) else None for number in losses] for losses in trainer.losses
    ]
    return {"iteration": trainer.iteration, "reason": reason, "losses": losses}
