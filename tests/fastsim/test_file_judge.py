from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex import cli
from hyperhex.errors import ConfigError, StoreError
from hyperhex.fastsim import file_judge, shower_file
from hyperhex.fastsim.voxels import columns, matrix, observables

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]

NUMBER, VOXELS = 400, 4 * 37


def save(path: Path, layers: bool = True, **datasets: Any) -> Path:
    """A file as others write it: float64, energies (n, 1), no more than the two datasets."""
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name, data=values)
        if layers:
            file.attrs["voxels_per_layer"] = [37] * 4
    return path


def showers(toy: Toy, seed: int, **about: Any) -> dict[str, NDArray]:
    deposits, energy, _ = toy(NUMBER, seed, **about)
    return {
        "incident_energies": energy[:, None] * 1000,
        "showers": deposits.reshape(NUMBER, -1) * 0.085,
    }


@pytest.fixture(scope="module")
def files(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    kinds: dict[str, dict[str, Any]] = {
        "full": showers(toy, 1),
        "twin": showers(toy, 2),
        "broken": showers(toy, 3, depth=1.2),
    }
    softer = showers(toy, 4)
    softer["incident_energies"] = softer["incident_energies"] * 0.2
    kinds["softer"] = softer
    return {name: save(folder / f"{name}.hdf5", **kind) for name, kind in kinds.items()}


def judged(
    folder: Path, *paths: Path, layers: list[int] | None = None, most: int = 60
) -> dict[str, Any]:
    return file_judge.judge(paths, layers, 0.0, most, 1, folder / "judgement.json")


def test_like_showers_are_not_told_apart(files: dict[str, Path], tmp_path: Path) -> None:
    found = judged(tmp_path, files["full"], files["twin"], most=NUMBER)
    assert found["auc_high"] == pytest.approx(0.5, abs=0.07)
    assert found["auc_low"] == pytest.approx(0.5, abs=0.07)
    assert found["auc_high_floor"] == pytest.approx(0.5, abs=0.1)
    assert found["auc_low_floor"] == pytest.approx(0.5, abs=0.1)
    assert abs(found["fpd"]) < 0.6
    assert found["incident_energies"]["p_value"] > 0.01
    assert found["layers"] == [37] * 4
    assert json.loads((tmp_path / "judgement.json").read_text())["auc_high"] == found["auc_high"]
    assert "<svg" in (tmp_path / "judgement.svg").read_text()


def test_unlike_showers_are_told_apart(files: dict[str, Path], tmp_path: Path) -> None:
    found = judged(tmp_path, files["full"], files["broken"], most=NUMBER)
    assert found["auc_high"] > 0.85
    assert found["auc_low"] > 0.85
    assert found["fpd"] > 1 > found["fpd_floor"]
    rows = found["observables"]
    assert rows["depth"]["separation_power"] > 0.2 > rows["depth"]["separation_power_floor"]
    assert rows["depth"]["ratio"] < 0.9
    assert rows["layer_response[0]"]["ratio"] > 1.2


def test_different_energies_are_said_and_layers_may_be_told(
    toy: Toy,
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["fastsim", "judge", str(files["full"]), str(files["softer"])]
    assert cli.main([*command, "--number", "120"]) == 0
    text = capsys.readouterr().out
    assert "120 showers each" in text
    assert "incident energies differ (Kolmogorov-Smirnov p = " in text
    assert "AUC on voxels" in text
    assert "layer_" in text
    assert "more of layers and bins" in text
    bare = save(tmp_path / "bare.hdf5", layers=False, **showers(toy, 5))
    assert cli.main(["fastsim", "judge", str(bare), str(bare), "--number", "60"]) == 0
    text = capsys.readouterr().out
    assert "No layers known" in text
    assert "incident energies differ" not in text
    assert "layer_" not in text
    found = judged(tmp_path, bare, bare, layers=[100, 48])
    assert found["layers"] == [100, 48]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"showers": None}, "no dataset 'showers', it holds"),
        ({"incident_energies": None}, "no dataset 'incident_energies', it holds"),
        ({"showers": np.zeros((50, 4, 37))}, r"of shape \(50, 4, 37\), expected \(n, 1\) and"),
        ({"incident_energies": np.ones((49, 1))}, r"is of shape \(49, 1\) and 'showers' of shape"),
        ({"incident_energies": np.zeros((50, 1))}, "'incident_energies' is not positive in row 0"),
        ({"showers": np.full((50, VOXELS), "a", "S1")}, "'showers' is of type |S1, expected num"),
        ({"showers": np.zeros((50, VOXELS))}, "'showers' is empty: there is no energy"),
        (
            {"showers": np.ones((0, VOXELS)), "incident_energies": np.ones((0, 1))},
            "'showers' has 0 showers, at least",
        ),
        ({"showers": {7: np.nan}}, "'showers' is not finite in row 7 "),
        ({"showers": {49: -1.0}}, "'showers' is negative in row 49 "),
    ],
)
def test_bad_files_are_refused_by_name(
    change: dict[str, Any],
    message: str,
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shower_file, "_BLOCK_VALUES", 20 * VOXELS)
    datasets: dict[str, Any] = {
        "incident_energies": np.full((50, 1), 10.0),
        "showers": np.ones((50, VOXELS)),
    }
    for name, values in change.items():
        if values is None:
            del datasets[name]
        elif isinstance(values, dict):
            for row, value in values.items():
                datasets[name][row, 3] = value
        else:
            datasets[name] = values
    path = save(tmp_path / "bad.hdf5", **datasets)
    with pytest.raises(StoreError, match=f"{path}: .*{message}"):
        judged(tmp_path, files["full"], path)
    assert not (tmp_path / "judgement.json").exists()


def test_files_that_are_none_are_refused(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoreError, match="no such file"):
        judged(tmp_path, files["full"], tmp_path / "none.hdf5")
    text = tmp_path / "text.hdf5"
    text.write_text("no HDF5")
    with pytest.raises(StoreError, match=f"{text}: not a whole HDF5 file"):
        judged(tmp_path, files["full"], text)
    assert cli.main(["fastsim", "judge", str(text), str(text)]) == 1
    assert f"hyperhex fastsim: {text}: not a whole" in capsys.readouterr().err


def test_other_detectors_and_wrong_options_are_refused(
    files: dict[str, Path], tmp_path: Path
) -> None:
    energies = np.full((50, 1), 10.0)
    other = save(
        tmp_path / "o.hdf5", layers=False, incident_energies=energies, showers=np.ones((50, 9))
    )
    with pytest.raises(StoreError, match=f"{other}: dataset 'showers' has 9 voxels"):
        judged(tmp_path, files["full"], other)
    lying = save(tmp_path / "l.hdf5", incident_energies=energies, showers=np.ones((50, 9)))
    with pytest.raises(StoreError, match=r"attribute 'voxels_per_layer' is \(37, 37, 37, 37\), "):
        judged(tmp_path, lying, other)
    for layers in ([5], [100, 40], [0]):
        with pytest.raises(ConfigError, match=r"--layers: .* divides the 148 voxels"):
            judged(tmp_path, files["full"], files["twin"], layers=layers)
    pair = files["full"], files["twin"]
    with pytest.raises(StoreError, match="no voxel of dataset 'showers' reaches --threshold"):
        file_judge.judge(pair, None, 1e9, 50, 1, tmp_path / "j.json")
    with pytest.raises(ConfigError, match=r"ends in \.json"):
        file_judge.judge(pair, None, 0.0, 50, 1, tmp_path / "j.txt")
    with pytest.raises(ConfigError, match="--number 0"):
        file_judge.judge(pair, None, 0.0, 0, 1, tmp_path / "j.json")


def test_a_threshold_takes_small_voxels_away(files: dict[str, Path], tmp_path: Path) -> None:
    pair = files["full"], files["full"]
    everything, rest = (
        file_judge.judge(pair, None, threshold, 50, 1, tmp_path / "j.json")
        for threshold in (0.0, 0.4)
    )
    kept = [found["observables"]["hits"]["first"] for found in (everything, rest)]
    assert 0 < kept[1] < kept[0]


def test_observables_of_a_known_shower() -> None:
    voxels = np.array([[0.0, 3.0, 0.0, 1.0, 0.0, 0.0]], np.float32)
    edges = np.array([0.5, 2.0, 4.0])
    found = observables(voxels, np.array([8.0]), edges, (1, 2, 3))
    expected = {
        "response": [0.5],
        "hits": [2.0],
        "largest_voxel": [0.75],
        "voxel_spectrum": [[0.5, 0.5]],
        "layer_response": [[0.0, 0.375, 0.125]],
        "layer_hits": [[0.0, 1.0, 1.0]],
        "layer_largest_voxel": [[0.0, 1.0, 1.0]],
        "depth": [1.25],
        "depth_spread": [np.sqrt(0.75 * 0.25)],
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6, err_msg=name)
    assert columns(found)["layer_response[1]"] == pytest.approx([0.375])
    assert matrix(found, np.array([8.0])).shape == (1, 1 + len(columns(found)))
