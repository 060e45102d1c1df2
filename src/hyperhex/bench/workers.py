"""Workers of the full simulation: how soon a cold one begins, and how they scale."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hyperhex import cluster, store
from hyperhex.cluster import Context
from hyperhex.config import SimulateSettings
from hyperhex.simulate import stage
from hyperhex.simulate.cascade import HADRONS
from hyperhex.simulate.parts import Part, make

__all__ = ["ColdStart", "Scaling", "cold_start", "scaling"]

log = logging.getLogger(__name__)

# what a worker does for its first shower: load its part, which imports what it needs
_FIRST = """
import pickle, sys, time
with open(sys.argv[1], "rb") as file:
    part, numbers, make = pickle.load(file)
make(part, numbers)
print(time.process_time())
"""
_STARTS = 5
_STARTED = {"photon": 2.0, "pi+": None}  # seconds that a first shower may take
# as many as a library of the default production, in its parts
_LIBRARY = {"number": 5000, "energy": (10.0, 10.1)}
_WARMING = {**_LIBRARY, "number": 200, "showers_per_part": 50}
_REQUIRED = 0.9  # of the number of workers


@dataclass(frozen=True)
class ColdStart:
    """Medians from the start of a process to its first shower of 10 GeV, kernels in the cache.

    elapsed and processor time [s]; `required` is of the former.
    """

    particle: str
    elapsed: float
    processor: float
    required: float | None

    def told(self) -> dict[str, Any]:
        """Row of the JSON file."""
        return {**asdict(self), "met": self.required is None or self.elapsed <= self.required}


@dataclass(frozen=True)
class Scaling:
    """Seconds of one library on one Dask worker and on several, in turn."""

    workers: int
    one: list[float]
    several: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster the several were, by round."""
        return [alone / shared for alone, shared in zip(self.one, self.several, strict=True)]

    def told(self) -> dict[str, Any]:
        """Row of the JSON file."""
        ratio, required = median(self.ratios), _REQUIRED * self.workers
        least, most = min(self.ratios), max(self.ratios)
        return {
            **asdict(self),
            "ratio": ratio,
            "least": least,
            "most": most,
            "required": required,
            "met": ratio >= required,
        }


def cold_start(settings: SimulateSettings) -> Iterator[ColdStart]:
    """Start fresh processes that get their part as a Dask worker does, and time them."""
    numbers = np.zeros(1, dtype=np.uint64)
    for particle, required in _STARTED.items():
        with tempfile.TemporaryDirectory(prefix="hyperhex-bench-") as folder:
            part = _part(settings, particle, Path(folder))
            make(part, numbers)  # the kernels are in the cache from here on
            told = Path(folder) / "part.pickle"
            told.write_bytes(pickle.dumps((part, numbers, make)))
            times = [_first(told) for _ in range(_STARTS)]
        elapsed, processor = (median(column) for column in zip(*times, strict=True))
        yield ColdStart(particle, elapsed, processor, required)


def _first(told: Path) -> tuple[float, float]:
    """Elapsed and processor time of a process that makes a first shower [s]."""
    start = time.perf_counter()
    command = [sys.executable, "-c", _FIRST, str(told)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return time.perf_counter() - start, float(printed)


def _part(settings: SimulateSettings, particle: str, folder: Path) -> Part:
    """A part of one shower of 10 GeV, whose draft is never written to."""
    section = settings.simulate.model_copy(update={"energy": (10.0, 10.1)})
    hadronic = particle in HADRONS
    made_in = stage.absorber_of(section) if hadronic else stage.matter_of(section)
    n_layers = stage.layout(section, hadronic=hadronic)[0].n_layers
    schema = {"energy": store.Array("float32", ("shower",), "GeV", "energy")}
    sizes = {"shower": 1}
    draft = store.create(
        folder / "none.zarr",
        schema,
        sizes=sizes,
        rows=sizes,
        settings=settings.model_dump(mode="json"),
        attributes={},
        code=("simulate",),
    )
    return Part(draft, made_in, n_layers, particle, section, 1, 0)


def scaling(settings: SimulateSettings, workers: int, rounds: int) -> Scaling:
    """Time one library on one running Dask worker and on several, in turn.

    The workers have started and have their kernels: a long library is what is wanted to scale.
    """
    one, several = [], []
    with _workers(1) as alone, _workers(workers) as shared:
        for context in (alone, shared):
            _seconds(settings, context, _WARMING)
        for _ in range(rounds):
            one.append(_seconds(settings, alone, _LIBRARY))
            several.append(_seconds(settings, shared, _LIBRARY))
    return Scaling(workers, one, several)


@contextmanager
def _workers(number: int) -> Iterator[Context]:
    """Address of so many workers of one thread each on this machine."""
    with cluster.connect("local", threads=number, memory=f"{number}GB") as client:
        assert client is not None
        yield Context(client.scheduler.address, number)


def _seconds(settings: SimulateSettings, context: Context, beam: dict[str, Any]) -> float:
    """Elapsed time of a whole library of photons, from its draft to its manifest."""
    with tempfile.TemporaryDirectory(prefix="hyperhex-bench-") as folder:
        start = time.perf_counter()
        stage.showers(settings, "photon", Path(folder) / "photon.zarr", context, beam)
        return time.perf_counter() - start
