"""The events of one theory as classifiers take them, and their division into folds.

Every event belongs to one fold, drawn from the seed and from what the event is (theory, point,
number) and from nothing else: neither the size of a sample nor the order of events moves another
event. An event is only ever scored by a classifier that was fitted on the other folds, so all
events are test events and no weight has to be rescaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import SelectionError
from hyperhex.random import integer

__all__ = ["Sample", "backgrounds", "fold_of", "require", "signals"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Events of a theory in the region.

    `inputs` (n, inputs), `baselines` (n, baselines) [GeV], `weight` (n,) [pb], `point`, `number`
    and `fold` (n,); `labels` name the points, of which `cross_sections` [pb] are those before any
    selection.
    """

    theory: str
    role: str
    group: str
    labels: tuple[str, ...]
    inputs: NDArray[np.float32]
    baselines: NDArray[np.float32]
    weight: Floats
    point: NDArray[np.int16]
    number: NDArray[np.int64]
    fold: NDArray[np.uint8]
    cross_sections: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.weight)


def fold_of(
    seed: int, theory: str, point: NDArray[np.integer], number: NDArray[np.integer], folds: int
) -> NDArray[np.uint8]:
    """Fold of each event, 0 to folds - 1, by the SplitMix64 hash of its identity, (n,)."""
    key = np.uint64(integer(seed, "train", theory, "fold"))
    state = _mix(point.astype(np.uint64) + key)
    state = _mix(state + number.astype(np.uint64))
    return np.asarray(state % np.uint64(folds), dtype=np.uint8)


def backgrounds(samples: Sequence[Sample]) -> list[Sample]:
    """Samples of the backgrounds, by name."""
    return sorted((s for s in samples if s.role == "background"), key=lambda s: s.theory)


def signals(samples: Sequence[Sample]) -> list[Sample]:
    """Samples of the signals, by name."""
    return sorted((s for s in samples if s.role == "signal"), key=lambda s: s.theory)


def require(samples: Sequence[Sample], least: int, what: str) -> None:
    """Raise `SelectionError` unless the samples together have enough events in the region."""
    number = sum(map(len, samples))
    if number < least:
        each = ", ".join(f"{s.theory} {len(s)}" for s in samples) or "no theory"
        msg = (
            f"{what}: {number} events in the region ({each}), at least {least} needed"
            " (train.minimum_events); generate more events (generate.scale or"
            " theories.<name>.scale), loosen detect.region, or leave the theory out of `theories`"
        )
        raise SelectionError(msg)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64, doi:10.1145/2714064.2660195."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
