"""Profiles are read, say why, and change no result; environments are the tested ones."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PROFILES = ("default", "local", "dask", "slurm")
# what every profile must say, so that each serves alone
ALWAYS = {"rerun-incomplete": True, "keep-going": True}


def read(repository: Path, name: str) -> dict[str, Any]:
    file = repository / f"workflow/profiles/{name}/config.v9+.yaml"
    return dict(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("name", PROFILES)
def test_each_line_says_why(name: str, repository: Path) -> None:
    file = repository / f"workflow/profiles/{name}/config.v9+.yaml"
    lines = file.read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"^[a-z]", line):
            assert before.lstrip().startswith("#"), f"{file}: {line}"


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_resumes_and_goes_on(name: str, repository: Path) -> None:
    assert ALWAYS.items() <= read(repository, name).items()


def test_the_default_profile_takes_nothing_back(repository: Path) -> None:
    """Snakemake lets it win over the profile that is named on the command line."""
    default = read(repository, "default")
    for name in PROFILES[1:]:
        other = read(repository, name)
        assert {key: other[key] for key in default.keys() & other.keys()} == ALWAYS


def test_dask_profile_reaches_the_commands(
    tmp_path: Path, clone: Callable[[Path], Path], planned: Callable[..., Any]
) -> None:
    plan = planned(clone(tmp_path), "detect", "--profile", "workflow/profiles/dask")
    assert "workflow/profiles/dask" in plan.text
    spread = [command for command in plan.commands if "--dask local" in command]
    assert {command.split()[0] for command in spread} == {"simulate", "generate", "detect"}
    # eight threads are asked for, two are there
    assert all("--threads 2" in command for command in spread)
    assert all(" --dask none" not in command for command in plan.commands)


def test_slurm_profile_is_read(
    tmp_path: Path, clone: Callable[[Path], Path], planned: Callable[..., Any]
) -> None:
    plan = planned(clone(tmp_path), "generate", "--profile", "workflow/profiles/slurm")
    assert "workflow/profiles/slurm" in plan.text
    assert plan.rules == {"generate_theory"}


def test_slurm_waits_no_longer_than_slurm_remembers(repository: Path) -> None:
    remembers = re.search(
        r"^MinJobAge=(\d+)$", (repository / "tests/slurm/slurm.conf.in").read_text(), re.MULTILINE
    )
    assert remembers is not None
    first = read(repository, "slurm")["slurm-init-seconds-before-status-checks"]
    assert int(remembers.group(1)) >= 3 * first


def test_environments_agree(repository: Path) -> None:
    """Conda gets the versions of the constraints for what pyproject.toml asks for."""
    lines = (repository / "envs/constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    conda = yaml.safe_load((repository / "envs/production.yaml").read_text())
    packages = dict(line.split("==") for line in conda["dependencies"][-1]["pip"])
    assert packages.items() <= pins.items()
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    asked = {re.match(r"[\w-]+", line).group().lower() for line in project["dependencies"]}  # type: ignore[union-attr]
    assert {name.lower() for name in packages} == asked
