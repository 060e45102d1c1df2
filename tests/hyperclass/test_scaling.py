from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hyperhex.config import Scaling
from hyperhex.hyperclass import stage
from hyperhex.hyperclass.scaling import few_events, part_of, scaling
from hyperhex.random import stream
from hyperhex.train import stage as train
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.sample import Sample, backgrounds, signals


@pytest.fixture(scope="module")
def samples(production: Any) -> list[Sample]:
    return [train.read(path, seed=5, folds=2) for path in production.events]


def test_less_is_taken_from_what_trains_and_nothing_from_what_judges(
    samples: list[Sample],
) -> None:
    sample = next(one for one in samples if one.theory == "zprime")
    few = few_events(sample, 7, stream(1))
    judged = sample.fold == 0
    assert (few.fold == 0).sum() == judged.sum()
    for point in (0, 1):
        assert ((few.fold != 0) & (few.point == point)).sum() == 7
    half = part_of(sample, 0.5, stream(1))
    assert (half.fold == 0).sum() == judged.sum()
    assert (half.fold != 0).sum() == pytest.approx(0.5 * (~judged).sum(), rel=0.25)


def test_what_is_left_out_is_not_trained_on_and_the_numbers_are_as_asked(
    samples: list[Sample],
) -> None:
    options = Scaling(theories=[1, 2], events=[5], background=[0.5], draws=2, parts=2)
    seen: list[int] = []

    class Effective:
        """Scores by an input, whatever it was fitted to."""

        def score(self, inputs: Any) -> Any:
            return inputs[:, -14].astype(float)

    def fit(data: TrainingSet, number: int) -> Any:
        seen.append(int(data.label.sum()))
        return Effective()

    rows = scaling(backgrounds(samples), signals(samples), options, [0.1], 0.2, fit, 5)
    assert [(row["axis"], row["draw"]) for row in rows] == [
        (axis, draw)
        for axis in ("theories", "theories", "events", "background", "everything")
        for draw in (0, 1)
    ]
    # four signals that have events, in two parts
    assert [row["theories"] for row in rows[:4]] == [1, 1, 2, 2]
    assert {row["theories"] for row in rows[4:]} == {2}
    assert len(seen) == 5 * 2 * 2
    # the classifier knows nothing of what it was given, so nothing changes
    assert len({row["improvement"] for row in rows}) == 1


def test_more_knowledge_is_drawn(production: Any, records: ModuleType, tmp_path: Path) -> None:
    options = {"theories": [1], "events": [5], "background": [0.1], "draws": 2, "parts": 2}
    settings = records.hyperclass_settings(production.toys, scaling=options, working_points=[0.1])
    stage.scaling(settings, production.events, tmp_path / "scaling.json", tmp_path)
    rows = json.loads((tmp_path / "scaling.json").read_text())
    mean = {
        axis: np.mean([row["improvement"] for row in rows if row["axis"] == axis])
        for axis in ("theories", "events", "background", "everything")
    }
    assert mean["everything"] > mean["background"]
    assert mean["everything"] > 1.0
    assert "</svg>" in (tmp_path / "scaling.svg").read_text()
