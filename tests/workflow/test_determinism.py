"""The same seed gives the same bytes: killed and resumed, in another order, in other parts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

# what a result is made of; validations say how fast this machine is, and may differ
RESULTS = (
    *("**/*.manifest.json", "**/*.safetensors", "**/passed.json"),
    *("hyperclass/*.json", "hyperclass/*.csv", "train/*/comparison.json"),
)
_LONGEST = 1800
"""Time [s] that half of a production takes at most: a machine at work takes many times as long."""

OTHER_PARTS = [
    f"{rule}:parts_per_task={number}"
    for rule, number in (("simulate_showers", 3), ("generate_theory", 2), ("detect_events", 2))
]


def contents(results: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(results)): path.read_bytes()
        for pattern in RESULTS
        for path in results.glob(pattern)
    }


def assert_same(results: Path, expected: Path) -> None:
    ours, theirs = contents(results), contents(expected)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def commands_in(folder: Path) -> list[psutil.Process]:
    """Processes of the package that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if "hyperhex" in " ".join(process.cmdline()) and Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


@contextmanager
def running(
    folder: Path, arguments: Sequence[str], output: IO[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Snakemake in a folder, in the end killed by SIGKILL whatever happened."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_killed_and_resumed_on_one_core_gives_the_same_bytes(
    production: Any, repository: Path, tmp_path: Path, snakemake: Callable[..., Any]
) -> None:
    """SIGKILL of Snakemake in the middle, and then the same command again, from elsewhere."""
    arguments = [
        *("--cores", "1", "--directory", str(tmp_path)),
        *("--configfile", "tests/config/tiny.yaml", "--set-resources", *OTHER_PARTS),
    ]
    results, log = tmp_path / "results/tiny", tmp_path / "first.log"
    with log.open("w") as output, running(repository, arguments, output) as first:
        begun = (results / "fastsim/electron/generator.json").exists
        assert wait_until(begun, _LONGEST), log.read_text()
        # a second Snakemake that meets the first does it no harm and does nothing itself
        second = snakemake(repository, *arguments)
        assert second.returncode == 1
        assert "locked" in second.stderr
        assert first.poll() is None
        assert wait_until(lambda: commands_in(tmp_path), 60)
    assert wait_until(lambda: not commands_in(tmp_path), 15), commands_in(tmp_path)
    assert not (results / "hyperclass").exists()

    again = snakemake(repository, *arguments)
    assert again.returncode == 0, again.stderr
    assert_same(results, production.results)


@pytest.mark.parametrize("target", ["simulate/photon", "generate/zprime", "detect/gluino"])
def test_dask_gives_the_same_bytes(
    target: str, production: Any, tmp_path: Path, snakemake: Callable[..., Any]
) -> None:
    """The one store is made again by two workers, several parts to a task."""
    folder = tmp_path / "clone"
    shutil.copytree(production.clone, folder, symlinks=True)
    store = folder / f"results/tiny/{target}.zarr"
    shutil.rmtree(store)
    made = snakemake(
        folder,
        *("--profile", "workflow/profiles/dask", "--cores", "2"),
        *("--configfile", "tests/config/tiny.yaml", "--", store.relative_to(folder)),
    )
    assert made.returncode == 0, made.stderr
    stage, _, name = target.partition("/")
    logs = sorted((folder / "results/tiny/logs").glob(f"{stage}_*/{name}.log"))
    assert "2 local workers" in logs[0].read_text()
    assert_same(folder / "results/tiny", production.results)
