from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from hyperhex import cli, store
from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim import export, shower_file, symmetry
from hyperhex.fastsim.simulation import FastSimulation

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]
Program = Callable[..., tuple[torch.Tensor, torch.Tensor]]

MIP = 8.5e-5


@pytest.fixture(scope="module")
def fast(fitted: Any) -> FastSimulation:
    simulation: FastSimulation = fitted.simulation()
    return simulation


@pytest.fixture(scope="module")
def model(fast: FastSimulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    fast.save(folder, {})
    return folder


@pytest.fixture(scope="module")
def library(stored: Callable[[str, int, int], Path]) -> Path:
    return stored("photon", 60, 3)


def read(path: Path) -> dict[str, NDArray]:
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


def drawn(model: Path, output: Path, number: int, seed: int = 4) -> dict[str, NDArray]:
    export.drawn(model, output, (2.0, 50.0), number, seed)
    return read(output)


def test_drawn_showers_have_the_layout_of_the_challenge(
    fast: FastSimulation, model: Path, patch: Patch, tmp_path: Path
) -> None:
    found = drawn(model, tmp_path / "new/showers.hdf5", 3000)
    energy, showers, impact = (
        found[name] for name in ("incident_energies", "showers", "impact_points")
    )
    assert energy.shape == (3000, 1)
    assert showers.shape == (3000, 4 * 37)
    assert energy.dtype == showers.dtype == np.float32
    assert 2000 <= energy.min() < 2100
    assert 48_000 < energy.max() <= 50_000
    assert np.log(energy).mean() == pytest.approx(np.log(10_000), abs=0.1)
    assert (patch.index(*impact.T) == 0).all()
    assert showers[showers > 0].min() >= 500 * MIP * (1 - 1e-6)
    again = fast.sample(energy[:, 0] / 1000, impact, seed=1) * 1000
    assert showers.sum() == pytest.approx(again.sum(), rel=0.02)
    layers = showers.reshape(3000, 4, 37).sum((0, 2))
    np.testing.assert_allclose(layers, again.sum((0, 2)), rtol=0.04)
    with h5py.File(tmp_path / "new/showers.hdf5") as file:
        assert file["showers"].compression == file["incident_energies"].compression == "gzip"
        assert file.attrs["voxels_per_layer"].tolist() == [37] * 4
        assert file.attrs["particle"] == "photon"
        assert file.attrs["threshold"] == pytest.approx(500 * MIP)


def test_the_seed_decides_and_blocks_do_not(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_BLOCK", 64)
    first = drawn(model, tmp_path / "a.hdf5", 150)
    for name, values in drawn(model, tmp_path / "b.hdf5", 150).items():
        np.testing.assert_array_equal(values, first[name])
    longer = drawn(model, tmp_path / "c.hdf5", 200)
    np.testing.assert_array_equal(longer["showers"][:128], first["showers"][:128])
    assert (longer["showers"][:64] != longer["showers"][64:128]).any()
    assert (drawn(model, tmp_path / "d.hdf5", 64, seed=5)["showers"] != first["showers"][:64]).any()


def test_a_library_is_written_in_the_same_layout(library: Path, tmp_path: Path) -> None:
    export.library(library, tmp_path / "full.h5", 2.0, 50)
    found, there = read(tmp_path / "full.h5"), store.open(library)
    cells = there["deposits"][10:].reshape(50, -1)
    expected = np.where(cells < 2.0 * MIP, 0.0, cells) * 1000
    np.testing.assert_allclose(found["showers"], expected, rtol=1e-6)
    assert 0 < np.count_nonzero(expected) < np.count_nonzero(cells)
    np.testing.assert_allclose(found["incident_energies"][:, 0], there["energy"][10:] * 1000)
    np.testing.assert_allclose(found["impact_points"], there["impact"][10:])


def test_a_run_that_dies_leaves_nothing(tmp_path: Path) -> None:
    rows = {"incident_energies": np.ones((5, 1)), "showers": np.ones((5, 3))}

    def blocks() -> Iterator[Mapping[str, NDArray]]:
        yield rows
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shower_file.write(tmp_path / "showers.hdf5", 10, blocks(), {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreError, match=r"/proc/showers.hdf5: cannot be written"):
        shower_file.write(Path("/proc/showers.hdf5"), 1, [], {})


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (
            {"--energy": "0.5:50"},
            "--energy: 0.5:50 GeV given, .* trained for 1(.00\\d*)?:99.\\d* GeV",
        ),
        ({"--energy": "50:2"}, "--energy: 50:2 GeV given"),
        ({"--energy": "nan"}, "--energy: nan:nan GeV given"),
        ({"--number": "0"}, "--number: 0 given, expected at least 1"),
        ({"--output": "."}, "--output: . is a folder"),
        ({"--output": "showers.txt"}, "--output: showers.txt given, .* .hdf5 or .h5"),
        ({"--output": "here.hdf5"}, "--output: here.hdf5 is there already"),
        ({"--output": "here.hdf5/new.hdf5"}, "--output: here.hdf5/new.hdf5 would lie below a file"),
        ({"--output": "here.pt2"}, "--output: here.pt2 is there already"),
    ],
)
def test_faults_of_a_command_are_named_before_it_starts(
    changed: dict[str, str],
    fault: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("here.hdf5", "here.pt2"):
        Path(name).touch()
    given = {"--energy": "1:100", "--number": "10", "--output": "new.hdf5"}
    told = {"--model": str(model)} | given | changed
    arguments = [word for pair in told.items() for word in pair]
    assert cli.main(["fastsim", "export", *arguments]) == 2
    assert list(tmp_path.glob("new*")) == []
    logged, *faults = capsys.readouterr().err.splitlines()
    assert "hyperhex fastsim export" in logged
    assert len(faults) == 1
    assert re.match(fault, faults[0]), faults


def test_a_store_of_something_else_is_refused(tmp_path: Path) -> None:
    schema = {"weight": store.Array("float32", ("shower",), "1", "weight")}
    sizes = {"shower": 1}
    draft = store.create(tmp_path / "a.zarr", schema, sizes=sizes, rows=sizes, settings={})
    draft.write("shower", 0, {"weight": np.ones(1)})
    draft.publish()
    with pytest.raises(StoreError, match=r"a.zarr: says nothing of .*'mip'.* store of `simulate`"):
        export.library(draft.path, tmp_path / "a.hdf5", 0.5, None)


def test_faults_of_a_library_are_named(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fastsim", "export", "--showers", str(library), "--output", str(tmp_path / "a.hdf5")]
    assert cli.main([*command, "--number", "61", "--threshold", "nan"]) == 2
    error = capsys.readouterr().err
    assert "--number: 61 given, expected 1 to 60" in error
    assert "--threshold: nan given" in error
    assert cli.main([*command, "--energy", "1:50"]) == 2
    assert "given with --showers, which has its own" in capsys.readouterr().err
    assert cli.main(command) == 0


@pytest.fixture(scope="module")
def program_file(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "generator.pt2"
    arguments = ["fastsim", "export", "--model", str(model), "--output", str(path)]
    assert cli.main(arguments) == 0
    assert list(path.parent.iterdir()) == [path]
    return path


@pytest.fixture(scope="module")
def program(program_file: Path) -> Program:
    module: Program = torch.export.load(program_file).module()
    return module


def conditions(number: int, noise_of: int) -> tuple[torch.Tensor, torch.Tensor, NDArray, NDArray]:
    """Noise, uniform numbers, energies and impact points."""
    random = np.random.default_rng(6)
    noise = torch.from_numpy(random.standard_normal((number, noise_of), np.float32))
    uniform = torch.from_numpy(random.random((number, 2, 9), np.float32))
    energy = np.exp(random.uniform(0.1, 4.5, number))
    return noise, uniform, energy, random.uniform(-0.4, 0.4, (number, 2))


@pytest.mark.parametrize("number", [1, 2, 40])
def test_the_program_has_the_networks_means(
    fast: FastSimulation, program: Program, number: int
) -> None:
    noise, uniform, energy, impact = conditions(number, fast.generator.noise)
    operation, point = symmetry.wedge(fast.patch, impact)
    log_energy, inside = (torch.from_numpy(part).float() for part in (np.log(energy), point))
    with torch.inference_mode():
        layers = fast.density(log_energy, inside, uniform[:, 0], uniform[:, 1])
        mean = fast.generator(noise, log_energy, inside, layers) * layers.energy[..., None]
    back = symmetry.inverses(fast.patch)[operation]
    expected = symmetry.move(fast.patch, mean.numpy(), back) * MIP
    told = torch.from_numpy(energy).float(), torch.from_numpy(impact).float()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        showers, means = program(noise, uniform, *told)
    assert showers.shape == means.shape == (number, 4, 37)
    np.testing.assert_allclose(means, expected, rtol=5e-4, atol=1e-9)
    # cells are drawn about them: the layers are the same, energies and hits
    np.testing.assert_allclose(showers.sum(2), layers.energy * MIP, rtol=1e-4, atol=1e-9)
    assert ((showers > 0).sum(2) == layers.hits).all()
    assert showers[showers > 0].min() >= 0.5 * MIP * (1 - 1e-5)


@pytest.mark.parametrize("giga", [1.5, 30.0, 200.0])
def test_the_program_draws_showers_of_the_same_distribution(
    fast: FastSimulation, program: Program, giga: float
) -> None:
    """At an energy of few hits, of many, and beyond the library."""
    number = 3000
    impact = np.tile([0.3, -0.1], (number, 1))
    expected = fast.sample(np.full(number, giga), impact, seed=2)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        found = program(
            torch.randn(number, fast.generator.noise),
            torch.rand(number, 2, 9),
            torch.full((number,), giga),
            torch.from_numpy(impact).float(),
        )[0].numpy()
    totals = [part.sum((1, 2), dtype=np.float64) for part in (found, expected)]
    error = np.hypot(*[total.std() for total in totals]) / np.sqrt(number)
    assert abs(totals[0].mean() - totals[1].mean()) < 4 * error
    assert totals[0].std() == pytest.approx(totals[1].std(), rel=0.08)
    cells = [(part > 0).mean(0) for part in (found, expected)]
    spread = np.sqrt(2 * (cells[1] * (1 - cells[1]) + 1 / number) / number)
    assert (np.abs(cells[0] - cells[1]) < 5 * spread).all()
    hottest = np.unravel_index(expected.mean(0).argmax(), expected.shape[1:])
    assert stats.ks_2samp(*(part[:, *hottest] for part in (found, expected))).pvalue > 1e-3
    spectra = [np.quantile(part[part > 0], [0.1, 0.5, 0.9]) for part in (found, expected)]
    np.testing.assert_allclose(*spectra, rtol=0.03)
    assert found[found > 0].min() >= 0.5 * MIP * (1 - 1e-5)


def test_the_program_says_what_its_numbers_mean(
    fast: FastSimulation, program_file: Path, patch: Patch
) -> None:
    files = {"generator.json": ""}
    torch.export.load(program_file, extra_files=files)
    record = json.loads(files["generator.json"])
    assert record["particle"] == "photon"
    assert record["energies"] == list(fast.scale.energies)
    assert (record["noise"], record["uniform"]) == (fast.generator.noise, [2, 9])
    assert list(record["inputs"]) == ["noise", "uniform", "energy", "impact"]
    np.testing.assert_allclose(record["cells"], patch.positions, atol=1e-9)
