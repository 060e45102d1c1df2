from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyperhex import store
from hyperhex.config import Data, Refine, RefineSettings
from hyperhex.errors import StoreError
from hyperhex.provenance import read_json
from hyperhex.refine import stage
from hyperhex.refine.refiner import load_refiner

SETTINGS = RefineSettings(
    production="test",
    seed=3,
    data=Data(),
    refine=Refine(
        iterations=30, batch=64, baseline_iterations=5, bootstrap=10, energy_edges=[1, 10, 100]
    ),
)


@pytest.fixture(scope="module")
def folder(libraries: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refine")
    stage.data(SETTINGS, libraries, folder / "data.zarr")
    stage.fit(SETTINGS, libraries, folder / "data.zarr", folder, 1)
    stage.validate(
        SETTINGS,
        libraries,
        folder / "data.zarr",
        folder,
        folder / "validation.json",
        folder / "figures",
    )
    return folder


def test_data_are_the_even_showers(folder: Path, libraries: list[Path]) -> None:
    made = store.open(folder / "data.zarr")
    particle, number = made["particle"][:], made["number"][:]
    assert made.attributes["particles"] == ["photon", "electron"]
    for index, path in enumerate(libraries):
        chosen = particle == index
        np.testing.assert_array_equal(number[chosen], np.arange(0, 401, 2))
        for name in ("energy", "impact"):
            np.testing.assert_array_equal(made[name][:][chosen], store.open(path)[name][:][::2])


def test_data_of_one_seed_have_one_digest(
    folder: Path, libraries: list[Path], tmp_path: Path
) -> None:
    stage.data(SETTINGS, libraries, tmp_path / "data.zarr")
    assert store.open(tmp_path / "data.zarr").digest == store.open(folder / "data.zarr").digest
    other = SETTINGS.model_copy(update={"seed": 4})
    stage.data(other, libraries, tmp_path / "other.zarr")
    assert store.open(tmp_path / "other.zarr").digest != store.open(folder / "data.zarr").digest


def test_fit_of_one_seed_has_the_same_bytes(
    folder: Path, libraries: list[Path], tmp_path: Path
) -> None:
    stage.fit(SETTINGS, libraries, folder / "data.zarr", tmp_path, 1)
    for name in ("refiner.safetensors", "baseline.safetensors", "refiner.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_validation_holds_every_method_with_errors(folder: Path) -> None:
    found = read_json(folder / "validation.json")
    for method in ("raw", "layer_scale", "discrepancy", "refined", "oracle"):
        assert found[method]["resolution_error"] > 0
        assert set(found[method]["particles"]) == {"photon", "electron"}
        assert len(found[method]["bins"]) == 2
    assert 0.5 < found["auc_after"] <= 1.0
    assert found["auc_before"] > 0.7
    assert set(found["checks"]) == {"bias", "resolution", "auc"}
    assert found["passed"] == all(row["passed"] for row in found["checks"].values())
    assert found["oracle"]["bias"] < found["raw"]["bias"]


def test_figures_are_drawn(folder: Path) -> None:
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"energy.svg", "spectrum.svg", "layers.svg", "cells.svg"}


def test_refiner_of_the_stage_is_calibrated(folder: Path, libraries: list[Path]) -> None:
    refiner = load_refiner(folder)
    library = store.open(libraries[0])
    energy = library["energy"][:]
    refined = refiner.apply(library["deposits"][:], energy, 1)
    assert np.median(refiner.calibrate(refined) / energy) == pytest.approx(1.0, abs=0.1)


def test_libraries_of_other_cells_are_refused(
    folder: Path, libraries: list[Path], tmp_path: Path
) -> None:
    other = SETTINGS.model_copy(update={"data": Data(threshold=0.7)})
    with pytest.raises(StoreError, match="fit it again"):
        stage.validate(
            other, libraries, folder / "data.zarr", folder, tmp_path / "v.json", tmp_path
        )
    with pytest.raises(StoreError, match="made of"):
        stage.fit(SETTINGS, libraries[:1], folder / "data.zarr", tmp_path, 1)
