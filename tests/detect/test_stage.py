from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperhex import store
from hyperhex.cluster import Context
from hyperhex.config import DetectSettings
from hyperhex.detect import stage
from hyperhex.detect.particles import Particles
from hyperhex.detect.region import Totals, in_region
from hyperhex.detect.showers import ShowerSource
from hyperhex.errors import SelectionError, StoreError
from hyperhex.generate.schema import SCHEMA

EVENTS = 50

JetRows = Callable[..., list[tuple[int, int, int, float, float, float]]]
Builder = Callable[..., Particles]


def _write_events(path: Path, particles: Particles, events: int) -> None:
    sizes = {"event": events, "particle": len(particles), "point": 1}
    draft = store.create(
        path, SCHEMA, sizes=sizes, rows=sizes, settings={}, attributes={"theory": "toy"}
    )
    number = np.bincount(particles.event, minlength=events)
    pt, phi = particles.pt, particles.phi
    draft.write(
        "event",
        0,
        {
            "weight": np.linspace(-0.1, 2.0, events),
            "point": np.zeros(events),
            "number": 3 * np.arange(events),
            "first_particle": np.cumsum(number) - number,
            "n_particles": number,
            "missing_px": np.zeros(events),
            "missing_py": np.zeros(events),
        },
    )
    draft.write(
        "particle",
        0,
        {
            "pdg": particles.pdg,
            "kind": particles.kind,
            "px": pt * np.cos(phi),
            "py": pt * np.sin(phi),
            "pz": pt * np.sinh(particles.eta),
            "energy": particles.energy,
        },
    )
    bookkeeping = ("cross_section", "cross_section_error", "n_generated", "n_kept")
    draft.write("point", 0, {name: np.ones(1) for name in bookkeeping})
    draft.publish()


@pytest.fixture
def inputs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    particles: Builder,
    jet: JetRows,
    source: ShowerSource,
) -> dict[str, Path]:
    rng = np.random.default_rng(3)
    rows = []
    for event in range(EVENTS):
        for pt in rng.uniform(40, 500, 3):
            rows += jet(event, pt, rng.uniform(-2, 2), rng.uniform(-np.pi, np.pi), rng)
        rows += [(event, 13, 0, 40.0, 0.1, 0.2), (event, 521, 1, 50.0, 0.0, 1.0)]
    _write_events(tmp_path / "toy.zarr", particles(rows), EVENTS)
    folders = {f"generators/{particle}": stage._GENERATOR for particle in stage.PARTICLES}
    for folder, files in {**folders, "refiner": stage._REFINER}.items():
        (tmp_path / folder).mkdir(parents=True)
        for file in files:
            (tmp_path / folder / file).write_text(file)
    monkeypatch.setattr(stage, "_source", lambda *_: source)
    return {
        "events": tmp_path / "toy.zarr",
        "generators": tmp_path / "generators",
        "refiner": tmp_path / "refiner",
    }


def _settings(**detect: Any) -> DetectSettings:
    told = {"events_per_part": 20, **detect}
    return DetectSettings(production="toy", seed=5, detect=told)


def test_records_are_rows_of_the_events(inputs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out" / "toy.zarr"
    settings = _settings()
    stage.events(settings, **inputs, output=output, context=Context())
    made, given = store.open(output), store.open(inputs["events"])
    for name in ("weight", "point", "number", "cross_section", "n_kept"):
        np.testing.assert_array_equal(made[name][:], given[name][:])
    assert made["objects"].shape == (EVENTS, 20, 4)
    pt = made["objects"][:][:, :, 1]
    assert np.all(np.diff(pt, axis=1) <= 0)
    np.testing.assert_array_equal(pt > 0, made["object_type"][:] > 0)
    jets = np.isin(made["object_type"][:], (1, 2))
    np.testing.assert_allclose((pt * jets).sum(axis=1), made["ht"][:], rtol=1e-5)
    assert made["image"].shape[1] == made.attributes["image"]["rows"] * 20
    names = ("met", "met_phi", "ht", "min_dphi")
    totals = Totals(*(made[n][:] for n in ("met", "met_phi", "ht", "min_dphi")))
    np.testing.assert_array_equal(made["in_region"][:], in_region(totals, settings.detect.region))
    assert all(np.isfinite(made[name][:]).all() for name in (*names, "objects", "image"))


def test_records_do_not_depend_on_how_parts_are_grouped(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    digests = set()
    for per_task in (1, 2, 7):
        output = tmp_path / str(per_task) / "toy.zarr"
        context = Context(parts_per_task=per_task)
        stage.events(_settings(), **inputs, output=output, context=context)
        digests.add(store.open(output).digest)
    assert len(digests) == 1


def test_a_killed_run_is_resumed_with_the_same_records(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole" / "toy.zarr"
    stage.events(_settings(), **inputs, output=whole, context=Context())
    broken, original = tmp_path / "broken" / "toy.zarr", stage._reconstruct
    done = []

    def dies(part: Any) -> int:
        if part.index == 2:
            raise KeyboardInterrupt
        done.append(part.index)
        return original(part)

    monkeypatch.setattr(stage, "_reconstruct", dies)
    with pytest.raises(KeyboardInterrupt):
        stage.events(_settings(), **inputs, output=broken, context=Context())
    monkeypatch.setattr(
        stage, "_reconstruct", lambda part: done.append(part.index) or original(part)
    )
    stage.events(_settings(), **inputs, output=broken, context=Context())
    assert done == [0, 1, 2]
    assert store.open(broken).digest == store.open(whole).digest


def test_another_seed_gives_other_records(inputs: dict[str, Path], tmp_path: Path) -> None:
    met = []
    for seed in (5, 6):
        output = tmp_path / str(seed) / "toy.zarr"
        settings = _settings().model_copy(update={"seed": seed})
        stage.events(settings, **inputs, output=output, context=Context())
        met.append(store.open(output)["met"][:])
    assert np.all(met[0] != met[1])


@pytest.mark.parametrize("file", ["refiner/refiner.json", "generators/electron/generator.json"])
def test_a_missing_network_is_named(inputs: dict[str, Path], tmp_path: Path, file: str) -> None:
    (tmp_path / file).unlink()
    with pytest.raises(StoreError, match=f"{file}: no such input"):
        stage.events(_settings(), **inputs, output=tmp_path / "o.zarr", context=Context())


def test_one_event_is_drawn(inputs: dict[str, Path], tmp_path: Path) -> None:
    figure = tmp_path / "event.svg"
    stage.display(_settings(), **inputs, number=27, output=figure)
    text = figure.read_text()
    assert text.startswith("<?xml")
    assert len(text) > 20_000
    with pytest.raises(SelectionError, match="event 50 given, expected 0 to 49"):
        stage.display(_settings(), **inputs, number=50, output=figure)


def _vary(inputs: dict[str, Path], output: Path, share: float) -> store.Store:
    others = {name: path for name, path in inputs.items() if name != "events"}
    stage.variation(
        _settings(),
        [inputs["events"]],
        **others,
        showers=[],
        variation="full",
        share=share,
        output=output,
        context=Context(),
    )
    return store.open(output / "toy.zarr")


def test_the_same_showers_make_the_same_records_of_a_share(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    stage.events(_settings(), **inputs, output=tmp_path / "n" / "toy.zarr", context=Context())
    nominal = store.open(tmp_path / "n" / "toy.zarr")
    for share, rows in ((0.3, slice(20)), (0.5, slice(40)), (1.0, slice(50))):
        varied = _vary(inputs, tmp_path / str(share), share)
        assert varied.attributes["shares"] == [rows.stop / EVENTS]
        assert varied.attributes["variation"] == "full"
        for name in ("number", "point", "weight", "met", "objects", "object_type", "image"):
            np.testing.assert_array_equal(varied[name][:], nominal[name][rows])


def test_other_showers_move_events_a_little_and_keep_their_identity(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: ShowerSource
) -> None:
    stage.events(_settings(), **inputs, output=tmp_path / "n" / "toy.zarr", context=Context())
    nominal = store.open(tmp_path / "n" / "toy.zarr")

    class Louder:
        patch = source.patch

        def draw(self, *told: Any) -> Any:
            deposits, energy = source.draw(*told)
            return deposits, 1.02 * energy

    monkeypatch.setattr(stage, "_source", lambda *_: Louder())
    varied = _vary(inputs, tmp_path / "varied", 1.0)
    np.testing.assert_array_equal(varied["number"][:], nominal["number"][:])
    ratio = varied["ht"][:] / nominal["ht"][:]
    assert 1.0 < np.median(ratio) < 1.02
    # tags and identification are drawn as they were
    same = (varied["object_type"][:] == nominal["object_type"][:]).all(axis=1)
    assert same.mean() > 0.8
