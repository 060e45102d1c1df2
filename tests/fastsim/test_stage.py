from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hyperhex.config import (
    FastsimGate,
    FastsimLimits,
    FastsimNetwork,
    FastsimSettings,
    GateSettings,
)
from hyperhex.errors import GateError, StoreError, TrainingError
from hyperhex.fastsim import adversarial, speed, stage
from hyperhex.fastsim.simulation import load_generator
from hyperhex.provenance import digest_file, read_json, write_json

Stored = Callable[[str, int, int], Path]

MIP = 8.5e-5


def settings(**changed: float) -> FastsimSettings:
    section = FastsimNetwork(
        iterations=4, batch=64, noise=8, generator_widths=[16], critic_widths=[16], report_every=2,
        density_width=16, density_components=3, density_passes=40, density_batch=128,
        settings_of={"pi+": {"secondaries": 4, "hit_draws": 50}, "photon": {"noise": 3}},
    )  # fmt: skip
    section = section.model_copy(update=changed)
    return FastsimSettings(production="test", seed=3, fastsim=section)


def asked(**limits: float) -> GateSettings:
    areas = {"auc_high": 0.9999, "auc_low": 0.9999}
    loose = dict.fromkeys(FastsimLimits.model_fields, 50.0) | areas | limits
    section = FastsimGate(limits=FastsimLimits(**loose))
    return GateSettings(production="test", seed=3, fastsim=section)


@pytest.fixture(scope="module")
def library(stored: Stored) -> Path:
    return stored("pi+", 400, 1)


@pytest.fixture(scope="module")
def model(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    stage.fit(settings(), library, folder, threads=1)
    return folder


def test_a_second_fit_writes_the_same_bytes(library: Path, model: Path, tmp_path: Path) -> None:
    stage.fit(settings(), library, tmp_path, threads=4)
    for name in ("generator.safetensors", "generator.json"):
        assert digest_file(tmp_path / name) == digest_file(model / name)


def test_the_record_says_how_it_was_made(model: Path) -> None:
    record = read_json(model / "generator.json")
    assert record["scale"]["particle"] == "pi+"
    assert record["shape"]["generator"] == {"noise": 8, "widths": [16], "secondaries": 4}
    assert record["shape"]["draws"] == 50
    training = read_json(model / "training.json")
    assert [report["iteration"] for report in training["reports"]] == [2, 4]
    assert training["minutes"] == training["reports"][-1]["minutes"] > 0
    first, last = (report["particles"] for report in training["reports"])
    assert first.keys() == last.keys() == {"pi+"}
    assert len(first["pi+"]["response_by_energy"]) == 4
    # the first and the last report say how well showers are told apart, of others every eighth
    assert 0.4 < first["pi+"]["auc_high"] <= 1.0
    assert first["pi+"].keys() == last["pi+"].keys()
    later = {"auc_low", "resolution_loss", "auc_loss"}
    assert set(FastsimLimits.model_fields) - later < set(last["pi+"])
    assert "limits" not in record["settings"]["fastsim"]
    assert load_generator(model).scale.mip == MIP


def test_a_killed_fit_goes_on_and_writes_the_same_bytes(
    library: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """As sudden as SIGKILL."""

    def killed(trainer: adversarial.Trainer, iteration: int) -> None:
        if iteration == 3:
            raise KilledError
        average(trainer, iteration)

    average = adversarial.Trainer._follow
    monkeypatch.setattr(adversarial.Trainer, "_follow", killed)
    with pytest.raises(KilledError):
        stage.fit(settings(), library, tmp_path, threads=1)
    assert [path.name for path in tmp_path.glob(".generator.parts-*/*")] == ["state.npz"]
    (tmp_path / ".generator.parts-0123456789ab").mkdir()
    done: list[int] = []
    monkeypatch.setattr(
        adversarial.Trainer, "_follow", lambda *told: (done.append(told[1]), average(*told))
    )
    stage.fit(settings(), library, tmp_path, threads=1)
    assert done == [3, 4]
    for name in ("generator.safetensors", "generator.json"):
        assert digest_file(tmp_path / name) == digest_file(model / name)
    assert not list(tmp_path.glob(".*"))


def test_a_training_that_diverges_twice_fails_with_its_curves(
    library: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=r"lower fastsim(.|\n)*diverged.json and .*diverged.svg"
    ):
        stage.fit(settings(generator_rate=1e3), library, tmp_path, threads=1)
    curves = read_json(tmp_path / "diverged.json")
    assert len(curves["divergences"]) == 2
    assert curves["divergences"][0]["losses"]
    assert {path.name for path in tmp_path.iterdir()} == {"diverged.json", "diverged.svg"}


@pytest.fixture(scope="module")
def judged(library: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """validation.json of the model; the transport of full showers is left to its own tests."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(speed, "full_time", lambda _: 0.02)
        floors = folder / "floors.json"
        stage.floors(settings(), library, floors)
        written = folder / "validation.json", folder / "figures"
        stage.validate(settings(), library, model, floors, *written)
    return folder


def test_judging_reports_every_figure(judged: Path) -> None:
    report = read_json(judged / "validation.json")
    assert set(report["particles"]) == {"pi+"}
    found = report["particles"]["pi+"]
    assert found["showers"] == 100
    assert found["auc_floor"] == pytest.approx(0.5, abs=0.15)
    assert found["auc_high"] > 0.4
    assert found["speed_up"] == pytest.approx(0.02 * found["showers_per_second"])
    assert found["speed_up_conditions"]["threads"] == 1
    assert len(found["energies"]) == 4
    names = {path.stem for path in (judged / "figures").glob("*.svg")}
    assert {
        "response",
        "classifiers",
        "correlations",
        "layers",
        "rings",
        "hits",
        "spectrum",
        "showers_pi+",
        "training",
    } <= names


@pytest.fixture
def validations(judged: Path, tmp_path: Path) -> list[Path]:
    """Of two particles, of which the second is better."""
    first = judged / "validation.json"
    found = read_json(first)["particles"]["pi+"]
    second = tmp_path / "photon.json"
    write_json(second, {"particles": {"photon": found | {"auc_high": 0.25}}})
    return [first, second]


@pytest.fixture
def downstream(tmp_path: Path) -> Path:
    """downstream.json of those two particles."""
    resolution = {"pi+": {"loss": 0.1}, "photon": {"loss": 0.02}}
    areas = {"all": {"loss": 0.01}, "alike": {"loss": 0.03}}
    path = tmp_path / "downstream.json"
    write_json(path, {"losses": {"resolution": resolution, "auc_photon_pi+": areas}})
    return path


def test_gate_lets_good_generators_pass(
    validations: list[Path], downstream: Path, tmp_path: Path
) -> None:
    stage.gate(asked(), validations, downstream, tmp_path / "passed.json")
    passed = read_json(tmp_path / "passed.json")
    assert passed["passed"] is True
    assert set(passed["figures"]) == {"pi+", "photon", "photon_pi+"}
    assert passed["figures"]["photon"]["auc_high"] == 0.25
    assert passed["figures"]["photon"]["resolution_loss"] == 0.02
    assert passed["figures"]["photon_pi+"] == {"auc_loss": 0.03}


@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [
        ("auc_high", 0.3, r"\npi\+ +auc_high"),
        ("resolution_loss", 0.05, r"\npi\+ +resolution_loss +0.100"),
        ("auc_loss", 0.02, r"\nphoton_pi\+ +auc_loss +0.030"),
    ],
)
def test_gate_stops_with_a_table(
    limit: str, value: float, told: str, validations: list[Path], downstream: Path, tmp_path: Path
) -> None:
    with pytest.raises(GateError, match=told) as stopped:
        stage.gate(asked(**{limit: value}), validations, downstream, tmp_path / "passed.json")
    assert str(validations[1]) in str(stopped.value)
    assert "\nphoton " not in str(stopped.value)
    assert not (tmp_path / "passed.json").exists()


def test_what_learns_from_fast_showers_is_tested(
    library: Path, model: Path, tmp_path: Path
) -> None:
    generators = tmp_path / "fastsim"
    shutil.copytree(model, generators / "pi+")
    output, figures = tmp_path / "downstream.json", tmp_path / "figures"
    stage.downstream(settings(), [library], generators, output, figures)
    found = read_json(output)
    assert found["conditions"]["showers"] == {"pi+": 100}
    assert set(found["losses"]["resolution"]) == {"pi+"}
    assert {path.name for path in figures.iterdir()} == {"downstream_energy.svg"}


def test_a_model_of_another_detector_is_refused(library: Path, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    record = read_json(copy / "generator.json")
    record["scale"]["mip"] *= 2
    write_json(copy / "generator.json", record)
    written = tmp_path / "v.json", tmp_path / "figures"
    with pytest.raises(StoreError, match="train it again"):
        stage.validate(settings(), library, copy, tmp_path / "floors.json", *written)


def test_floors_of_another_particle_are_refused(library: Path, model: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "floors.json", {"particle": "photon"})
    written = tmp_path / "v.json", tmp_path / "figures"
    with pytest.raises(StoreError, match=r"floors of photon, the showers are of pi\+"):
        stage.validate(settings(), library, model, tmp_path / "floors.json", *written)
