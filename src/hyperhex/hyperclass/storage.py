"""Stores of scored events, written by one command and read by those that measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import HyperclassSettings
from hyperhex.hyperclass.scores import SCHEMA, Scores

__all__ = ["read_scores", "write_events", "write_scores"]

# one shard holds the scores of a production of any size that two cores can make
_ROWS = 20_000


def write_scores(
    output: Path,
    arrays: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
    settings: HyperclassSettings,
    inputs: Sequence[Path],
) -> None:
    """Write the store `output` of all scores."""
    sizes = {
        "left_out": len(attributes["left_out"]),
        "method": len(attributes["methods"]),
        "score": len(attributes["scores"]),
    }
    write_events(output, SCHEMA, sizes, arrays, attributes, settings, inputs)


def write_events(
    output: Path,
    schema: store.Schema,
    sizes: Mapping[str, int],
    arrays: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
    settings: HyperclassSettings,
    inputs: Sequence[Path],
) -> None:
    """Write a store of scored events, all arrays with an axis `event`; `sizes` of other axes."""
    events = len(arrays["theory"])
    draft = store.create(
        output,
        schema,
        sizes={"event": events, **sizes},
        rows={"event": max(1, min(events, _ROWS))},
        settings={"seed": settings.seed},
        attributes=attributes,
        inputs=inputs,
        code=("hyperclass", "train"),
    )
    for shard in range(draft.shards("event")):
        rows = draft.bounds("event", shard)
        draft.write("event", shard, {name: array[rows] for name, array in arrays.items()})
    draft.publish()


def read_scores(path: Path) -> tuple[Scores, str]:
    """Scores of a store, and the name of their channel."""
    opened = store.open(path)
    about = opened.attributes
    arrays = {name: opened[name][:] for name in ("theory", "point", "weight", "mixture", "fixed")}
    scores = Scores(
        theories=about["theories"],
        left_out=about["left_out"],
        methods=about["methods"],
        names=about["scores"],
        **arrays,
    )
    return scores, str(about["channel"])
