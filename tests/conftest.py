"""One tiny production, made once and shared by all tests that look at a finished one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

REPOSITORY = Path(__file__).parents[1]
LOCAL = ("--profile", "workflow/profiles/local", "--configfile", "tests/config/tiny.yaml")

Snakemake = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Production:
    """A finished production: the clone that it was made in, its results, and what was printed."""

    clone: Path
    results: Path
    stdout: str
    stderr: str
    seconds: float


class Scheduling(LoadFileScheduling):
    """Give a file's tests to one process, and to one all tests of the tiny production."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("workflow") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.option.dist == "loadfile" else None


def environment() -> dict[str, str]:
    """Environment of a user who has set nothing that Snakemake or the commands read."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SNAKEMAKE_", "HYPERHEX_", "DASK_"))
    }


def snakemake_command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "snakemake", *map(str, arguments)]


@pytest.fixture(scope="session")
def records() -> ModuleType:
    """The module of toy event records."""
    name = "toy_event_records"
    path = Path(__file__).with_name("train") / "records.py"
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def snakemake() -> Snakemake:
    """Run Snakemake in a folder to its end."""

    def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            snakemake_command(*arguments),
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def clone() -> Callable[[Path], Path]:
    """Copy what Snakemake reads into a folder, so that a test may edit it."""

    def copy(folder: Path) -> Path:
        for name in ("workflow", "config", "envs", "src", "tests/config"):
            shutil.copytree(
                REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(REPOSITORY / "Snakefile", folder)
        (folder / "profiles").symlink_to("workflow/profiles")
        return folder

    return copy


@pytest.fixture(scope="session")
def production(
    tmp_path_factory: pytest.TempPathFactory, clone: Callable[[Path], Path], snakemake: Snakemake
) -> Production:
    """The tiny production, in a clone of its own."""
    folder = clone(tmp_path_factory.mktemp("production"))
    start = time.monotonic()
    made = snakemake(folder, *LOCAL)
    seconds = time.monotonic() - start
    assert made.returncode == 0, made.stdout + made.stderr
    return Production(folder, folder / "results/tiny", made.stdout, made.stderr, seconds)
