from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperhex import cluster
from hyperhex.errors import ConfigError

ITEMS = [1.0, 4.0, 9.0, 16.0, 25.0]
ROOTS = [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("per_task", [1, 2, 7])
def test_work_without_dask_keeps_its_order(per_task: int) -> None:
    with cluster.connect("none") as client:
        found = cluster.compute(client, math.sqrt, ITEMS, label="roots", per_task=per_task)
        assert list(found) == ROOTS


def test_local_workers_do_the_same_work_on_one_thread_each() -> None:
    with cluster.connect("local", threads=2) as client:
        for per_task in (1, 3):
            found = cluster.compute(client, math.sqrt, ITEMS, label="roots", per_task=per_task)
            assert sorted(found) == ROOTS
        variables = list(cluster.compute(client, os.getenv, ["OMP_NUM_THREADS"], label="threads"))
    assert variables == ["1"]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Path]:
    """A scheduler and a worker as separate processes, as a user would start them."""
    file = tmp_path / "scheduler.json"
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"distributed.cli.dask_{role}",
                "--scheduler-file",
                str(file),
                *rest,
            ],
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        for role, rest in (
            ("scheduler", ["--port", "0", "--no-dashboard"]),
            ("worker", ["--nthreads", "1", "--no-dashboard"]),
        )
    ]
    for _ in range(200):
        if file.exists():
            break
        time.sleep(0.1)
    yield file
    for process in reversed(processes):
        process.terminate()
        process.wait(20)


def test_attached_schedulers_outlive_the_work(scheduler: Path) -> None:
    address = json.loads(scheduler.read_text())["address"]
    for spec in (str(scheduler), address):
        with cluster.connect(spec) as client:
            assert sorted(cluster.compute(client, math.sqrt, ITEMS, label="roots")) == ROOTS


@pytest.mark.parametrize("spec", ["locale", "missing.json", ""])
def test_an_unknown_address_is_refused_with_the_known_ones(spec: str) -> None:
    with (
        pytest.raises(ConfigError, match="expected none, local, slurm"),
        cluster.connect(spec),
    ):
        pass


def test_progress_ends_with_all_parts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        list(cluster.compute(None, math.sqrt, ITEMS, label="showers"))
    assert "showers: 5 of 5 parts, 0 s to go" in caplog.text
