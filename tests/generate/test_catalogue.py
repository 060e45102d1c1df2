from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from hyperhex import cli
from hyperhex.config import GenerateSettings
from hyperhex.errors import ConfigError, GenerationError
from hyperhex.generate import catalogue
from hyperhex.generate.trial import attempt

CONFIG = Path(__file__).parents[2] / "config"


def write(folder: Path, **changed: object) -> Path:
    """File of a theory with one point, Z bosons that recoil against a jet unless changed."""
    theory = {
        "name": "trial",
        "title": "trial",
        "role": "signal",
        "group": "trials",
        "settings": [
            "WeakBosonAndParton:qqbar2gmZg = on",
            "23:onMode = off",
            "23:onIfAny = 12 14 16",
            "PhaseSpace:pTHatMin = {low}",
        ],
        "points": [{"label": "only", "parameters": {"low": 400}}],
    }
    file = folder / "trial.yaml"
    file.write_text(yaml.safe_dump(theory | changed))
    return file


def test_a_trial_says_what_an_event_costs(
    tmp_path: Path, make_settings: Callable[..., GenerateSettings]
) -> None:
    tried = attempt(make_settings(visible_pt=350.0), 0, 40, tmp_path, 60.0)
    assert tried.generated == 40
    assert 0 < tried.kept < 40
    assert 0.0 < tried.cross_section_error < tried.cross_section
    assert 1e-4 < tried.seconds < 1.0


def test_a_theory_that_runs_is_described_and_one_that_does_not_says_why(tmp_path: Path) -> None:
    (line,) = catalogue.check(write(tmp_path), 20, 60.0)
    assert line.startswith("theory trial, point only: ")
    assert "of 20 kept" in line
    wrong = ["WeakBosonAndParton:qqbar2gmZg = banana", "23:onModes = off", "6:m0 = {low}"]
    with pytest.raises(GenerationError) as error:
        list(catalogue.check(write(tmp_path, settings=wrong), 20, 60.0))
    assert "'banana' given, expected on or off" in str(error.value)
    assert "a particle has no property onModes" in str(error.value)
    with pytest.raises(ConfigError, match=r"theories.trial.group"):
        list(catalogue.check(write(tmp_path, group="No Name"), 20, 60.0))


def test_all_points_are_tried_even_if_one_fails(tmp_path: Path) -> None:
    # nothing is on at the first point, so Pythia has no process to start with
    settings = ["WeakBosonAndParton:qqbar2gmZg = {on}", "PhaseSpace:pTHatMin = 400"]
    points = [{"label": name, "parameters": {"on": value}} for name, value in (("a", 0), ("b", 1))]
    lines = catalogue.check(write(tmp_path, settings=settings, points=points), 5, 60.0)
    assert next(lines).startswith("theory trial, point b: ")
    with pytest.raises(GenerationError, match=r"point a.*Pythia cannot be initialised"):
        next(lines)


def test_the_list_counts_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["theories", "list", "--theories", str(CONFIG / "theories")]
    assert cli.main([*arguments, "--results", "no/such/results"]) == 0
    header, *rows, _, count = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["theory", "role", "group", "point"]
    assert [row.split()[3:] for row in rows if row.startswith("stop ")] == [
        ["m800_n100", "-", "-", "-"],
        ["m1000_n500", "-", "-", "-"],
    ]
    assert f"with {sum(' signal ' in row for row in rows)} points" in count
