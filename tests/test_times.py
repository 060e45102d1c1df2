from __future__ import annotations

import json
from pathlib import Path

import pytest

from hyperhex import cli
from hyperhex.errors import StoreError
from hyperhex.times import measured

HEADER = "s\th:m:s\tmax_rss\tcpu_time\n"


def write_benchmark(file: Path, seconds: float, memory: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{HEADER}{seconds}\t0:00:01\t{memory}\t1.0\n")


def test_jobs_are_added_up_by_rule(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "benchmarks/fastsim_fit.tsv", 20.0, "300.5")
    write_benchmark(tmp_path / "benchmarks/generate_theory/gluino.tsv", 5.0, "-")
    write_benchmark(tmp_path / "benchmarks/generate_theory/ttbar.tsv", 30.0, "100")
    first, second = measured(tmp_path)
    assert (first.rule, first.jobs, first.seconds) == ("generate_theory", 2, 35.0)
    assert (first.longest, first.memory) == (30.0, 100.0)
    assert (second.rule, second.jobs, second.memory) == ("fastsim_fit", 1, 300.5)


def test_the_command_writes_a_table_and_a_figure(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "benchmarks/detect_events/ttbar.tsv", 3.0, "10")
    table, figure = tmp_path / "times.json", tmp_path / "times.svg"
    assert cli.main(["times", str(tmp_path), "--output", str(table), "--figure", str(figure)]) == 0
    (row,) = json.loads(table.read_text())["rules"]
    assert row["seconds"] == 3.0
    assert figure.read_text().rstrip().endswith("</svg>")


def test_no_finished_job_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no benchmarks"):
        measured(tmp_path)
