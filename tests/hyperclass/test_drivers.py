from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hyperhex.errors import TrainingError
from hyperhex.hyperclass import stage
from hyperhex.hyperclass.drivers import drivers
from hyperhex.hyperclass.gradients import Background
from hyperhex.train import stage as train
from hyperhex.train.features import NAMES


def test_contributions_sum_to_the_score_up_to_a_constant(production: Any) -> None:
    _, fits = train.load(production.folder / "mixture_zprime")
    path = next(path for path in production.events if path.stem == "zprime")
    sample = train.read(path, seed=5, folds=2)
    trees = fits["xgboost"][0]
    rest = trees.score(sample.inputs) - trees.contributions(sample.inputs).sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)
    told = Background.of(sample.inputs, np.ones(len(sample)))
    for method, others in (("xgboost", 0), ("network", 1)):
        found = drivers(sample, fits[method], told)
        assert len(found) == len(NAMES) + others
        assert [one.size for one in found] == sorted((one.size for one in found), reverse=True)
    unknown, _ = train.load(production.folder / "unsupervised")[1].values()
    with pytest.raises(TrainingError, match="given, expected trees or a network"):
        drivers(sample, unknown, told)


def test_missing_energy_drives_the_theory_that_has_most_of_it(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(production.toys)
    output = tmp_path / "drivers.json"
    stage.drivers(settings, production.events, production.models, output, tmp_path)
    found = json.loads(output.read_text())
    assert set(found) == {"xgboost", "network"}
    for method, theories in found.items():
        assert set(theories) == {"excited", "gluino", "leptoquark", "zprime"}
        met = {
            theory: sum(
                one["mean"] for one in rows if one["input"] in {"log_met", "met_significance"}
            )
            for theory, rows in theories.items()
        }
        assert max(met, key=lambda theory: met[theory]) == "gluino"
        assert {one["input"] for one in theories["gluino"]} >= set(NAMES)
        assert "</svg>" in (tmp_path / f"{method}.svg").read_text()
