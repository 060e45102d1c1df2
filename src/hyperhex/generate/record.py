"""Events of one run as arrays: what passes the preselection, and the run's bookkeeping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperhex.generate.normalisation import Run
from hyperhex.generate.particles import Batch, Cuts, Particles, reduce_batch

__all__ = ["Source", "record", "run_of"]

_EVENTS_PER_BATCH = 250


class Source(Protocol):
    """What makes events: batches of them, and afterwards the bookkeeping."""

    def batches(self, number: int, size: int) -> Iterable[tuple[NDArray[np.float64], Batch]]:
        """Weights and records of `number` events, at most `size` at a time."""

    def tried(self) -> int:
        """Phase-space points tried so far."""

    def cross_section(self) -> tuple[float, float]:
        """Cross-section and its error, from the events so far [pb]."""


def record(source: Source, number: int, first: int, cuts: Cuts) -> dict[str, NDArray[Any]]:
    """Arrays of `number` events, the first of which has the number `first` within its point.

    Arrays of kept events: `weight` as the generator gives it, `number`, `n_particles`,
    `missing_px`, `missing_py`; of their particles: `pdg`, `px`, `py`, `pz`, `energy`, `kind`;
    and `run`, which `run_of` reads.
    """
    weights: list[NDArray[np.float64]] = []
    numbers: list[NDArray[np.int64]] = []
    batches: list[Particles] = []
    done = 0
    for weight, batch in source.batches(number, _EVENTS_PER_BATCH):
        kept = reduce_batch(batch, cuts)
        numbers.append(done + kept.events)
        weights.append(weight)
        done += len(weight)
        batches.append(kept)
    weight, kept_numbers = np.concatenate(weights), np.concatenate(numbers)
    missing = np.concatenate([kept.missing for kept in batches]).astype(np.float32)
    momentum = np.concatenate([kept.momentum for kept in batches])
    bookkeeping = [number, len(kept_numbers), source.tried(), weight.sum(), *source.cross_section()]
    return {
        "run": np.array(bookkeeping, dtype=np.float64),
        "weight": weight[kept_numbers],
        "number": first + kept_numbers,
        "n_particles": np.concatenate([kept.counts for kept in batches]),
        "missing_px": missing[:, 0],
        "missing_py": missing[:, 1],
        "pdg": np.concatenate([kept.pdg for kept in batches]),
        **dict(zip(("px", "py", "pz", "energy"), momentum.T, strict=True)),
        "kind": np.concatenate([kept.kind for kept in batches]),
    }


def run_of(arrays: Mapping[str, NDArray[Any]]) -> Run:
    """Bookkeeping of the run that `record` wrote down."""
    generated, kept, tried, weight, sigma, error = arrays["run"].tolist()
    return Run(int(generated), int(kept), int(tried), weight, sigma, error)
