"""The tiny production from end to end: everything is there, and it makes sense."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperhex import store

THEORIES = {"ttbar", "znunu", "dark_matter", "gluino", "zprime"}


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_every_store_is_what_its_manifest_says(production: Any) -> None:
    stores = sorted(production.results.glob("*/*.zarr"))
    expected = {f"{stage}/{name}" for stage in ("generate", "detect") for name in THEORIES}
    expected |= {"simulate/photon", "simulate/electron", "refine/data"}
    expected |= {"hyperclass/scores", "hyperclass/varied"}
    assert {
        str(path.relative_to(production.results).with_suffix("")) for path in stores
    } == expected
    for path in stores:
        store.open(path).verify()


def test_nothing_half_made_is_left(production: Any) -> None:
    hidden = [path for path in production.results.glob("*/.*") if "timestamp" not in path.name]
    assert hidden == []


@pytest.mark.parametrize("theory", sorted(THEORIES))
def test_detection_keeps_events_and_weights(theory: str, production: Any) -> None:
    generated = store.open(production.results / f"generate/{theory}.zarr")
    detected = store.open(production.results / f"detect/{theory}.zarr")
    assert generated["weight"][:].tolist() == detected["weight"][:].tolist()
    cross_section = generated["cross_section"][:].sum()
    assert 0 < generated["weight"][:].sum() <= cross_section * (1 + 1e-9)
    assert detected["in_region"][:].any()


@pytest.mark.parametrize("theory", sorted(THEORIES))
def test_variations_are_the_same_events_with_other_showers(theory: str, production: Any) -> None:
    nominal = store.open(production.results / f"detect/{theory}.zarr")
    known = {
        tuple(key): met
        for *key, met in zip(
            *(nominal[name][:].tolist() for name in ("point", "number", "met")), strict=True
        )
    }
    for variation in ("raw", "full"):
        varied = store.open(production.results / f"detect/{variation}/{theory}.zarr")
        keys = list(zip(*(varied[name][:].tolist() for name in ("point", "number")), strict=True))
        assert len(keys) == len(set(keys)) >= 0.1 * len(known)
        assert set(varied["point"][:]) == set(nominal["point"][:])
        before, after = np.array([known[key] for key in keys]), varied["met"][:]
        assert np.all(before != after)
        # a few GeV, as far as showers of few training steps go
        assert np.corrcoef(before, after)[0, 1] > 0.98


def test_the_test_knows_the_variations(production: Any) -> None:
    found = read(production.results / "hyperclass/discovery.json")
    without = found["without_variations"]["significance"]
    assert set(found["variations"]) == {"raw", "full"}
    assert found["significance"] <= without * (1 + 1e-3)
    workspace = read(production.results / "hyperclass/workspace.json")
    for sample in workspace["channels"][0]["samples"]:
        names = {one["name"] for one in sample["modifiers"] if one["type"] == "histosys"}
        assert names == {"showers_raw", "showers_full"}


@pytest.mark.parametrize("particle", ["photon", "electron"])
def test_every_particle_has_a_generator_that_was_judged(particle: str, production: Any) -> None:
    folder = production.results / "fastsim" / particle
    assert read(folder / "generator.json")["scale"]["particle"] == particle
    judged = read(folder / "validation.json")["particles"]
    assert set(judged) == {particle}
    (single,) = judged[particle]["single_energies"]
    assert (single["energy"], single["showers"]) == (pytest.approx(1.0), 60)
    assert particle in read(production.results / "fastsim/passed.json")["figures"]
    assert (folder / f"figures/showers_{particle}.svg").exists()


def test_another_seed_was_trained_and_compared(production: Any) -> None:
    folder = production.results / "fastsim"
    study = read(folder / "study.json")
    found = {(row["particle"], row["variant"]): row["repetition"] for row in study["rows"]}
    assert found == dict.fromkeys(
        [("photon", "default"), ("electron", "default"), ("electron", "again")], True
    )
    seeds = study["seeds"]["electron"]
    assert seeds["seeds"] == 2
    areas = [row["figures"]["auc_high"] for row in study["rows"] if row["particle"] == "electron"]
    assert areas[0] != areas[1]
    told = seeds["figures"]["auc_high"]
    assert (told["least"], told["largest"]) == (min(areas), max(areas))
    assert "median of 2" in (folder / "study.txt").read_text()
    assert (folder / "study/study.svg").exists()


def test_what_learns_from_fast_showers_was_tested(production: Any) -> None:
    folder = production.results / "fastsim"
    losses = read(folder / "downstream.json")["losses"]
    assert set(losses["resolution"]) == {"photon", "electron"}
    passed = read(folder / "passed.json")["figures"]
    assert passed["photon_electron"] == {
        "auc_loss": max(row["loss"] for row in losses["auc_photon_electron"].values())
    }
    for name in ("energy", "classes"):
        assert (folder / f"figures/downstream_{name}.svg").exists()


@pytest.mark.parametrize("file", ["fastsim/passed.json", "refine/validation.json"])
def test_validations_say_whether_they_passed(file: str, production: Any) -> None:
    assert isinstance(read(production.results / file)["passed"], bool)


def test_results_are_numbers_or_say_why_not(production: Any) -> None:
    summary = read(production.results / "hyperclass/summary.json")
    assert summary["n_theories"] == 3
    assert 0 < summary["discovery"]["p_value"] < 1
    assert math.isfinite(summary["discovery"]["significance"])
    with (production.results / "hyperclass/improvement.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"Signal", "Model", "Chan", "AUC", "1e-2", "1e-3", "1e-4"} == set(rows[0])
    assert len({row["Signal"] for row in rows}) == 3
    for row in rows:
        if row["AUC"] not in ("", "n/a"):
            assert 0 <= float(row["AUC"]) <= 1


@pytest.mark.parametrize("what", ["regression", "images"])
def test_comparisons_keep_the_network_that_won(what: str, production: Any) -> None:
    folder = production.results / "train" / what
    comparison = read(folder / "comparison.json")
    rows = comparison.get("curve", comparison.get("methods"))
    assert comparison["best"] in {row["method"] for row in rows}
    kept = [read(path) for path in folder.glob("*.json") if path.stem != "comparison"]
    assert kept
    assert {card["kind"] for card in kept} == {comparison["best"].removesuffix("_turned")}


def test_it_closes_with_a_table_and_a_report(production: Any) -> None:
    report = production.results / "report.html"
    assert f"Report: {report}" in production.stdout
    text = report.read_text()
    assert "<html" in text
    for category in ("Full simulation", "Fast simulation", "Refinement", "Training", "Hyperclass"):
        assert category in text
    assert "tiny" in production.stdout


def test_figures_are_drawn(production: Any) -> None:
    figures = sorted(production.results.rglob("*.svg"))
    drawn = {path.relative_to(production.results).parts[0] for path in figures}
    assert {"simulate", "fastsim", "refine", "train", "hyperclass"} <= drawn
    assert all(path.read_text().rstrip().endswith("</svg>") for path in figures)


def test_every_command_says_how_to_run_it_again(production: Any) -> None:
    logs = [
        path for path in production.results.glob("logs/**/*.log") if "settings" not in path.parts
    ]
    for path in logs:
        if path.name != "report.log":
            assert " hyperhex " in path.read_text().splitlines()[0], path
