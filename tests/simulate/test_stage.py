from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from hyperhex import cluster, provenance, store
from hyperhex.config import SimulateSettings
from hyperhex.errors import ConfigError
from hyperhex.simulate import stage

CONTEXT = cluster.Context()


def _settings(**changes: Any) -> SimulateSettings:
    section = {"number": 12, "showers_per_part": 5, "energy": (1.0, 30.0), "references": False}
    section |= changes
    return SimulateSettings.model_validate({"production": "t", "seed": 7, "simulate": section})


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("simulate")
    paths = [folder / "photon.zarr", folder / "electron.zarr"]
    for path in paths:
        stage.showers(_settings(number=60), path.stem, path, CONTEXT)
    return paths


def test_the_store_says_what_made_it(libraries: list[Path]) -> None:
    photons = store.open(libraries[0])
    assert photons.sizes == {"shower": 60, "layer": 8, "cell": 127, "xy": 2}
    assert photons.attributes["geometry"]["rings"] == 6
    first = photons.attributes["geometry"]["sections"][0]
    assert first["groups"] == [3, 3, 3, 3, 4, 4, 4, 4]
    assert photons.attributes["geometry"]["radiation_lengths"] == pytest.approx(24.0, abs=0.1)
    # three planes of 0.93 cm in the first layer, whose silicon begins at 0.6 cm
    assert photons.attributes["geometry"]["depths"][0] == pytest.approx(1.545)
    assert photons.attributes["cuts"]["photon_cut"] == 1e-4
    assert photons.attributes["mip"] == pytest.approx(84.2e-6, rel=1e-3)
    fraction = photons["deposits"][:].sum((1, 2)) / photons["energy"][:]
    assert fraction.mean() == pytest.approx(0.0138, rel=0.1)
    assert (photons["leakage"][:] < 0.5 * photons["energy"][:]).all()


def test_neither_part_size_nor_resuming_changes_a_shower(tmp_path: Path) -> None:
    stage.showers(_settings(), "electron", tmp_path / "five.zarr", CONTEXT)
    stage.showers(_settings(showers_per_part=12), "electron", tmp_path / "twelve.zarr", CONTEXT)
    five, twelve = store.open(tmp_path / "five.zarr"), store.open(tmp_path / "twelve.zarr")
    for name in ("deposits", "energy", "impact", "leakage"):
        np.testing.assert_array_equal(five[name][:], twelve[name][:])


def test_a_killed_library_resumes_with_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    simulate_part = stage.simulate_part

    def dying(part: Any) -> int:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(part.index)
        return simulate_part(part)

    monkeypatch.setattr(stage, "simulate_part", dying)
    with pytest.raises(KeyboardInterrupt):
        stage.showers(_settings(), "photon", tmp_path / "photon.zarr", CONTEXT)
    assert not (tmp_path / "photon.zarr").exists()
    made.clear()
    monkeypatch.setattr(
        stage, "simulate_part", lambda part: made.append(part.index) or simulate_part(part)
    )
    stage.showers(_settings(), "photon", tmp_path / "photon.zarr", CONTEXT)
    assert made == [2]
    monkeypatch.undo()
    stage.showers(_settings(), "photon", tmp_path / "again.zarr", CONTEXT)
    digests = [store.open(tmp_path / name).digest for name in ("photon.zarr", "again.zarr")]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"energy": (30.0, 1.0)}, "rise from 0.001 to 1000"),
        ({"energy": (1.0, 2000.0)}, "rise from 0.001 to 1000"),
        ({"stack": "nowhere"}, "one of"),
        ({"transport": "sloppy"}, "one of"),
        ({"transport": {"photon_cut": 1e-5}}, "greater than or equal to"),
    ],
)
def test_what_the_tables_cannot_reach_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        _settings(**changes)


def test_hadrons_have_a_library_of_their_own(tmp_path: Path) -> None:
    beam = {"energy": (2.0, 20.0), "spectrum": "flat", "number": 7}
    paths = [tmp_path / "five.zarr", tmp_path / "seven.zarr"]
    for path, part in zip(paths, (5, 7), strict=True):
        stage.showers(_settings(showers_per_part=part), "pi+", path, CONTEXT, beam)
    five, seven = map(store.open, paths)
    assert five.sizes == {"shower": 7, "layer": 16, "cell": 469, "xy": 2}
    assert five.attributes["geometry"]["rings"] == 12
    for name in ("deposits", "energy", "outside", "invisible", "electromagnetic"):
        np.testing.assert_array_equal(five[name][:], seven[name][:])
    assert (five["electromagnetic"][:] < five["energy"][:] + 0.2).all()
    assert five["energy"][:].min() > 2.0


def test_a_particle_has_a_number_of_its_own_unless_told_another(tmp_path: Path) -> None:
    settings = _settings(number_of={"photon": 3})
    sizes = {}
    for particle, beam in (("photon", {}), ("electron", {}), ("photon", {"number": 4})):
        path = tmp_path / f"{particle}_{len(beam)}.zarr"
        stage.showers(settings, particle, path, CONTEXT, beam)
        sizes[path.stem] = store.open(path).sizes["shower"]
    assert sizes == {"photon_0": 3, "electron_0": 12, "photon_1": 4}


def test_a_wrong_beam_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"simulate\.energy.*rise from 0\.001 to 1000|rise from"):
        stage.showers(_settings(), "pi+", tmp_path / "x.zarr", CONTEXT, {"energy": (5.0, 1.0)})


def test_convergence_is_tabulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: stage.SETTINGS[name] for name in ("precise", "cuts 1/1/1 MeV")}
    monkeypatch.setattr(stage, "SETTINGS", chosen)
    stage.convergence(_settings(), 20, tmp_path / "table.json")
    precise, coarse = provenance.read_json(tmp_path / "table.json")
    assert precise["visible"][0] > coarse["visible"][0]
    assert precise["ms"] > coarse["ms"]


def test_validation_is_written_with_figures(libraries: list[Path], tmp_path: Path) -> None:
    output, figures = tmp_path / "validation.json", tmp_path / "figures"
    stage.validate(_settings(), libraries, output, figures)
    rows = provenance.read_json(output)
    assert {"quantity", "ours", "reference", "tolerance", "source", "passed"} == set(rows[0])
    balance = [row for row in rows if "not accounted for" in row["quantity"]]
    assert len(balance) == 2
    assert all(row["passed"] and row["ours"] < 1e-9 for row in balance)
    assert {file.name for file in figures.iterdir()} == {
        "deviations.svg",
        "longitudinal_profile.svg",
        "resolution.svg",
        "shower_electron.svg",
        "shower_photon.svg",
    }
