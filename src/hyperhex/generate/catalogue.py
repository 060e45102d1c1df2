"""The theories that there are, what productions made of them, and whether a new one runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyperhex import store
from hyperhex.config import Generate, GenerateSettings, Theory, theories
from hyperhex.errors import GenerationError
from hyperhex.generate.recipe import point_commands, where
from hyperhex.generate.trial import Trial, attempt

__all__ = ["Made", "check", "listing", "made"]

_HEADER = ("theory", "role", "group", "point", "cross-section", "efficiency", "events")
_UNKNOWN = "-"


@dataclass(frozen=True)
class Made:
    """What a production made of a point: cross-section [pb], events generated and in the region."""

    cross_section: float
    generated: int
    selected: int

    @property
    def efficiency(self) -> float:
        """Part of the generated events that is in the region."""
        return self.selected / self.generated


def made(theory: str, results: Sequence[Path]) -> dict[str, Made]:
    """Points of a theory by label, from the first of the productions that detected its events."""
    for folder in results:
        path = folder / "detect" / f"{theory}.zarr"
        if not store.manifest_path(path).exists():
            continue
        records = store.open(path)
        labels = [point["label"] for point in records.attributes["points"]]
        selected = np.bincount(
            records["point"][:][records["in_region"][:].astype(bool)], minlength=len(labels)
        )
        columns = (records["cross_section"][:], records["n_generated"][:], selected)
        return {
            label: Made(float(sigma), int(generated), int(inside))
            for label, sigma, generated, inside in zip(labels, *columns, strict=True)
        }
    return {}


def listing(folder: Path, results: Sequence[Path]) -> str:
    """Table of all points of the theories in a folder, with what productions made of them."""
    known = theories(folder)
    rows = [_HEADER]
    for theory in known.values():
        found = made(theory.name, results)
        rows += [
            (theory.name, theory.role, theory.group, point.label, *_numbers(found.get(point.label)))
            for point in theory.points
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*(line.rstrip() for line in lines), "", _count(list(known.values()))])


def check(file: Path, events: int, time_limit: float) -> Iterator[str]:
    """Try every point of a theory's file on a few events; a line for each that runs.

    Raises `ConfigError` if the file is not a theory, `GenerationError` with all that is wrong at
    all of its points.
    """
    from hyperhex.generate import pythia

    theory = theories(file.parent, only=[file.stem])[file.stem]
    settings = GenerateSettings(production="trial", seed=1, generate=Generate(), theory=theory)
    wrong: list[str] = []
    for number, point in enumerate(theory.points):
        name = where(theory, point)
        refused = [f"{name}: {fault}" for fault in pythia.check(point_commands(settings, point))]
        wrong += refused
        if refused:
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                tried = attempt(settings, number, events, Path(folder), time_limit)
        except GenerationError as error:
            wrong.append(str(error))
            continue
        yield f"{name}: {_words(tried)}"
    if wrong:
        raise GenerationError("\n".join(wrong))


def _numbers(point: Made | None) -> tuple[str, str, str]:
    if point is None:
        return (_UNKNOWN,) * 3
    return f"{point.cross_section:.3g} pb", f"{point.efficiency:.3g}", str(point.selected)


def _count(known: Sequence[Theory]) -> str:
    signals = [theory for theory in known if theory.role == "signal"]
    points = sum(len(theory.points) for theory in signals)
    groups = len({theory.group for theory in signals})
    return (
        f"{len(signals)} signal theories with {points} points in {groups} groups,"
        f" {len(known) - len(signals)} backgrounds"
    )


def _words(tried: Trial) -> str:
    text = (
        f"{tried.cross_section:.3g} +- {tried.cross_section_error:.1g} pb,"
        f" {1 / tried.seconds:.0f} events/s, {tried.kept} of {tried.generated} kept"
    )
    if tried.kept == 0:
        text += " (generate.preselection removes all of them: choose harder points or other decays)"
    return text
