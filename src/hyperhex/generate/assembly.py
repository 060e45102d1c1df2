"""Ragged parts put end to end and cut into shards of equal length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "shards"]

Columns = Mapping[str, NDArray[Any]]


def shards(parts: Iterable[Columns], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The rows of all parts in order, `rows` at a time; the last shard may be shorter.

    Holds no more than a shard and a part in memory.
    """
    waiting: list[Columns] = []
    length = 0
    for part in parts:
        waiting.append(part)
        length += _rows(part)
        while length >= rows:
            whole = _join(waiting)
            yield {name: values[:rows] for name, values in whole.items()}
            waiting = [{name: values[rows:] for name, values in whole.items()}]
            length -= rows
    if length > 0:
        yield _join(waiting)


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _join(parts: list[Columns]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
