"""Fast beside full simulation: the same particles, in one run, on one thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hyperhex.bench.machine import describe
from hyperhex.bench.table import line
from hyperhex.config import SimulateSettings, default_stage
from hyperhex.errors import BenchmarkError
from hyperhex.fastsim.full_simulation import Transport, transport_of
from hyperhex.fastsim.simulation import FastSimulation, load_generator
from hyperhex.provenance import write_json
from hyperhex.simulate.library import Showers

__all__ = ["run"]

log = logging.getLogger(__name__)

# energies [GeV], and how many times as fast as the full simulation is required
_SPECTRA: tuple[tuple[str, tuple[float, float], float | None], ...] = (
    ("log 1-100 GeV", (1.0, 100.0), 500.0),
    ("1 GeV", (1.0, 1.0), None),
    ("10 GeV", (10.0, 10.0), None),
    ("100 GeV", (100.0, 100.0), 2000.0),
)
_HEADER = (
    "particle", "energies", "batch", "form", "showers/s", "full [ms]", "speed-up", "required",
)  # fmt: skip
_WIDTHS = (-10, -14, 6, 6, 10, 10, 9, 0)
_BATCHES = (1, 256, 4096)
_REQUIRED = 20_000.0  # showers a second on one thread
_SECONDS = 2.0
_LEAST = 8
_MOST = 400
_FAST = 8192
_FAST_ONE = 100


@dataclass(frozen=True)
class Row:
    """One particle and spectrum, in processor time of one thread."""

    particle: str
    spectrum: str
    form: str
    batch: int
    showers_per_second: float
    full_ms: float
    speed_up: float
    required: float | None

    @property
    def met(self) -> bool | None:
        """Whether it is as fast as required."""
        return None if self.required is None else self.speed_up >= self.required

    def told(self) -> dict[str, Any]:
        """Row of the JSON file."""
        return {**asdict(self), "met": self.met}


def run(models: list[Path], rounds: int, output: Path) -> None:
    """Time the fast simulations of folders, hits and dense, in several batches, beside the full.

    The full simulation transports particles of the same energies with the default stack and cuts.
    """
    if rounds < 1:
        msg = f"--rounds {rounds} given, expected at least 1"
        raise BenchmarkError(msg)
    settings = default_stage("simulate")
    simulations = [load_generator(model) for model in models]
    told = settings.simulate.transport.model_dump()
    log.info("full simulation: %s", ", ".join(f"{name} {value:g}" for name, value in told.items()))
    log.info("%s", line(_HEADER, _WIDTHS))
    rows = []
    for simulation in simulations:
        for row in _rows(simulation, settings, rounds):
            rows.append(row.told())
            wanted = "" if row.required is None else f">= {row.required:g}"
            cells = (
                row.particle,
                row.spectrum,
                str(row.batch),
                row.form,
                f"{row.showers_per_second:.0f}",
                f"{row.full_ms:.3f}",
                f"{row.speed_up:.0f}",
                wanted + (" MISSED" if row.met is False else ""),
            )
            log.info("%s", line(cells, _WIDTHS))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_json(output, {"machine": describe(), "transport": told, "threads": 1, "rows": rows})


def _rows(simulation: FastSimulation, settings: SimulateSettings, rounds: int) -> Iterator[Row]:
    transport = transport_of(settings.simulate, simulation.particle)
    for spectrum, energies, required in _SPECTRA:
        number = _affordable(transport, energies)
        slow: list[float] = []
        fast: dict[tuple[int, str], list[float]] = {}
        for k in range(rounds):
            made, seconds = _full(transport, energies, k, number)
            slow.append(seconds)
            for batch in _BATCHES:
                for form in ("hits", "cells"):
                    spent = _fast(simulation, made, batch, form, k)
                    fast.setdefault((batch, form), []).append(spent)
        best = min(fast, key=lambda key: median(fast[key]))
        for (batch, form), times in fast.items():
            each, whole = median(times), median(slow)
            wanted = required if (batch, form) == best else None
            yield Row(
                simulation.particle, spectrum, form, batch, 1.0 / each, 1e3 * whole,
                whole / each, wanted,
            )  # fmt: skip


def _affordable(transport: Transport, energies: tuple[float, float]) -> int:
    """Number of full showers that take about two seconds."""
    _full(transport, energies, 0, 1)
    _, seconds = _full(transport, energies, 0, _LEAST)
    return int(np.clip(_SECONDS / seconds, _LEAST, _MOST))


def _full(
    transport: Transport, energies: tuple[float, float], block: int, number: int
) -> tuple[Showers, float]:
    """Some full showers, and processor time of one [s]."""
    numbers = np.arange(block * number, (block + 1) * number, dtype=np.uint64)
    start = time.process_time()
    made = transport(energies, 1, numbers)
    return made, (time.process_time() - start) / number


def _fast(simulation: FastSimulation, full: Showers, batch: int, form: str, block: int) -> float:
    """Processor time [s] of a fast shower of the same particles, over and over."""
    rows = np.arange(_FAST_ONE if batch == 1 else _FAST) % len(full.energy)
    energy, impact = full.energy[rows], full.impact[rows]
    draw = simulation.hits if form == "hits" else simulation.sample
    draw(energy[:batch], impact[:batch], block, batch)
    start = time.process_time()
    draw(energy, impact, block, batch)
    return (time.process_time() - start) / len(rows)
