from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hyperhex import cli
from hyperhex.verbs import VERBS


@pytest.mark.parametrize(("stage", "verb"), sorted(VERBS))
def test_every_verb_teaches_its_arguments(
    stage: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([stage, verb, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert VERBS[stage, verb][0] in " ".join(text.split())
    assert "--settings" in text


@pytest.mark.parametrize(("stage", "verb"), sorted(VERBS))
def test_every_verb_is_a_function_of_its_stage(stage: str, verb: str) -> None:
    function = getattr(import_module(f"hyperhex.{stage}.stage"), verb)
    names = list(inspect.signature(function).parameters)
    told = [name.removesuffix("+") for name in VERBS[stage, verb][1]]
    assert len(names) == len(told) + 1
    assert names[0] == "settings"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, hyperhex.cli as cli\n"
        "try: cli.main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numba', 'numpy', 'dask', 'zarr', 'pydantic', 'xgboost'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_settings_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "fastsim.json"
    arguments = ["--settings", str(settings), "--validations", "v.json"]
    arguments += ["--downstream", "d.json", "--output", "p.json"]
    assert cli.main(["fastsim", "gate", *arguments]) == 2
    assert f"{settings}: No such file" in capsys.readouterr().err


def test_one_energy_where_a_range_is_wanted_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--particle", "photon", "--energy", "50", "--output", str(tmp_path / "x.zarr")]
    assert cli.main(["simulate", "showers", *arguments]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    reason = "energy 50.0, 50.0 given; two numbers that rise from 0.001 to 1000 expected"
    assert told == f"simulate: {reason}"
