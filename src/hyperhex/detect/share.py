"""A share of a theory's events, by whole shards, in which every point is represented."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["choose"]


def choose(
    point: NDArray[np.integer], rows: int, points: int, share: float
) -> tuple[list[int], list[float]]:
    """Shards to take, and the share of each point's events in them.

    A point takes its fullest shards until they hold `share` of its events: a small point is taken
    as a whole, for a shard is the least that can be. `point` (events,) of each event, `rows` those
    of a shard.
    """
    shard = np.arange(len(point)) // rows
    number = np.zeros((points, 1 + int(shard.max(initial=0))), dtype=np.int64)
    np.add.at(number, (point, shard), 1)
    chosen = np.zeros(number.shape[1], dtype=bool)
    for of_point in number:
        for fullest in np.argsort(-of_point, kind="stable"):
            if of_point[chosen].sum() >= share * of_point.sum():
                break
            chosen[fullest] = True
    total = number.sum(axis=1)
    taken = np.divide(number[:, chosen].sum(axis=1), total, out=np.ones(points), where=total > 0)
    return np.flatnonzero(chosen).tolist(), taken.tolist()
