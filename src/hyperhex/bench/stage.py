"""Benchmarks by subject: cases in, a table on the screen and a JSON file out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

from hyperhex.bench.case import Case
from hyperhex.bench.machine import describe, measure_rates, rates_as_json, versions
from hyperhex.bench.table import line
from hyperhex.bench.timing import Row, compare
from hyperhex.errors import BenchmarkError
from hyperhex.provenance import write_json

__all__ = ["kernels"]

log = logging.getLogger(__name__)

_SUBJECTS = ("hexagonal", "convolution", "spectral")
_VERSIONS = ("numpy", "numba", "scipy", "torch")
_PEERS = (
    "astropy-healpix",
    "ctapipe",
    "healpy",
    "hexagdly",
    "IndexedConv",
    "PyGSP",
    "torch-geometric",
)
_HEADER = ("case", "threads", "peer", "peer [ms]", "ours [ms]", "ratio", "x bound", "required")
_WIDTHS = (-74, 8, -32, 11, 11, 8, 8, -14)


def kernels(match: str, rounds: int, threads: int, output: Path) -> None:
    """Time the kernels beside their peers on 1 and on `threads` threads."""
    if rounds < 1 or threads < 1:
        msg = f"--rounds {rounds} and --threads {threads} given, expected at least 1 of each"
        raise BenchmarkError(msg)
    installed = _installed()
    chosen = [case for case in _cases() if fnmatch(case.name, f"*{match}*")]
    if not chosen:
        msg = f"--match {match!r}: no case of that name; --match '*' runs all"
        raise BenchmarkError(msg)
    counts = sorted({1, threads})
    rates = {count: measure_rates(count) for count in counts}
    rows: list[Row] = []
    machine = describe()
    log.info("%s", ", ".join(value for value in machine.values() if value))
    for count, rate in rates.items():
        told = rates_as_json(rate)
        log.info(
            "%d threads: copy %.1f GB/s, float32 product %.0f GFLOP/s",
            *(count, told["bandwidth"], told["operations"]),
        )
    print(line(_HEADER, _WIDTHS), flush=True)
    for case in chosen:
        case.check()
        for count in counts:
            for row in compare(case, rates[count], rounds, count):
                rows.append(row)
                print(line(row.cells(), _WIDTHS), flush=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    measured = {str(count): rates_as_json(rate) for count, rate in rates.items()}
    write_json(
        output,
        {
            "machine": machine,
            "versions": installed,
            "rates": measured,
            "rounds": rounds,
            "rows": [row.as_json() for row in rows],
        },
    )
    missed = [row for row in rows if row.met is False]
    log.info("%d rows, %d miss what is required; %s", len(rows), len(missed), output)


def _cases() -> Iterator[Case]:
    for subject in _SUBJECTS:
        yield from import_module(f"hyperhex.bench.{subject}").cases()


def _installed() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError

    try:
        return versions(_VERSIONS + _PEERS)
    except PackageNotFoundError as missing:
        msg = f"peer {missing.name} is not installed; `make bench-kernels` installs all and runs"
        raise BenchmarkError(msg) from None
