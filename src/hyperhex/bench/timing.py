"""Interleaved timing: every round calls each contestant once, so that noise meets all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from hyperhex.bench.case import Case
from hyperhex.bench.machine import Rates, limited

__all__ = ["Row", "compare", "interleaved"]

_LEAST_SAMPLE = 5e-3
_MOST_CALLS = 1000
_LONG = 1.0
_LEAST_ROUNDS = 3
_MOST_SECONDS = 10.0
BEST = "best"


@dataclass(frozen=True)
class Row:
    """One case beside one peer: medians [ms], their ratio, and the machine's bound [ms]."""

    case: str
    threads: int
    peer: str
    peer_ms: float
    ours_ms: float
    ratio: float
    bound_ms: float
    required: float | None
    required_bound: float | None

    @property
    def met(self) -> bool | None:
        """Whether ratio and bound are as required; None where nothing is."""
        wanted = []
        if self.required is not None:
            wanted.append(self.ratio >= self.required)
        if self.required_bound is not None:
            wanted.append(self.ours_ms <= self.required_bound * self.bound_ms)
        return all(wanted) if wanted else None

    def cells(self) -> tuple[str, ...]:
        """Cells of the printed table."""
        wanted = [] if self.required is None else [f">= {self.required:g}"]
        wanted += [] if self.required_bound is None else [f"<= {self.required_bound:g} x bound"]
        if self.met is False:
            wanted.append("MISSED")
        of_bound = self.ours_ms / self.bound_ms
        times = (f"{self.peer_ms:.3f}", f"{self.ours_ms:.3f}", f"{self.ratio:.2f}")
        told = (f"{of_bound:.1f}", ", ".join(wanted))
        return (self.case, str(self.threads), self.peer, *times, *told)

    def as_json(self) -> dict[str, Any]:
        """Row of the JSON file."""
        return {**asdict(self), "met": self.met}


def compare(case: Case, rates: Rates, rounds: int, threads: int) -> Iterator[Row]:
    """Rows of a case, one a peer; what is required is required of one thread."""
    ours = case.name
    with limited(threads):
        times = interleaved({ours: case.ours(threads), **case.peers}, rounds)
    best = min(case.peers, key=lambda peer: times[peer])
    bound = rates.bound(case.moved, case.operations)
    for peer in case.peers:
        required = case.required.get(peer)
        if peer == best and BEST in case.required:
            required = case.required[BEST]
        judged = threads == 1
        yield Row(
            case.name,
            threads,
            peer,
            1e3 * times[peer],
            1e3 * times[ours],
            times[peer] / times[ours],
            1e3 * bound,
            required if judged else None,
            case.required_bound if judged and peer == best else None,
        )


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median times [s] of calls, by name, after one call of each that warms.

    Short calls are repeated within a round; a call of many seconds takes part in three rounds.
    """
    once = {name: _timed(call, 1) for name, call in calls.items()}
    once = {
        name: _timed(call, 1) if once[name] < _LONG else once[name] for name, call in calls.items()
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds):
        for name, call in calls.items():
            if turn < _LEAST_ROUNDS or turn * once[name] < _MOST_SECONDS:
                repeats = max(1, min(_MOST_CALLS, int(_LEAST_SAMPLE / max(once[name], 1e-9))))
                times[name].append(_timed(call, repeats))
    return {name: median(values) for name, values in times.items()}


def _timed(call: Callable[[], object], repeats: int) -> float:
    """Mean time of some calls in a row [s]."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats
