from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from hyperhex.config import Config, Theory, resolve
from hyperhex.detect.region import effective_number
from hyperhex.errors import SelectionError
from hyperhex.generate import plan

WEIGHTS = {"top": 6.0, "wjets": 4.0}
SECONDS = 0.01


@pytest.fixture(scope="module")
def trial(records: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished production of toy theories."""
    folder = tmp_path_factory.mktemp("trial")
    (folder / "detect").mkdir()
    for toy in (*records.BACKGROUNDS, *records.SIGNALS):
        records.write(folder / "detect", toy)
    return folder


def production(records: ModuleType, folder: Path, events: int) -> tuple[Config, dict[str, Theory]]:
    """Config of a production of the toys, with `events` at every point of the background."""
    for toy in (*records.BACKGROUNDS, *records.SIGNALS):
        number = events if toy.role == "background" else 100
        theory = {
            "name": toy.name,
            "title": toy.name,
            "role": toy.role,
            "group": toy.group,
            "settings": ["a = 1"],
            "points": [{"label": label, "events": number} for label in toy.points],
        }
        (folder / f"{toy.name}.yaml").write_text(yaml.safe_dump(theory))
    return resolve({"hyperclass": {"working_points": [0.1, 0.03]}}, folder)


def planned(
    records: ModuleType, trial: Path, folder: Path, events: int, effective: float | None = None
) -> plan.Plan:
    config, known = production(records, folder, events)
    costs = {(name, p.label): SECONDS for name, theory in known.items() for p in theory.points}
    return plan.make(config, known, [trial], costs, effective)


def test_a_production_as_large_as_its_trial_is_worth_what_the_trial_is(
    records: ModuleType, trial: Path, tmp_path: Path
) -> None:
    made = planned(records, trial, tmp_path, 1000)
    toys = [records.arrays(toy, 1) for toy in records.BACKGROUNDS]
    # the trial of wjets has 900 events at its one point
    scale = [1.0, 900 / 1000]
    weight = [r["weight"][r["in_region"]] for r in toys]
    total = sum(part.sum() for part in weight)
    squares = sum((part**2).sum() * s for part, s in zip(weight, scale, strict=True))
    slices, events = [p.slice for p in made.background], np.full(3, 1000.0)
    found = plan.effective_events(slices, events)
    assert found == pytest.approx(total**2 / squares, rel=1e-6)
    assert found == pytest.approx(effective_number(np.concatenate(weight)), rel=0.1)


def test_the_table_adds_up(records: ModuleType, trial: Path, tmp_path: Path) -> None:
    made = planned(records, trial, tmp_path, 1000)
    header, *lines = plan.table(made, 2)
    assert header.split()[:2] == ["slice", "events"]
    assert sum(point.minutes for point in made.points) == pytest.approx(3700 * SECONDS / 60)
    assert lines[-1].startswith("generation and detection: 1 min of CPU")
    assert {line.split()[0] for line in lines[:3]} == {"top_low", "top_high", "wjets_low"}


def test_what_cannot_be_reached_stops_with_reason_and_remedy(
    records: ModuleType, trial: Path, tmp_path: Path
) -> None:
    planned(records, trial, tmp_path, 1000).require_reach()
    with pytest.raises(SelectionError, match=r"working point 0.03: .*0.006 needed.*<name>.events"):
        planned(records, trial, tmp_path, 20).require_reach()
    with pytest.raises(SelectionError, match="effective events expected, 1000000 asked for"):
        planned(records, trial, tmp_path, 1000, 1e6).require_reach()


def test_a_point_that_no_trial_has_is_named(
    records: ModuleType, trial: Path, tmp_path: Path
) -> None:
    config, known = production(records, tmp_path, 10)
    with pytest.raises(SelectionError, match=r"top_low, .*in none of the trials .*--trial"):
        plan.make(config, known, [tmp_path], {}, None)
