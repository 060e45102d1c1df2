from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hyperhex.config import FastsimLimits
from hyperhex.errors import StoreError
from hyperhex.fastsim.study import gather, lines
from hyperhex.plots.study import draw_study
from hyperhex.provenance import write_json

ONE = {"ratio": 1.01}
DEPARTURES = {"layers": 0.02, "rings": 0.03, "spectrum": 0.04, "correlations": 0.05}


def judged(
    folder: Path, particle: str, area: float, settings: Mapping[str, Any] | None = None
) -> Path:
    """A model's folder with all that a study reads."""
    merit = {
        "showers": 1000,
        "auc_high": area,
        "auc_low": area + 0.02,
        "auc_high_floor": 0.5,
        "auc_low_floor": 0.51,
        "fpd": 0.3,
        "fpd_floor": 0.01,
        "kpd": {"value": 0.02, "error": 0.001},
        "kpd_floor": {"value": 0.0, "error": 0.001},
        "energies": [{"response": ONE, "width": ONE, "hits": ONE}],
        "floors": {"response": 0.001, "width": 0.002, "hits": 0.003, **DEPARTURES},
        **{name: {"deviation": value} for name, value in DEPARTURES.items()},
    }
    path = folder / particle / "validation.json"
    path.parent.mkdir(parents=True)
    write_json(path, {"particles": {particle: merit}})
    told = {"iterations": 10, "single_energies": [5.0] if settings is None else []}
    write_json(
        path.parent / "generator.json", {"settings": {"fastsim": told | dict(settings or {})}}
    )
    reports = [
        {"minutes": 1.0, "particles": {particle: {"auc_high": 0.9}}},
        {"minutes": 1.5, "particles": {particle: {}}},
        {"minutes": 2.0, "particles": {particle: {"auc_high": area}}},
    ]
    write_json(path.parent / "training.json", {"minutes": 2.0, "reports": reports})
    return path


@pytest.fixture
def validations(tmp_path: Path) -> list[Path]:
    return [
        judged(tmp_path, "photon", 0.70),
        judged(tmp_path, "pi+", 0.80),
        judged(tmp_path / "variants/seed_1", "photon", 0.74, {}),
        judged(tmp_path / "variants/seed_2", "photon", 0.71, {}),
        judged(tmp_path / "variants/short", "photon", 0.90, {"iterations": 1}),
    ]


def test_medians_are_over_seeds_and_not_over_ingredients(validations: list[Path]) -> None:
    study = gather(validations)
    found = {(row["particle"], row["variant"]): row["repetition"] for row in study["rows"]}
    assert found == {
        ("photon", "default"): True,
        ("pi+", "default"): True,
        ("photon", "seed_1"): True,
        ("photon", "seed_2"): True,
        ("photon", "short"): False,
    }
    assert study["seeds"]["photon"]["seeds"] == 3
    expected = {"median": 0.71, "least": 0.70, "largest": 0.74}
    assert study["seeds"]["photon"]["figures"]["auc_high"] == expected
    assert study["seeds"]["pi+"]["figures"]["rings"]["median"] == 0.03
    assert study["rows"][0]["curve"] == [(1.0, 0.9), (2.0, 0.7)]


def test_the_table_marks_what_misses_its_limit(validations: list[Path]) -> None:
    limits = FastsimLimits(auc_high=0.72, layers=0.01).model_dump()
    asked = {"photon": limits, "pi+": limits | {"auc_high": 0.85}}
    header, *rows = lines(gather(validations), asked)
    assert header.split()[:4] == ["particle", "variant", "auc_high", "auc_low"]
    assert [row.split()[2] for row in rows[:5]] == ["0.700", "0.800", "0.740*", "0.710", "0.900*"]
    assert all(" 2.0*" in row for row in rows[:5])
    (middle,) = (row for row in rows if row.startswith("photon") and "median of 3" in row)
    assert middle.split()[4:6] == ["0.710", "0.730"]
    (floor,) = (row for row in rows if row.startswith("photon") and "full simulation" in row)
    assert floor.split()[3:6] == ["0.500", "0.510", "0.1"]


def test_the_figure_shows_every_particle(validations: list[Path], tmp_path: Path) -> None:
    limits = dict.fromkeys(("photon", "pi+"), FastsimLimits().model_dump())
    draw_study(gather(validations), limits, tmp_path / "figures")
    assert (tmp_path / "figures/study.svg").stat().st_size > 10_000


def test_a_variant_of_nothing_is_refused(validations: list[Path]) -> None:
    with pytest.raises(StoreError, match=r"seed_1.*nothing to compare it with"):
        gather(validations[1:])
