"""Where the time of a production went, from the benchmarks that Snakemake writes of every job."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

from hyperhex.errors import StoreError
from hyperhex.provenance import write_json

__all__ = ["RuleTime", "measured", "write"]


@dataclass(frozen=True)
class RuleTime:
    """All jobs of a rule: their number, their time added up, the longest, the most memory.

    Times are those of the wall clock [s], memory is resident [MB].
    """

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float


def measured(folder: Path) -> list[RuleTime]:
    """Times of all rules of the production in `folder`, the largest first.

    A job that ran more than once counts with its last run. Raises `StoreError` if there is no job.
    """
    found = [
        RuleTime(rule, len(jobs), sum(times), max(times), max(memory))
        for rule, jobs in _jobs(folder / "benchmarks").items()
        for times, memory in [zip(*jobs, strict=True)]
    ]
    if not found:
        msg = f"{folder}: no benchmarks, expected a folder results/<production> with finished jobs"
        raise StoreError(msg)
    return sorted(found, key=lambda one: -one.seconds)


def write(folder: Path, output: Path, figure: Path) -> None:
    """Write the times of a production as JSON and as a figure."""
    from hyperhex.plots.times import times

    found = measured(folder)
    write_json(output, {"rules": [asdict(one) for one in found]})
    times(found, figure)


def _jobs(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Time and memory of each job, by rule: `<rule>.tsv`, or `<rule>/<wildcards>.tsv`."""
    found: dict[str, list[tuple[float, float]]] = {}
    for file in sorted(folder.rglob("*.tsv")):
        rule = file.relative_to(folder).parts[0].removesuffix(".tsv")
        with file.open() as lines:
            row = list(csv.DictReader(lines, delimiter="\t"))[-1]
        found.setdefault(rule, []).append((_number(row["s"]), _number(row["max_rss"])))
    return found


def _number(text: str) -> float:
    # a job too short to be looked at has no memory
    return 0.0 if text in {"-", "NA"} else float(text)
