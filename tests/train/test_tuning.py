from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hyperhex.config import TrainSettings
from hyperhex.errors import TrainingError
from hyperhex.train import stage, tuning
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.sample import Sample, backgrounds, signals
from hyperhex.train.tuning import improvement, splits
from hyperhex.train.unseen import members

GROUPS = {"excited": "a", "gluino": "b", "leptoquark": "c", "zprime": "d"}
SMALL = {
    "trees": {"number": 10},
    "network": {"layers": [8], "epochs": 2},
    "tuning": {"trials": {"xgboost": 3, "network": 2}},
}


def settings_of(records: ModuleType, **train: Any) -> TrainSettings:
    """Settings of toys of which every signal is a group of its own."""
    toys = [
        replace(toy, group=GROUPS.get(toy.name, toy.group))
        for toy in (*records.BACKGROUNDS, *records.SIGNALS)
    ]
    return records.train_settings(tuple(toys), **(SMALL | train))


@pytest.fixture(scope="module")
def settings(records: ModuleType) -> TrainSettings:
    return settings_of(records)


@pytest.fixture(scope="module")
def chosen(
    settings: TrainSettings, stores: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """What the tuning of each part wrote."""
    folder = tmp_path_factory.mktemp("tuning")
    files = [folder / f"part_{part}.json" for part in (0, 1)]
    for part, file in enumerate(files):
        stage.tune(settings, stores, part, file, 1)
    return files


def samples_of(settings: TrainSettings, stores: list[Path]) -> tuple[list[Sample], list[Sample]]:
    samples = [stage.read(path, settings.seed, settings.train.folds) for path in stores]
    return backgrounds(samples), signals(samples)


def test_every_theory_has_no_say_in_one_part(settings: TrainSettings, chosen: list[Path]) -> None:
    unseen = []
    for part, file in enumerate(chosen):
        about = json.loads(file.read_text())
        assert about["unseen"] == members(settings, part)
        assert sorted(about["unseen"] + about["theories"]) == sorted(GROUPS)
        assert sorted(theory for split in about["judges"] for theory in split) == about["theories"]
        unseen += about["unseen"]
    assert sorted(unseen) == sorted(GROUPS)


def test_the_first_trial_is_what_is_configured(settings: TrainSettings, chosen: list[Path]) -> None:
    methods = json.loads(chosen[0].read_text())["methods"]
    assert {method: len(found["trials"]) for method, found in methods.items()} == {
        "xgboost": 3,
        "network": 2,
    }
    for method, section in (("xgboost", settings.train.trees), ("network", settings.train.network)):
        found = methods[method]
        first = found["configured"]["parameters"]
        assert first == section.model_dump(include=set(first))
        assert found["trials"][0] == found["configured"]
        assert len({tuple(trial["parameters"].values()) for trial in found["trials"]}) > 1
        best = found["best"]
        values = [trial["value"] for trial in found["trials"]]
        assert values[best["trial"]] == max(values)
        assert best["lead"] == pytest.approx(np.log(max(values) / values[0]), abs=1e-12)
        # what fluctuates leaves things as they are
        kept = best["trial"] if best["lead"] > best["lead_error"] else 0
        taken = {"parameters": found["parameters"], "value": found["value"]}
        assert taken == found["trials"][kept]


@pytest.mark.parametrize(
    ("gains", "kept"), [([0.3, 0.2, 0.3, 0.2], 1), ([0.9, -0.8, 0.9, -0.8], 0)]
)
def test_a_choice_leads_the_configured_by_more_than_its_error(
    gains: list[float],
    kept: int,
    records: ModuleType,
    stores: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tried(settings: Any, method: str, parameters: Any, found: Any) -> Any:
        return np.array(gains) * (parameters["depth"] != 4)

    monkeypatch.setattr(tuning, "_tried", tried)
    settings = settings_of(records, methods={"mixture": ["xgboost"]})
    stage.tune(settings, stores, 0, tmp_path / "one.json", 1)
    found = json.loads((tmp_path / "one.json").read_text())["methods"]["xgboost"]
    assert found["best"]["trial"] > 0
    assert found["best"]["lead"] == pytest.approx(np.mean(gains))
    assert (found["parameters"]["depth"] != 4) == bool(kept)


def test_trials_are_drawn(settings: TrainSettings, chosen: list[Path], tmp_path: Path) -> None:
    figures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for figure in figures:
        stage.trials(settings, chosen, figure)
    assert figures[0].read_bytes() == figures[1].read_bytes()
    # a trial whose fit failed has no value
    failed = json.loads(chosen[0].read_text())
    failed["methods"]["xgboost"]["trials"][1]["value"] = None
    (tmp_path / "failed.json").write_text(json.dumps(failed))
    stage.trials(settings, [tmp_path / "failed.json"], figures[1])
    assert figures[1].read_bytes() != figures[0].read_bytes()


def test_same_seed_same_file_and_another_seed_other_trials(
    settings: TrainSettings, stores: list[Path], chosen: list[Path], tmp_path: Path
) -> None:
    again, other = tmp_path / "again.json", tmp_path / "other.json"
    stage.tune(settings, stores[::-1], 0, again, 1)
    assert again.read_bytes() == chosen[0].read_bytes()
    stage.tune(settings.model_copy(update={"seed": 6}), stores, 0, other, 1)
    trials = [
        [
            trial["parameters"]
            for trial in json.loads(file.read_text())["methods"]["xgboost"]["trials"]
        ]
        for file in (again, other)
    ]
    assert trials[0][0] == trials[1][0]
    assert trials[0][1:] != trials[1][1:]


def test_theories_of_the_part_reach_no_fit_and_no_judgement(
    settings: TrainSettings,
    stores: list[Path],
    chosen: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unseen = members(settings, 0)
    seen: list[Any] = []
    fit, judge = tuning.classifier, tuning.improvement

    def spied(*arguments: Any) -> Any:
        made = fit(*arguments)
        inner = made.fit
        made.fit = lambda data, seed: (seen.append(data.inputs), inner(data, seed))
        return made

    def judged(split: Any, fitted: Any) -> Any:
        seen.extend(sample.inputs for sample in split.judges)
        return judge(split, fitted)

    monkeypatch.setattr(tuning, "classifier", spied)
    monkeypatch.setattr(tuning, "improvement", judged)
    stage.tune(settings, stores, 0, tmp_path / "spied.json", 1)
    assert len(seen) == (3 + 2) * 2 * 2
    shown = {row.tobytes() for inputs in seen for row in inputs}
    for sample in samples_of(settings, stores)[1]:
        rows = {row.tobytes() for row in sample.inputs}
        assert bool(rows & shown) == (sample.theory not in unseen), sample.theory
    # and without their stores the same bytes come out
    others = [path for path in stores if path.stem not in unseen]
    stage.tune(settings, others, 0, tmp_path / "others.json", 1)
    assert (tmp_path / "others.json").read_bytes() == chosen[0].read_bytes()


def test_judges_of_a_split_are_not_fitted_to_and_have_a_fold_of_their_own(
    settings: TrainSettings, stores: list[Path]
) -> None:
    background, signal = samples_of(settings, stores)
    found = splits(settings, background, signal)
    assert sorted(s.theory for split in found for s in split.judges) == sorted(GROUPS)
    for number, split in enumerate(found):
        fitted = {row.tobytes() for row in split.data.inputs}
        judges = {sample.theory for sample in split.judges}
        for sample in (*split.background, *split.judges):
            assert set(sample.fold) == {number}
            assert not fitted & {row.tobytes() for row in sample.inputs}
        for sample in signal:
            known = bool(fitted & {row.tobytes() for row in sample.inputs})
            assert known == (sample.theory not in judges)


def test_fits_are_given_no_more_events_than_asked(records: ModuleType, stores: list[Path]) -> None:
    few = settings_of(records, tuning={"events": 400})
    sizes = [len(split.data.label) for split in splits(few, *samples_of(few, stores))]
    assert sizes == pytest.approx([400, 400], rel=0.2)
    every = settings_of(records)
    background, signal = samples_of(every, stores)
    for number, split in enumerate(splits(every, background, signal)):
        fitted = [s for s in signal if s.theory not in {one.theory for one in split.judges}]
        everything = sum(int((s.fold != number).sum()) for s in (*background, *fitted))
        assert len(split.data.label) == everything


class Input:
    """Score is one of the inputs."""

    def fit(self, data: TrainingSet, seed: int) -> None: ...

    def score(self, inputs: Any) -> Any:
        return inputs[:, 0].astype(float)


def toy_sample(role: str, spots: Any, points: Any = 0) -> Sample:
    number = np.arange(len(spots))
    return Sample(
        role, role, "g", ("p", "q"),
        np.asarray(spots, np.float32)[:, None], np.zeros((len(spots), 2), np.float32),
        np.ones(len(spots)), np.broadcast_to(np.int16(points), number.shape).copy(), number,
        np.zeros(len(spots), np.uint8),
    )  # fmt: skip


def test_improvement_of_a_cut_is_known(records: ModuleType) -> None:
    spots = np.linspace(0.0, 1.0, 20_001)
    background = [toy_sample("background", spots)]
    like = toy_sample("signal", spots)
    beyond = toy_sample("signal", np.full(100, 2.0))
    # one of two points passes every cut, whatever its share of the events
    half = toy_sample(
        "signal", np.r_[np.full(10, 2.0), np.full(90, -1.0)], np.repeat([0, 1], [10, 90])
    )
    empty = toy_sample("signal", spots[:0])
    found = improvement(tuning.Split(None, background, [like, beyond, half, empty]), Input())
    efficiency = np.geomspace(3e-3, 1e-1, 16)
    assert found[0] == pytest.approx(np.sqrt(efficiency).mean(), rel=0.02)
    assert found[1] == pytest.approx((1 / np.sqrt(efficiency)).mean())
    assert found[2] == pytest.approx(found[1] / 2)
    assert np.isnan(found[3])


def test_trainings_take_the_parameters_and_say_so(
    settings: TrainSettings, stores: list[Path], chosen: list[Path], tmp_path: Path
) -> None:
    about = json.loads(chosen[0].read_text())
    left_out = about["unseen"][0]
    odd = {"depth": 2, "learning_rate": 0.5, "rows": 0.9, "columns": 0.9}
    about["methods"]["xgboost"]["parameters"] = odd
    told = tmp_path / "odd.json"
    told.write_text(json.dumps(about))
    stage.mixture(settings, stores, left_out, tmp_path / "with", 1, told)
    stage.mixture(settings, stores, left_out, tmp_path / "without", 1)
    stage.single(settings, stores, left_out, tmp_path / "single", 1, told)
    found = {
        name: json.loads((tmp_path / name / "model.json").read_text())["parameters"]
        for name in ("with", "without", "single")
    }
    configured = settings.train.trees.model_dump()
    assert found["without"]["xgboost"] == configured
    assert found["with"]["xgboost"] == found["single"]["xgboost"] == configured | odd
    network = about["methods"]["network"]["parameters"]
    assert found["with"]["network"] == settings.train.network.model_dump() | network
    trees = [(tmp_path / name / "fold_0_xgboost.ubj").read_bytes() for name in ("with", "without")]
    assert trees[0] != trees[1]


def test_parameters_that_a_left_out_theory_chose_are_refused(
    settings: TrainSettings, stores: list[Path], chosen: list[Path], tmp_path: Path
) -> None:
    theory = members(settings, 1)[0]
    with pytest.raises(TrainingError, match=rf"chosen by \['{theory}'\].*not of part 0"):
        stage.mixture(settings, stores, theory, tmp_path / "m", 1, chosen[0])
    with pytest.raises(TrainingError, match=r"chosen by"):
        stage.single(settings, stores, theory, tmp_path / "s", 1, chosen[0])
    with pytest.raises(TrainingError, match=r"part 7: no theory in it, expected one of \[0, 1\]"):
        stage.tune(settings, stores, 7, tmp_path / "t.json", 1)


def test_a_trial_that_fails_is_skipped_and_a_configured_one_is_not(
    records: ModuleType, stores: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_at = {"depth": None}
    tried = tuning._tried

    def failing(settings: Any, method: str, parameters: Any, found: Any) -> Any:
        if (parameters["depth"] == 4) == fails_at["depth"]:
            msg = "loss nan"
            raise TrainingError(msg)
        return tried(settings, method, parameters, found)

    monkeypatch.setattr(tuning, "_tried", failing)
    settings = settings_of(records, methods={"mixture": ["xgboost"]})
    fails_at["depth"] = False
    stage.tune(settings, stores, 0, tmp_path / "one.json", 1)
    found = json.loads((tmp_path / "one.json").read_text())["methods"]["xgboost"]
    assert found["parameters"]["depth"] == 4
    assert None in [trial["value"] for trial in found["trials"]]
    fails_at["depth"] = True
    with pytest.raises(TrainingError, match="loss nan"):
        stage.tune(settings, stores, 0, tmp_path / "two.json", 1)
