from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hyperhex import store
from hyperhex.cluster import Context
from hyperhex.config import GenerateSettings
from hyperhex.errors import GenerationError
from hyperhex.generate import child, stage
from hyperhex.generate.child import Job
from hyperhex.spool import load_part

InProcess = Callable[[GenerateSettings], None]
MakeSettings = Callable[..., GenerateSettings]


def visible(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


def test_results_depend_neither_on_tasks_nor_on_restarts(
    tmp_path: Path,
    in_process: InProcess,
    monkeypatch: pytest.MonkeyPatch,
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(events=50, events_per_part=20)
    stage.theory(settings, tmp_path / "children.zarr", Context(parts_per_task=3))

    in_process(settings)
    run = stage.run
    made: list[int] = []

    def interrupted(job: Job) -> tuple[Job, float]:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(job.part)
        return run(job)

    monkeypatch.setattr(stage, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.theory(settings, tmp_path / "resumed.zarr", Context())
    made[:] = [-1]
    stage.theory(settings, tmp_path / "resumed.zarr", Context())
    # the second try made the one part that was missing
    assert made == [-1, 2]
    digests = {store.open(tmp_path / f"{name}.zarr").digest for name in ("children", "resumed")}
    assert len(digests) == 1
    # parts are gone once the store is there
    assert not list(tmp_path.glob(".*"))


def test_weights_sum_to_cross_section_times_efficiency(
    tmp_path: Path, in_process: InProcess, make_settings: MakeSettings
) -> None:
    loose = make_settings(events=120, events_per_part=50)
    tight = make_settings(events=120, events_per_part=50, visible_pt=350.0, missing_pt=200.0)
    for name, settings in (("all", loose), ("kept", tight)):
        in_process(settings)
        stage.theory(settings, tmp_path / f"{name}.zarr", Context())
    everything, kept = (store.open(tmp_path / f"{name}.zarr") for name in ("all", "kept"))

    sigma = everything["cross_section"][0]
    assert everything["weight"][:].sum() == pytest.approx(sigma, rel=1e-12)
    assert everything["n_kept"][0] == everything["n_generated"][0] == 120
    assert kept["cross_section"][0] == sigma
    assert 0 < everything["cross_section_error"][0] < 0.3 * sigma

    number = kept["n_kept"][0]
    assert 0 < number < 120
    assert kept["n_generated"][0] == 120
    assert kept["weight"][:].sum() == pytest.approx(sigma * number / 120, rel=1e-12)
    # what is kept is what it was without the preselection
    chosen = kept["number"][:]
    for name in ("weight", "n_particles", "missing_px"):
        np.testing.assert_array_equal(kept[name][:], everything[name][:][chosen])


def test_particles_belong_to_their_events(
    tmp_path: Path, in_process: InProcess, make_settings: MakeSettings
) -> None:
    settings = make_settings(events=60, events_per_part=25)
    in_process(settings)
    stage.theory(settings, tmp_path / "a.zarr", Context())
    events = store.open(tmp_path / "a.zarr")
    first, number = events["first_particle"][:], events["n_particles"][:]
    np.testing.assert_array_equal(first, np.cumsum(number) - number)
    assert number.sum() == events.sizes["particle"]
    # neutrinos alone make up the Z boson, the rest of the event recoils
    owner = np.repeat(np.arange(60), number)
    visible = np.bincount(owner, np.where(events["kind"][:] == 0, events["px"][:], 0), 60)
    assert np.corrcoef(visible, events["missing_px"][:])[0, 1] < -0.99
    assert events.attributes["points"] == [{"label": "only", "low": 250.0}]


def test_points_and_parts_have_streams_of_their_own(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings(events=20, events_per_part=10)
    for part in (0, 1):
        stage.part(settings, 0, part, tmp_path / f"{part}.npz")
    stage.part(settings, 0, 0, tmp_path / "again.npz")
    first, second, again = (
        load_part(tmp_path / f"{name}.npz")["missing_px"] for name in ("0", "1", "again")
    )
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, second).any()


def test_generator_weights_undo_a_biased_selection(
    tmp_path: Path, in_process: InProcess, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        settings=["Top:gg2ttbar = on", "HadronLevel:all = off", "PhaseSpace:bias2Selection = on"],
        parameters={},
        events=100,
    )
    in_process(settings)
    stage.theory(settings, tmp_path / "a.zarr", Context())
    events = store.open(tmp_path / "a.zarr")
    weight = events["weight"][:]
    assert weight.max() > 5 * weight.min()
    assert weight.sum() == pytest.approx(events["cross_section"][0])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"settings": ["Top:al = on"]}, "setting 'Top:al = on': Pythia knows no setting Top:al"),
        ({"settings": ["Top:all = banana"]}, "'banana' given, expected on or off"),
        ({"settings": ["Top:all = off"]}, "no process switched on"),
        ({"settings": ["Top:all = on", "24:onMode = off"]}, "vanishing cross sections"),
    ],
)
def test_a_theory_fails_by_name_with_the_generators_reason(
    changed: dict[str, list[str]],
    reason: str,
    tmp_path: Path,
    in_process: InProcess,
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(parameters={}, **changed)
    in_process(settings)
    with pytest.raises(GenerationError) as error:
        stage.theory(settings, tmp_path / "a.zarr", Context())
    assert str(error.value).startswith("theory trial, point only")
    assert reason in str(error.value)
    assert visible(tmp_path) == []


def test_the_childs_own_message_is_passed_on(tmp_path: Path, make_settings: MakeSettings) -> None:
    settings = make_settings(settings=["Top:all = off"], parameters={})
    with pytest.raises(GenerationError) as error:
        stage.theory(settings, tmp_path / "a.zarr", Context())
    assert str(error.value).startswith("theory trial, point only, part 0: Pythia cannot be init")
    assert "no process switched on" in str(error.value)


def test_a_hang_is_killed_and_named(tmp_path: Path, make_settings: MakeSettings) -> None:
    settings = make_settings(time_limit=0.1)
    with pytest.raises(GenerationError) as error:
        stage.theory(settings, tmp_path / "a.zarr", Context())
    assert str(error.value).startswith("theory trial, point only, part 0: no end after 0.1 s")
    assert "WeakZ0:gmZmode = 2" in str(error.value)
    assert visible(tmp_path) == []


def test_a_crash_is_named_with_the_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import os, sys; print('PYTHIA Abort', flush=True); os.kill(os.getpid(), 11)"
    monkeypatch.setattr(child, "_command", lambda _: [sys.executable, "-c", script])
    job = Job(tmp_path, 0, 0, tmp_path, 20.0, "theory trial, point only, part 0", ())
    with pytest.raises(GenerationError, match=r"part 0: .*SIGSEGV; its last words: PYTHIA Abort"):
        child.run(job)


def test_no_event_in_the_preselection_is_an_error(
    tmp_path: Path, in_process: InProcess, make_settings: MakeSettings
) -> None:
    settings = make_settings(events=5, visible_pt=12000.0)
    in_process(settings)
    with pytest.raises(GenerationError, match=r"none of 5 events passes generate\.preselection"):
        stage.theory(settings, tmp_path / "a.zarr", Context())


def test_points_and_parts_that_do_not_exist_are_refused(
    tmp_path: Path, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    with pytest.raises(GenerationError, match="point 3, expected 0 to 0"):
        stage.part(settings, 3, 0, tmp_path / "a.npz")
    with pytest.raises(GenerationError, match="part 9: expected a part from 0 to 0"):
        stage.part(settings, 0, 9, tmp_path / "a.npz")
