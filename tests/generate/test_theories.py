from __future__ import annotations

from pathlib import Path

import pytest

from hyperhex.config import Generate, GenerateSettings, Theory, read, resolve, theories
from hyperhex.generate.pythia import check
from hyperhex.generate.recipe import point_commands, point_spectrum

CONFIG = Path(__file__).parents[2] / "config"
THEORIES = CONFIG / "theories"
SHIPPED = theories(THEORIES)
PRODUCTIONS = ("collider", "reference")


@pytest.mark.parametrize("theory", SHIPPED.values(), ids=SHIPPED)
def test_pythia_knows_every_setting_of_the_shipped_theories(theory: Theory) -> None:
    settings = GenerateSettings(production="trial", seed=1, generate=Generate(), theory=theory)
    for point in theory.points:
        assert check(point_commands(settings, point)) == []
        assert (point_spectrum(theory, point) is None) == (theory.slha is None)


def test_the_shipped_theories_cover_many_families() -> None:
    signals = [theory for theory in SHIPPED.values() if theory.role == "signal"]
    assert len(signals) >= 32
    assert sum(len(theory.points) for theory in signals) >= 50
    assert len({theory.group for theory in signals}) >= 12
    assert len(SHIPPED) - len(signals) == 6
    assert all(theory.paper for theory in SHIPPED.values())


def test_the_reference_production_takes_all_theories_and_the_default_one_a_part() -> None:
    taken = {name: resolve(read(CONFIG / f"{name}.yaml"), THEORIES)[1] for name in PRODUCTIONS}
    assert set(taken["reference"]) == set(SHIPPED)
    # a newcomer waits for every theory in it
    assert len(taken["collider"]) == 19
    ttbar = {name: known["ttbar"].points[0].events for name, known in taken.items()}
    assert ttbar["reference"] > 5 * ttbar["collider"] == 5 * SHIPPED["ttbar"].points[0].events


def test_faults_of_a_theory_name_what_does_not_fit() -> None:
    theory = Theory.model_validate(
        {
            "name": "trial",
            "title": "trial",
            "role": "signal",
            "group": "trials",
            "settings": ["32:m0 = {mass}"],
            "points": [
                {"label": "a", "parameters": {"mass": 1}},
                {"label": "a", "parameters": {"mas": 1}},
            ],
        }
    )
    twice, unused = theory.faults()
    assert twice.startswith("points.a: label given 2 times")
    assert unused == "points.a.parameters: ['mas'] given, the settings use ['mass']"
    nothing = theory.model_copy(update={"settings": [], "points": theory.points[:1]})
    assert nothing.faults()[0].startswith("settings: none given")
