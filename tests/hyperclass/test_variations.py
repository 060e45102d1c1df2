from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyhf
import pytest

from hyperhex import store
from hyperhex.detect.schema import SCHEMA
from hyperhex.errors import TrainingError
from hyperhex.hyperclass import stage
from hyperhex.hyperclass.histfactory import Histogram, outcome, quiet, workspace
from hyperhex.hyperclass.rescored import read_varied
from hyperhex.hyperclass.variations import Shift, Varied, smoothed

OPTIONS = {"bootstrap": 20, "injection": {"theory": "gluino", "luminosity": 0.1}}
NAN = np.nan


def _spec(shifts: dict[str, dict[str, np.ndarray]] | None = None) -> dict[str, Any]:
    def histogram(name: str, counts: list[float]) -> Histogram:
        return Histogram(name, np.array(counts), 0.05 * np.array(counts))

    backgrounds = [histogram("top", [300.0, 40.0]), histogram("z", [100.0, 5.0])]
    return workspace("region", backgrounds, histogram("signal", [5.0, 20.0]), 0.05, shifts)


def _relative(*values: float) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name in ("top", "z", "signal")}


def test_a_bin_shifts_by_the_weight_that_moves_and_fluctuates_by_nothing_else() -> None:
    nominal = np.array([0.1, 0.2, 0.8, 0.9, 0.7, 0.6, NAN, 0.9])
    varied = np.array([0.1, 0.9, 0.8, 0.9, 0.7, NAN, 0.3, 0.9])
    weight = np.array([4.0, 2.0, 1.0, 1.0, 1.0, 0.5, 1.0, 5.0])
    events = Varied(
        variations=["raw"],
        theories=[
            {"name": "top", "role": "background", "points": ["low"]},
            {"name": "gluino", "role": "signal", "points": ["light", "heavy"]},
        ],
        left_out=["gluino"],
        variation=np.zeros(8, np.int16),
        theory=np.array([0] * 7 + [1], np.int16),
        point=np.array([0] * 7 + [1], np.int16),
        weight=weight,
        nominal=nominal[:, None].astype(np.float32),
        varied=varied[:, None].astype(np.float32),
    )
    found = events.shifts("gluino", "heavy", np.array([0.5]))["raw"]
    # low: loses 2 upwards and wins 1 from outside; high: wins 2 and loses 0.5 to the outside
    np.testing.assert_allclose(found["top"].relative, [-1 / 6, 1.5 / 3.5])
    np.testing.assert_allclose(found["top"].error, [5**0.5 / 6, 4.25**0.5 / 3.5])
    np.testing.assert_array_equal(found["background"].relative, found["top"].relative)
    np.testing.assert_array_equal(found["signal"].relative, [0.0, 0.0])
    assert found["signal"].error.tolist() == [np.inf, 0.0]
    assert events.shifts("zprime", "light", np.array([0.5])) == {}


def test_what_is_not_measured_alone_is_taken_from_all_backgrounds() -> None:
    shifts = {
        "top": Shift(np.array([0.1, 0.1]), np.array([0.02, 0.3])),
        "z": Shift(np.array([0.0, 5.0]), np.array([np.inf, 0.1])),
        "background": Shift(np.array([0.05, 0.04]), np.array([0.01, 0.1])),
        "signal": Shift(np.array([-0.2, 0.01]), np.array([0.1, 0.1])),
    }
    found = smoothed(shifts)
    np.testing.assert_allclose(found["top"], [0.1, 0.04])
    np.testing.assert_allclose(found["z"], [0.05, 0.9])
    np.testing.assert_allclose(found["signal"], [-0.2, 0.01])


def test_pyhf_reads_the_shift_as_one_standard_deviation_of_all_samples() -> None:
    spec = json.loads(json.dumps(_spec({"raw": _relative(0.1, -0.2)})))
    with quiet():
        model = pyhf.Workspace(spec).model()
        names = model.config.par_order
        assert names.count("showers_raw") == 1
        start = np.array(model.config.suggested_init())
        index = model.config.par_slice("showers_raw")
        nominal = np.array(model.expected_data(start, include_auxdata=False))
        for sigma in (-1.0, 0.5, 1.0):
            start[index] = sigma
            moved = np.array(model.expected_data(start, include_auxdata=False))
            np.testing.assert_allclose(moved / nominal, 1.0 + sigma * np.array([0.1, -0.2]))


def test_no_shift_costs_nothing_and_a_shift_never_gains() -> None:
    without = outcome(_spec()).significance
    zero = outcome(_spec({"raw": _relative(0.0, 0.0)})).significance
    assert zero == pytest.approx(without, rel=1e-5)
    found = [outcome(_spec({"raw": _relative(0.0, by)})).significance for by in (0.02, 0.1, 0.4)]
    assert without > found[0] > found[1] > found[2] > 0.0
    # two of a size cost more than one
    both = outcome(_spec({"raw": _relative(0.0, 0.1), "full": _relative(0.0, 0.1)}))
    assert both.significance < found[1]


def _detected(records: ModuleType, toy: Any, folder: Path, variation: str, scale: float) -> Path:
    """Toy events as a variation stores them, all pT scaled."""
    values = records.arrays(toy, 1)
    values["objects"] = values["objects"] * np.array([scale, scale, 1.0, 1.0])
    values["met"], values["ht"] = scale * values["met"], scale * values["ht"]
    values["in_region"] = (values["ht"] >= 250.0) & (values["met"] >= 150.0)
    nominal = store.open(records.write(folder / "nominal", toy))
    draft = store.create(
        folder / variation / f"{toy.name}.zarr",
        SCHEMA,
        sizes=nominal.sizes,
        rows=nominal.rows,
        settings={"scale": scale},
        attributes={
            **nominal.attributes,
            "variation": variation,
            "shares": [1.0] * len(toy.points),
        },
    )
    if nominal.sizes["event"]:
        draft.write("event", 0, values)
    draft.write("point", 0, {name: nominal[name][:] for name in (
        "cross_section", "cross_section_error", "n_generated", "n_kept")})  # fmt: skip
    draft.publish()
    return draft.path


def _discovery(
    production: Any, records: ModuleType, folder: Path, scales: dict[str, float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outcome and workspace of a test in which showers are scaled."""
    settings = records.hyperclass_settings(production.toys, **OPTIONS)
    events = [
        _detected(records, toy, folder, name, scale)
        for name, scale in scales.items()
        for toy in production.toys
    ]
    models = [path for path in production.models if path.name == "mixture_gluino"]
    varied = folder / "varied.zarr"
    stage.variations(settings, production.scores, events, models, varied)
    stage.discovery(settings, production.scores, folder / "workspace.json", folder, varied)
    read = [
        json.loads((folder / f"{name}.json").read_text()) for name in ("discovery", "workspace")
    ]
    return read[0], read[1]


def test_showers_as_they_were_change_nothing(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    found, _ = _discovery(production, records, tmp_path, {"full": 1.0})
    made = read_varied(tmp_path / "varied.zarr")
    np.testing.assert_array_equal(made.nominal, made.varied)
    assert np.isfinite(made.nominal).any()
    for sample in found["variations"]["full"]["samples"].values():
        assert set(sample["shift"]) == {0.0}
    without = found["without_variations"]["significance"]
    assert found["significance"] == pytest.approx(without, rel=1e-4)


def test_the_nominal_score_is_that_of_the_store_of_scores(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    _discovery(production, records, tmp_path, {"full": 1.0})
    varied, scores = store.open(tmp_path / "varied.zarr"), store.open(production.scores)
    about = scores.attributes
    column = about["left_out"].index("gluino"), about["methods"].index("mixture_average")
    expected = {
        key: score
        for *key, score in zip(
            *(scores[name][:].tolist() for name in ("theory", "point", "number")),
            scores["mixture"][:][:, column[0], column[1]].tolist(),
            strict=True,
        )
        for key in [tuple(key)]
    }
    keys = zip(*(varied[name][:].tolist() for name in ("theory", "point", "number")), strict=True)
    found = varied["nominal"][:, 0]
    assert len(found) == len(expected)
    wanted = np.array([expected[key] for key in keys])
    # every background, and of the signals the one that was left out
    own = np.isfinite(found)
    names = [theory["name"] for theory in about["theories"]]
    known = {names[index] for index in np.unique(varied["theory"][:][own])}
    assert known == {"top", "wjets", "gluino"}
    np.testing.assert_allclose(found[own], wanted[own], rtol=1e-5)


def test_scaled_showers_are_an_uncertainty_of_the_test_and_of_limits(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    found, spec = _discovery(production, records, tmp_path, {"raw": 1.1, "full": 1.01})
    modifiers = [
        {one["name"]: one["type"] for one in sample["modifiers"]}
        for sample in spec["channels"][0]["samples"]
    ]
    assert len(modifiers) == 3
    for names in modifiers:
        assert names["showers_raw"] == names["showers_full"] == "histosys"
    without = found["without_variations"]["significance"]
    raw, full = found["variations"]["raw"], found["variations"]["full"]
    assert 0 < found["significance"] < without
    # what is lost with the first alone is what the test without the second loses
    assert raw["alone"] == full["without"]
    assert raw["alone"]["significance"] < full["alone"]["significance"] <= without * (1 + 1e-4)
    assert raw["samples"]["background"]["shift"][-1] > 0.0
    for name in ("raw", "full"):
        assert "</svg>" in (tmp_path / f"variation_{name}.svg").read_text()
    limits = {}
    settings = records.hyperclass_settings(production.toys, **OPTIONS)
    for name, varied in (("with", tmp_path / "varied.zarr"), ("without", None)):
        table = tmp_path / f"{name}.csv"
        stage.limits(settings, production.scores, table, tmp_path, varied)
        rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
        limits[name] = {f"{row[0]}_{row[1]}": row[6] for row in rows}
    assert float(limits["with"]["gluino_light"]) > float(limits["without"]["gluino_light"])
    # only the mixture without gluinos scored the varied events
    others = [name for name in limits["with"] if not name.startswith("gluino")]
    assert all(limits["with"][name] == limits["without"][name] for name in others)


def test_only_mixtures_score_varied_events(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(production.toys, **OPTIONS)
    event = _detected(records, replace(production.toys[0]), tmp_path, "raw", 1.0)
    models = [path for path in production.models if path.name == "unsupervised"]
    with pytest.raises(TrainingError, match="unsupervised given, expected a mixture"):
        stage.variations(settings, production.scores, [event], models, tmp_path / "v.zarr")
