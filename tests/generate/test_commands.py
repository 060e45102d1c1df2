from __future__ import annotations

import pytest

from hyperhex.generate.commands import fill
from hyperhex.generate.pythia import check


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("Top:gg2ttbarr = on", "did you mean Top:gg2ttbar"),
        ("Top:all = banana", "'banana' given, expected on or off"),
        ("32:m0 = abc", "'abc' given, expected a number"),
        ("PhaseSpace:pTHatMin = 1e", "expected a number"),
        ("Tune:pp = 14.5", "expected an integer"),
        ("Zprime:gmZmode = 9", "out of range"),
        ("SUSY:idVecA = 1000001,left", "expected a list of which each is an integer"),
        ("32:onIfAny = top", "expected a list of particle codes"),
        ("32:onIfAny = 99", "no particle 99"),
        ("99:m0 = 3", "no particle 99"),
        ("32:mass = 3", "no property mass"),
        ("4900111:oneChannel = 1 a 91 -3 3", "expected onMode, branching ratio"),
        ("42:first:products = 6 11", "expected particle:property"),
        ("Top:all on", "expected `Key = value`"),
        ("Random:seed = 4", "set by `seed`"),
        ("PARTONLEVEL:MPI = on", "set by `generate.multiparton`"),
    ],
)
def test_a_wrong_setting_is_named_with_its_reason(command: str, reason: str) -> None:
    (fault,) = check([command])
    assert command in fault
    assert reason in fault


def test_every_wrong_setting_is_listed() -> None:
    assert len(check(["Top:all = banana", "Top:gg2ttbar = on", "32:m0 = abc"])) == 2


@pytest.mark.parametrize(
    "command",
    [
        "Top:all = on",
        "top:ALL = yes",
        "32:m0 = 1.5e3",
        "SUSY:idVecA = {1000001,1000002}",
        "42:0:products = 6 11",
        "42:0:bRatio = .5",
        "4900111:oneChannel = 1 0.7 91 -3 3",
        "23:onMode = 0",
        "PDF:pSet = 14",
    ],
)
def test_a_right_setting_is_taken(command: str) -> None:
    assert check([command]) == []


def test_parameters_are_filled_in() -> None:
    filled = fill("32:m0 = {mass} {other_1}", {"mass": 1500.0, "other_1": 0.25})
    assert filled == "32:m0 = 1500 0.25"
    # braces around lists are Pythia's own
    assert fill("SUSY:idVecA = {1,2}", {}) == "SUSY:idVecA = {1,2}"
