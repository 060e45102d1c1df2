"""The full simulation: showers a second, time of a step, where it goes, and its workers."""

from __future__ import annotations

import cProfile
import logging
import pstats
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.bench.machine import describe
from hyperhex.bench.table import line
from hyperhex.bench.workers import cold_start, scaling
from hyperhex.config import SimulateSettings, default_stage
from hyperhex.errors import BenchmarkError
from hyperhex.provenance import write_json
from hyperhex.simulate import stage
from hyperhex.simulate.cascade import HADRONS, simulate_hadrons
from hyperhex.simulate.library import Showers, simulate

__all__ = ["run"]

log = logging.getLogger(__name__)

# particle, energy [GeV], showers a second that are required on one thread
_CASES: tuple[tuple[str, float, float | None], ...] = (
    ("photon", 1.0, None),
    ("photon", 10.0, 130.0),
    ("photon", 100.0, None),
    ("electron", 10.0, None),
    ("pi+", 10.0, None),
    ("pi+", 50.0, 15.0),
    ("mu-", 10.0, None),
)
_HEADER = ("particle", "GeV", "showers/s", "ms/GeV", "ns/step", "required", "where")
_WIDTHS = (-10, 5, 10, 8, 8, 14, 0)
_ENERGY_OF_A_ROUND = 400.0  # [GeV] of all its showers
# functions whose share of a hadronic shower's time is told
_PROCESSES = {
    "collisions": "collide",
    "decays": "decay",
    "electromagnetic": "add_electromagnetic",
}

Make = Callable[[NDArray[np.uint64]], Showers]


@dataclass(frozen=True)
class Row:
    """One case on one thread, in processor time.

    steps: shares of photons, electrons and hadrons; processes: shares of the time.
    """

    particle: str
    energy: float
    showers_per_second: float
    ms_per_gev: float
    ns_per_step: float
    steps: dict[str, float]
    processes: dict[str, float]
    required: float | None

    @property
    def met(self) -> bool | None:
        """Whether it is as fast as required."""
        return None if self.required is None else self.showers_per_second >= self.required

    def told(self) -> dict[str, Any]:
        """Row of the JSON file."""
        return {**asdict(self), "met": self.met}


def run(rounds: int, workers: int, output: Path) -> None:
    """Time showers on one thread and, with more than one worker, how Dask's workers scale."""
    if rounds < 1 or workers < 1:
        msg = f"--rounds {rounds} and --workers {workers} given, expected at least 1 of each"
        raise BenchmarkError(msg)
    settings = default_stage("simulate")
    log.info("%s", line(_HEADER, _WIDTHS))
    rows = []
    for row in _rows(settings, rounds):
        rows.append(row)
        wanted = "" if row.required is None else f">= {row.required:g}"
        cells = (
            row.particle,
            f"{row.energy:g}",
            f"{row.showers_per_second:.1f}",
            f"{row.ms_per_gev:.3f}",
            f"{row.ns_per_step:.0f}",
            wanted + (" MISSED" if row.met is False else ""),
            _shares("steps", row.steps) + "; " + _shares("time", row.processes),
        )
        log.info("%s", line(cells, _WIDTHS))
    starts = [start.told() for start in cold_start(settings)]
    for start in starts:
        log.info(
            "cold start: %.2f s to the first %s (%.2f s of processor time)%s",
            *(start["elapsed"], start["particle"], start["processor"]),
            "" if start["met"] else " MISSED",
        )
    scales = scaling(settings, workers, rounds).told() if workers > 1 else None
    if scales is not None:
        log.info(
            "%d Dask workers make %.2f times the showers of one (%.2f to %.2f, required %.2f)%s",
            *(workers, scales["ratio"], scales["least"], scales["most"], scales["required"]),
            "" if scales["met"] else " MISSED",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    rows_told = [row.told() for row in rows]
    write_json(
        output,
        {"machine": describe(), "rows": rows_told, "cold_start": starts, "scaling": scales},
    )


def _rows(settings: SimulateSettings, rounds: int) -> Iterator[Row]:
    section = settings.simulate
    matter, n_layers = stage.matter_of(section), stage.layout(section)[0].n_layers
    absorber = stage.absorber_of(section)
    for particle, energy, required in _CASES:
        energies = (energy, energy * (1.0 + 1e-9))

        def make(
            numbers: NDArray[np.uint64],
            particle: str = particle,
            energies: tuple[float, float] = energies,
        ) -> Showers:
            if particle in HADRONS:
                return simulate_hadrons(absorber, particle, energies, 1, numbers).showers
            return simulate(matter, n_layers, particle, energies, 1, numbers)

        number = max(4, min(400, int(_ENERGY_OF_A_ROUND / energy)))
        each, steps = _timed(make, number, rounds)
        total = steps.sum()
        yield Row(
            particle,
            energy,
            1.0 / each,
            1e3 * each / energy,
            1e9 * each / total,
            dict(zip(("photons", "electrons", "hadrons"), (steps / total).tolist(), strict=True)),
            _processes(make, number) if particle in HADRONS else {"electromagnetic": 1.0},
            required,
        )


def _timed(make: Make, number: int, rounds: int) -> tuple[float, NDArray[np.float64]]:
    """Median processor time of a shower [s] and mean steps (3,), other showers in every round."""
    make(np.zeros(1, dtype=np.uint64))
    times, steps = [], []
    for k in range(rounds):
        numbers = np.arange(k * number, (k + 1) * number, dtype=np.uint64)
        start = time.process_time()
        made = make(numbers)
        times.append((time.process_time() - start) / number)
        steps.append(made.steps.mean(0))
    return median(times), np.mean(steps, axis=0)


def _processes(make: Make, number: int) -> dict[str, float]:
    """Shares of a hadronic shower's time, by Python's profiler; the rest are hadrons on the way."""
    profile = cProfile.Profile()
    profile.runcall(make, np.arange(number, dtype=np.uint64))
    entries = pstats.Stats(profile).get_stats_profile()
    shares = {
        label: entries.func_profiles[name].cumtime / entries.total_tt
        for label, name in _PROCESSES.items()
        if name in entries.func_profiles
    }
    return {**shares, "hadrons": 1.0 - sum(shares.values())}


def _shares(title: str, shares: dict[str, float]) -> str:
    told = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
    return f"{title}: {told}"
