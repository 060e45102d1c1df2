from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hyperhex import store
from hyperhex.errors import SelectionError, StoreError, TrainingError
from hyperhex.hyperclass import stage
from hyperhex.hyperclass.table import read_table, total_improvement
from hyperhex.train import stage as train

OPTIONS = {"bootstrap": 20, "working_points": [0.1, 0.03]}


@pytest.fixture(scope="module")
def results(production: Any, records: ModuleType) -> Path:
    """Folder of all products of the stage."""
    settings = records.hyperclass_settings(
        production.toys, injection={"theory": "gluino", "luminosity": 0.1}, **OPTIONS
    )
    folder = production.folder
    stage.improvement(settings, production.scores, folder / "improvement.csv", folder / "figures")
    stage.discovery(settings, production.scores, folder / "workspace.json", folder / "figures")
    stage.summary(
        settings, folder / "improvement.json", folder / "discovery.json", folder / "summary.json"
    )
    return folder


def test_a_signal_is_scored_by_the_fold_that_left_it_out_and_by_no_other(production: Any) -> None:
    scores = store.open(production.scores)
    about = scores.attributes
    mixture, theory = scores["mixture"][:], scores["theory"][:]
    for index, described in enumerate(about["theories"]):
        known = np.isfinite(mixture[theory == index]).all(axis=(0, 2))
        if described["role"] == "background":
            assert known.all()
        elif (theory == index).any():
            scored_by = {name for name, yes in zip(about["left_out"], known, strict=True) if yes}
            groups = {"group_coloured"} if described["group"] == "coloured" else set()
            assert scored_by == {"none", described["name"]} | groups
    assert np.isfinite(scores["fixed"][:]).all()


def test_an_event_is_scored_by_the_fit_that_did_not_see_it(production: Any) -> None:
    scores = store.open(production.scores)
    about = scores.attributes
    _, fits = train.load(production.folder / "mixture_zprime")
    path = next(path for path in production.events if path.stem == "zprime")
    sample = train.read(path, seed=5, folds=2)
    index = [theory["name"] for theory in about["theories"]].index("zprime")
    found = scores["mixture"][:][scores["theory"][:] == index, about["left_out"].index("zprime")]
    for fold in (0, 1):
        chosen = sample.fold == fold
        trees = fits["xgboost"][fold].score(sample.inputs[chosen])
        network = fits["network"][fold].score(sample.inputs[chosen])
        np.testing.assert_allclose(found[chosen, 0], trees, rtol=1e-6)
        np.testing.assert_allclose(found[chosen, 1], network, rtol=1e-5, atol=1e-6)


def test_a_mixture_that_knew_the_theory_is_refused(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "mixture_zprime"
    folder.mkdir()
    for file in (production.folder / "mixture_gluino").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(about | {"left_out": "zprime"}))
    others = [path for path in production.models if path.name != folder.name]
    settings = records.hyperclass_settings(production.toys)
    with pytest.raises(TrainingError, match="zprime was to be left out and is in the training"):
        stage.scores(settings, production.events, [*others, folder], tmp_path / "scores.zarr")
    with pytest.raises(TrainingError, match="zprime: no training left it out"):
        stage.scores(settings, production.events, others, tmp_path / "scores.zarr")


def test_models_of_another_seed_are_refused(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(production.toys).model_copy(update={"seed": 6})
    with pytest.raises(TrainingError, match="another seed"):
        stage.scores(settings, production.events, production.models, tmp_path / "scores.zarr")


def test_the_table_has_every_signal_and_method(results: Path, production: Any) -> None:
    rows = read_table(results / "improvement.csv")
    points = sum(len(toy.points) for toy in production.toys if toy.role == "signal")
    singles = {f"single_{name}" for name in ("excited", "gluino", "leptoquark", "zprime")}
    methods = {row.model for row in rows}
    assert methods == {
        "mixture_xgboost",
        "mixture_network",
        "mixture_average",
        "mixture_xgboost_by_group",
        "mixture_network_by_group",
        "mixture_average_by_group",
        "deep_svdd",
        "kde",
        *(f"rare_{how}_different" for how in ("and", "or", "average", "product")),
        "met",
        "meff",
        *singles,
    }
    assert len(rows) == points * len(methods)
    assert {row.channel for row in rows} == {"ht400_met150"}
    assert all(row.efficiencies[1:] == (None, None) for row in rows)


def test_a_theory_without_events_is_not_available(results: Path) -> None:
    rows = [row for row in read_table(results / "improvement.csv") if "vanished" in row.signal]
    assert {row.signal for row in rows} == {"vanished_light", "vanished_heavy"}
    assert all(row.area is None and set(row.efficiencies) == {None} for row in rows)


def test_the_summary_agrees_with_the_table(results: Path) -> None:
    found = json.loads((results / "summary.json").read_text())
    total = total_improvement(read_table(results / "improvement.csv"))
    for method in ("mixture_xgboost", "deep_svdd", "meff"):
        values = [value for (model, _), value in total.items() if model == method]
        told = found["methods"][method]
        expected = [np.median(values), min(values), max(values)]
        assert [told["median_ti"], told["min_ti"], told["max_ti"]] == pytest.approx(
            expected, rel=1e-4
        )
        assert told["median_ti_error"] >= 0
    assert 0 < found["methods"]["meff"]["median_ti_error"] < found["methods"]["meff"]["median_ti"]
    assert (found["n_theories"], found["n_points"], found["n_points_measured"]) == (5, 9, 7)
    assert found["production"] == "toys"
    usable = {point["efficiency"]: point["usable"] for point in found["working_points"]}
    assert usable == {0.1: True, 0.03: True, 1e-2: True, 1e-3: False, 1e-4: False}
    assert found["methods"]["met"]["median_si"]["0.001"] == "n/a"


def test_a_mean_single_leaves_out_the_classifier_of_the_theory_itself(results: Path) -> None:
    for signal in json.loads((results / "improvement.json").read_text())["signals"]:
        if not signal["methods"]:
            continue
        si = {name: told["si"]["0.1"]["value"] for name, told in signal["methods"].items()}
        own = f"single_{signal['theory']}"
        singles = {name for name in si if name.startswith("single_") and "mean" not in name}
        others = [si[name] for name in singles - {own}]
        assert si["single_mean"] == pytest.approx(np.mean(others))
        assert si["supervised"] == si[own]


def test_the_comparison_is_the_median_ratio_signal_by_signal(results: Path) -> None:
    found = json.loads((results / "improvement.json").read_text())
    pairs = [
        (told["methods"]["mixture_average"]["ti"], told["methods"]["single_mean"]["ti"])
        for told in found["signals"]
        if told["methods"]
    ]
    ratios = [mixture / single for mixture, single in pairs]
    assert found["comparison"]["measure"] == "TI"
    assert found["comparison"]["median_ratio"] == pytest.approx(np.median(ratios))
    assert found["comparison"]["better_on"] == sum(ratio > 1 for ratio in ratios)
    assert found["comparison"]["of"] == len(pairs) == 7
    against = [one["against"] for one in found["baselines"]]
    assert {"meff", "met", "deep_svdd", "kde", "rare_and_different"} <= set(against)
    assert 0 < found["comparison"]["chance"] <= 1
    assert found["comparison"]["confidence_above_1"] >= found["comparison"]["confidence_above_2"]


def test_without_its_group_a_theory_is_scored_by_strangers_only(
    results: Path, production: Any
) -> None:
    scores = store.open(production.scores)
    about = scores.attributes
    mixture = scores["mixture"][:]
    columns = [about["left_out"].index(name) for name in ("group_coloured", "gluino")]
    names = [theory["name"] for theory in about["theories"]]
    gluino = scores["theory"][:] == names.index("gluino")
    assert not np.array_equal(mixture[gluino, columns[0]], mixture[gluino, columns[1]])
    for signal in json.loads((results / "improvement.json").read_text())["signals"]:
        if not signal["methods"]:
            continue
        si = {name: told["si"]["0.1"]["value"] for name, told in signal["methods"].items()}
        same = si["mixture_xgboost"] == si["mixture_xgboost_by_group"]
        # alone in a group, a theory is left out once
        assert same == (signal["theory"] not in {"gluino", "leptoquark"})
        family = {"gluino", "leptoquark"} if not same else {signal["theory"]}
        others = [
            value
            for name, value in si.items()
            if name.startswith("single_") and "mean" not in name and name[7:] not in family
        ]
        assert si["single_mean_by_group"] == pytest.approx(np.mean(others))


def test_trained_methods_beat_chance_on_theories_they_never_saw(results: Path) -> None:
    methods = json.loads((results / "summary.json").read_text())["methods"]
    for name in ("mixture_xgboost", "mixture_network", "mixture_average"):
        assert methods[name]["median_si"]["0.1"] > 3 * np.sqrt(0.1)


def test_the_injected_theory_is_found_and_background_alone_is_not(results: Path) -> None:
    found = json.loads((results / "discovery.json").read_text())
    assert (found["theory"], found["point"]) == ("gluino", "light")
    assert found["background_only"]["significance"] < 0.02
    assert 0 < found["significance"] < found["without_simulation_errors"]["significance"]
    assert (
        json.loads((results / "summary.json").read_text())["discovery"]["p_value"]
        == found["p_value"]
    )


def test_every_point_with_events_has_a_limit(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(production.toys, **OPTIONS)
    stage.limits(settings, production.scores, tmp_path / "limits.csv", tmp_path)
    with (tmp_path / "limits.csv").open() as file:
        rows = {f"{row['theory']}_{row['point']}": row for row in csv.DictReader(file)}
    assert len(rows) == 9
    assert {name for name, row in rows.items() if row["limit"] == "n/a"} == {
        "vanished_light",
        "vanished_heavy",
    }
    for name, row in rows.items():
        if "vanished" not in name:
            bands = [float(row[f"limit{band}"]) for band in ("-2", "-1", "", "+1", "+2")]
            assert 0 < bands[0] < bands[1] < bands[2] < bands[3] < bands[4]
            assert float(row["cross_section"]) == 0.1
            # the weights of toy events are spread about their mean
            assert 0 < float(row["visible"]) < 0.11
    assert "</svg>" in (tmp_path / "limits.svg").read_text()
    # a limit is on the signal's own rate, so the more of it there is the lower is the strength
    assert float(rows["gluino_light"]["limit"]) < 0.1


def test_the_same_scores_make_the_same_files(
    results: Path, production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(
        production.toys, injection={"theory": "gluino", "luminosity": 0.1}, **OPTIONS
    )
    stage.scores(
        settings, production.events[::-1], production.models[::-1], tmp_path / "scores.zarr"
    )
    assert store.open(tmp_path / "scores.zarr").digest == store.open(production.scores).digest
    stage.improvement(
        settings, tmp_path / "scores.zarr", tmp_path / "improvement.csv", tmp_path / "figures"
    )
    for name in ("improvement.csv", "improvement.json", "figures/roc.svg"):
        assert (tmp_path / name).read_bytes() == (results / name).read_bytes()
    first = (results / "figures/significance_improvement.svg").read_bytes()
    assert (tmp_path / "figures/significance_improvement.svg").read_bytes() == first


def test_figures_are_drawn_with_their_words(results: Path) -> None:
    names = {path.name for path in (results / "figures").iterdir()}
    assert names == {"significance_improvement.svg", "methods.svg", "roc.svg", "fit.svg"}
    for name in names:
        text = (results / "figures" / name).read_text()
        assert "</svg>" in text
        assert "NaN" not in text


def test_a_background_too_small_for_any_number_still_has_products(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    few = [replace(toy, events=20) for toy in production.toys]
    (tmp_path / "events").mkdir()
    events = [records.write(tmp_path / "events", toy) for toy in few]
    settings = records.hyperclass_settings(few, bootstrap=10)
    scores = tmp_path / "scores.zarr"
    stage.scores(settings, events, production.models, scores)
    stage.improvement(settings, scores, tmp_path / "improvement.csv", tmp_path)
    stage.discovery(settings, scores, tmp_path / "workspace.json", tmp_path)
    found = json.loads((tmp_path / "improvement.json").read_text())
    assert found["methods"]["mixture_xgboost"]["median_ti"] == "n/a"
    assert found["comparison"]["measure"] == "n/a"
    assert not any(point["usable"] for point in found["working_points"])


def test_what_cannot_be_injected_is_named(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(production.toys, injection={"theory": "vanished"})
    with pytest.raises(SelectionError, match=r"vanished.*no events in the region"):
        stage.discovery(settings, production.scores, tmp_path / "w.json", tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        stage.discovery(settings, tmp_path / "scores.zarr", tmp_path / "w.json", tmp_path)
