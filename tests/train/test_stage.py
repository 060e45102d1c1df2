from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hyperhex.config import TrainSettings
from hyperhex.errors import SelectionError, TrainingError
from hyperhex.train import stage
from hyperhex.train.features import NAMES

SMALL = {
    "trees": {"number": 15},
    "network": {"layers": [16], "epochs": 3},
    "deep_svdd": {"targets": [1.0], "dimensions": [5], "layers": [16], "epochs": 3},
}


@pytest.fixture
def settings(records: ModuleType) -> TrainSettings:
    return records.train_settings(**SMALL)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_left_out_theory_is_never_read_nor_trained_on(
    settings: TrainSettings, stores: list[Path], tmp_path: Path
) -> None:
    with_it, without = tmp_path / "with", tmp_path / "without"
    stage.mixture(settings, stores, "gluino", with_it, 1)
    others = [path for path in stores if path.stem != "gluino"]
    stage.mixture(settings, others, "gluino", without, 1)
    about = json.loads((with_it / "model.json").read_text())
    assert set(about["signal_events"]) == {"excited", "leptoquark", "zprime"}
    for shares in about["weights"].values():
        assert set(shares) == {"excited", "leptoquark", "zprime"}
    # bytes of all fits, so no number of the theory entered any of them
    assert contents(with_it) == contents(without)


def test_order_of_the_stores_does_not_matter(
    settings: TrainSettings, stores: list[Path], tmp_path: Path
) -> None:
    stage.single(settings, stores, "zprime", tmp_path / "one", 1)
    stage.single(settings, stores[::-1], "zprime", tmp_path / "two", 1)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_every_training_leaves_its_files_and_says_what_it_saw(
    settings: TrainSettings, stores: list[Path], tmp_path: Path
) -> None:
    stage.mixture(settings, stores, "none", tmp_path / "mixture", 1)
    stage.single(settings, stores, "zprime", tmp_path / "single", 1)
    stage.unsupervised(settings, stores, tmp_path / "unsupervised", 1)
    network = {f"fold_{k}_network.{s}" for k in (0, 1) for s in ("safetensors", "json")}
    trees = {f"fold_{k}_xgboost.ubj" for k in (0, 1)}
    svdd = {f"fold_{k}_deep_svdd.{s}" for k in (0, 1) for s in ("safetensors", "json")}
    assert set(contents(tmp_path / "mixture")) == {"model.json", *trees, *network}
    assert set(contents(tmp_path / "single")) == {"model.json", *trees}
    assert set(contents(tmp_path / "unsupervised")) == {"model.json", *svdd}
    about, loaded = stage.load(tmp_path / "mixture")
    assert about["inputs"] == list(NAMES)
    assert set(about["weights"]) == set(about["held_efficiency"]) == {"xgboost", "network"}
    for shares in about["weights"].values():
        assert sum(sum(points.values()) for points in shares.values()) == pytest.approx(1)
    # a twentieth is chance
    assert all(0.1 < area < 1 for areas in about["held_efficiency"].values() for area in areas)
    assert {method: len(fits) for method, fits in loaded.items()} == {"xgboost": 2, "network": 2}


def test_a_group_is_left_out_with_all_its_theories(
    records: ModuleType, stores: list[Path], tmp_path: Path
) -> None:
    toys = [
        replace(toy, group="squarks" if toy.name in {"gluino", "zprime"} else toy.group)
        for toy in (*records.BACKGROUNDS, *records.SIGNALS)
    ]
    settings = records.train_settings(toys, **SMALL)
    stage.mixture(settings, stores, "group_squarks", tmp_path / "group", 1)
    others = [path for path in stores if path.stem not in {"gluino", "zprime"}]
    stage.mixture(settings, others, "group_squarks", tmp_path / "others", 1)
    assert contents(tmp_path / "group") == contents(tmp_path / "others")
    assert json.loads((tmp_path / "group/model.json").read_text())["unseen"] == ["gluino", "zprime"]
    with pytest.raises(TrainingError, match="group_sleptons: not a signal"):
        stage.mixture(settings, stores, "group_sleptons", tmp_path / "none", 1)


def test_a_method_may_be_a_classifier_with_weights_of_its_own(
    records: ModuleType, stores: list[Path], tmp_path: Path
) -> None:
    methods = {"mixture": ["xgboost"], "weights": ["cross_section", "robust"]}
    settings = records.train_settings(methods=methods, **SMALL)
    stage.mixture(settings, stores, "none", tmp_path / "mixture", 1)
    about, loaded = stage.load(tmp_path / "mixture")
    names = ["xgboost", "xgboost_cross_section", "xgboost_robust"]
    assert list(loaded) == names == [name for name, _ in about["methods"]]
    total = {
        name: {theory: sum(points.values()) for theory, points in shares.items()}
        for name, shares in about["weights"].items()
    }
    assert list(total["xgboost"].values()) == pytest.approx([0.25] * 4)
    for name in names[1:]:
        assert sum(total[name].values()) == pytest.approx(1)
        assert list(total[name].values()) != pytest.approx([0.25] * 4, abs=1e-4)


def test_only_events_of_the_region_are_read(stores: list[Path], records: ModuleType) -> None:
    sample = stage.read(stores[0], seed=5, folds=2)
    record = records.arrays(records.BACKGROUNDS[0], 1)
    assert len(sample) == record["in_region"].sum() < len(record["in_region"])
    assert sample.inputs.shape == (len(sample), len(NAMES))
    assert sample.weight.sum() == pytest.approx(record["weight"][record["in_region"]].sum())
    np.testing.assert_allclose(
        sample.baselines[:, 0], record["met"][record["in_region"]], rtol=1e-6
    )


def test_too_few_events_name_the_theory_and_the_remedy(
    records: ModuleType, stores: list[Path], tmp_path: Path
) -> None:
    settings = records.train_settings(minimum_events=3000, **SMALL)
    with pytest.raises(SelectionError, match=r"background: \d+ events.*top.*3000.*generate.scale"):
        stage.single(settings, stores, "zprime", tmp_path / "single", 1)
    settings = records.train_settings(minimum_events=600, **SMALL)
    with pytest.raises(SelectionError, match=r"single_gluino: signal.*gluino \d+"):
        stage.single(settings, stores, "gluino", tmp_path / "single", 1)
    assert not (tmp_path / "single").exists()


def test_an_unknown_theory_is_refused(
    settings: TrainSettings, stores: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"nothing: not a signal.*zprime"):
        stage.mixture(settings, stores, "nothing", tmp_path / "m", 1)
    with pytest.raises(TrainingError, match=r"top: not a signal"):
        stage.single(settings, stores, "top", tmp_path / "s", 1)


def test_a_training_that_died_is_not_taken_for_a_model(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no model.json"):
        stage.load(tmp_path)
