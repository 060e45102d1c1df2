"""The public table of anomaly scores, one row per model, signal and channel (arXiv:2105.14027)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hyperhex.errors import StoreError
from hyperhex.hyperclass.improvement import TABLE_POINTS

__all__ = ["HEADER", "Row", "read_table", "standings", "total_improvement", "write_table"]

HEADER = ("Signal", "Model", "Chan", "AUC", "1e-2", "1e-3", "1e-4")
_ABSENT = "n/a"


@dataclass(frozen=True)
class Row:
    """AUC and signal efficiencies at the published working points; None where not usable."""

    signal: str
    model: str
    channel: str
    area: float | None
    efficiencies: tuple[float | None, ...]


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, `n/a` for what is not known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for row in rows:
            numbers = [_text(value) for value in (row.area, *row.efficiencies)]
            writer.writerow([row.signal, row.model, row.channel, *numbers])


def read_table(path: Path) -> list[Row]:
    """Rows of any file in the public format."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = tuple(next(reader, ()))
        if header != HEADER:
            msg = f"{path}: header {','.join(header)} given, expected {','.join(HEADER)}"
            raise StoreError(msg)
        rows = []
        for line, (signal, model, channel, *numbers) in enumerate(reader, start=2):
            if len(numbers) != len(HEADER) - 3:
                msg = f"{path}:{line}: {len(numbers) + 3} columns given, expected {len(HEADER)}"
                raise StoreError(msg)
            area, *efficiencies = (_number(text, path, line) for text in numbers)
            rows.append(Row(signal, model, channel, area, tuple(efficiencies)))
    return rows


def total_improvement(rows: Iterable[Row]) -> dict[tuple[str, str], float]:
    """TI by (model, signal): the largest SI over working points and channels."""
    best: dict[tuple[str, str], float] = {}
    for row in rows:
        for point, efficiency in zip(TABLE_POINTS, row.efficiencies, strict=True):
            if efficiency is not None:
                key = (row.model, row.signal)
                best[key] = max(best.get(key, 0.0), efficiency / point**0.5)
    return best


def standings(rows: Iterable[Row]) -> Iterator[str]:
    """Lines of a table of models, the best median of TI first."""
    by_model: dict[str, list[float]] = {}
    for (model, _), value in total_improvement(rows).items():
        by_model.setdefault(model, []).append(value)
    width = max(map(len, [*by_model, "model"]))
    yield f"{'model'.ljust(width)}  signals  median TI   min TI   max TI"
    for model, found in sorted(by_model.items(), key=lambda item: -median(item[1])):
        numbers = "  ".join(f"{value:7.3g}" for value in (median(found), min(found), max(found)))
        yield f"{model.ljust(width)}  {len(found):7d}    {numbers}"


def _text(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.6g}"


def _number(text: str, path: Path, line: int) -> float | None:
    if text in {_ABSENT, ""}:
        return None
    try:
        return float(text)
    except ValueError as error:
        msg = f"{path}:{line}: {text!r} given, expected a number or {_ABSENT}"
        raise StoreError(msg) from error
