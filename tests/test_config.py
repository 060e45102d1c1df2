from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperhex import cli, config
from hyperhex.errors import ConfigError

REPOSITORY = Path(__file__).parents[1]
SHIPPED = [
    *(REPOSITORY / "config" / name for name in ("collider.yaml", "reference.yaml", "showers.yaml")),
    REPOSITORY / "tests" / "config" / "tiny.yaml",
]

THEORIES = {
    "ttbar": {
        "role": "background",
        "group": "top",
        "points": [{"label": "low"}, {"label": "high"}],
    },
    "zprime": {"role": "signal", "group": "zprime", "points": [{"label": "m1000"}]},
    "stop": {"role": "signal", "group": "susy", "points": [{"label": "m600"}]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, theory in THEORIES.items():
        write(tmp_path, name, {"name": name, "title": name, "settings": ["a = 1"], **theory})
    return tmp_path


def write(folder: Path, name: str, theory: dict[str, Any]) -> None:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(theory))


def faults(raw: dict[str, Any], folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        config.resolve(raw, folder)
    return error.value.faults


def test_an_empty_config_is_the_default_with_backgrounds_first(folder: Path) -> None:
    resolved, theories = config.resolve({}, folder)
    assert resolved == config.Config()
    assert list(theories) == ["ttbar", "stop", "zprime"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_have_no_fault(path: Path) -> None:
    resolved, theories = config.resolve(config.read(path), REPOSITORY / "config" / "theories")
    assert resolved.name == path.stem
    assert {theory.role for theory in theories.values()} == {"background", "signal"}


def test_every_fault_is_listed_with_its_place(folder: Path) -> None:
    raw = {
        "seed": "seven",
        "unknown": 1,
        "simulate": {"numbr": 3, "energy": [1, -2]},
        "theories": {"ttbar": {}, "nothing": {}},
        "train": {"mixture": {"weights": {}}},
        "detect": {"region": {"min_dphi": 4.0}},
    }
    found = faults(raw, folder)
    for place in (
        "seed: 'seven' given",
        "unknown: unknown key; allowed here: data, detect",
        "simulate.numbr: unknown key",
        "simulate.energy.1: -2 given, expected greater than 0",
        "theories.nothing: ",
        "train.mixture: ",
        "detect.region.min_dphi: 4.0 given",
    ):
        assert any(fault.startswith(place) for fault in found), place
    assert len(found) == 7


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"theories": {"ttbar": {}}}, "theories: 0 with role signal given, at least 2"),
        ({"theories": {"stop": {}, "zprime": {}}}, "theories: 0 with role background"),
        (
            {"theories": {"ttbar": {"points": ["middle"]}, "stop": {}, "zprime": {}}},
            "theories.ttbar.points: ['middle'] given, allowed ['high', 'low']",
        ),
        (
            {"train": {"mixture": {"weights": {"ttbar": 1.0}}}},
            "train.mixture.weights: ttbar given, allowed are the signals",
        ),
        (
            {"train": {"mixture": {"parts": {"a": {"b": 1.0}, "b": {"a": 1.0}}}}},
            "train.mixture: ",
        ),
        (
            {"train": {"tuning": {"parts": 2, "splits": 2}}},
            "train.tuning: parts = 2 and splits = 2 given; without a part at least 1 of the 2",
        ),
        (
            {"simulate": {"number_of": {"pi+": 9}}},
            "simulate.number_of: pi+ given, allowed are those of simulate.particles",
        ),
        (
            {"simulate": {"number_of": {"photon": 0}}},
            "simulate.number_of.photon: 0 given, expected",
        ),
        (
            {"fastsim": {"limits_of": {"pi+": {"hits": 0.1}}}},
            "fastsim.limits_of: pi+ given, allowed are those of simulate.particles",
        ),
        (
            {"fastsim": {"limits_of": {"photon": {"hit": 0.1}}}},
            "fastsim.limits_of.photon.hit: unknown key; allowed here: auc_high,",
        ),
        (
            {"fastsim": {"limits_of": {"photon": {"hits": -0.1}}}},
            "fastsim.limits_of.photon.hits: -0.1 given, expected greater than 0",
        ),
        (
            {"fastsim": {"settings_of": {"kaon": {"noise": 9}}}},
            "fastsim.settings_of.kaon",
        ),
        (
            {"fastsim": {"settings_of": {"photon": {"noises": 9}}}},
            "fastsim.settings_of.photon.noises: unknown key; allowed here: average,",
        ),
        (
            {"fastsim": {"variants": {"gate": {}}}},
            "fastsim.variants.gate: expected another name",
        ),
        (
            {"fastsim": {"variants": {"other": {"particles": ["pi+"]}}}},
            "fastsim.variants.other.particles: ['pi+'] given, allowed are those of",
        ),
        (
            {"fastsim": {"variants": {"other": {"settings": {"batches": 3}}}}},
            "fastsim.variants.other.settings.batches: unknown key; allowed here: average, batch,",
        ),
        (
            {"fastsim": {"variants": {"other": {"settings": {"batch": 0}}}}},
            "fastsim.variants.other.settings.batch: 0 given, expected greater than 0",
        ),
        (
            {"hyperclass": {"injection": {"theory": "ttbar"}}},
            "hyperclass.injection.theory: ttbar given",
        ),
        (
            {"hyperclass": {"injection": {"theory": "stop", "point": "m7"}}},
            "hyperclass.injection.point: m7 given, allowed for stop: ['m600']",
        ),
    ],
)
def test_sections_are_checked_together(raw: dict[str, Any], expected: str, folder: Path) -> None:
    (found,) = faults(raw, folder)
    assert found.startswith(expected)


def test_a_production_may_say_how_many_events_a_point_has(folder: Path) -> None:
    few = {name: {"events": {"m600": 7}} if name == "stop" else {} for name in THEORIES}
    _, known = config.resolve({"theories": few}, folder)
    assert [point.events for point in known["stop"].points] == [7]
    assert [point.events for point in known["ttbar"].points] == [1000, 1000]
    (found,) = faults({"theories": few | {"stop": {"events": {"m7": 5}}}}, folder)
    assert found == "theories.stop.events: ['m7'] given, allowed ['m600']"


def test_a_theory_file_is_checked_by_name(folder: Path) -> None:
    write(folder, "wrong", {"name": "other", "title": "x", "role": "sygnal", "points": []})
    found = faults({}, folder)
    assert all(fault.startswith("theories.wrong.") for fault in found)
    assert {"theories.wrong.group", "theories.wrong.role", "theories.wrong.points"} == {
        fault.split(":")[0] for fault in found
    }


def test_not_yaml_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    for text, expected in (("a: [", "not YAML"), ("- 1", "list given")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=expected):
            config.read(file)


def test_a_variant_is_told_the_section_but_for_what_it_changes(folder: Path) -> None:
    section = {
        "batch": 77,
        "single_energies": [5],
        "variants": {"other": {"seed": 3, "settings": {"noise": 9}}, "same": {}},
    }
    told, theories = config.resolve({"seed": 5, "fastsim": section}, folder)
    own, other, same = (
        config.FastsimSettings.model_validate_json(
            config.stage_settings(told, theories, "fastsim", part)
        )
        for part in ("", "other", "same")
    )
    assert (own.seed, other.seed, same.seed) == (5, 8, 5)
    assert (own.fastsim.noise, other.fastsim.noise) == (32, 9)
    assert same.fastsim == own.fastsim.model_copy(update={"single_energies": []})
    assert "variants" not in config.stage_settings(told, theories, "fastsim")


def test_a_particle_has_the_settings_of_all_but_for_its_own(folder: Path) -> None:
    section = {
        "batch": 77,
        "settings_of": {"photon": {"noise": 9, "secondaries": 3}},
        "variants": {"plain": {"settings": {"secondaries": 0}}},
    }
    told, theories = config.resolve({"fastsim": section}, folder)

    def of(particle: str, variant: str = "") -> config.FastsimNetwork:
        text = config.stage_settings(told, theories, "fastsim", variant)
        network = config.FastsimSettings.model_validate_json(text).fastsim
        return config.FastsimNetwork.model_validate(network.of(particle))

    seen = [(one.batch, one.noise, one.secondaries) for one in (of("photon"), of("electron"))]
    assert seen == [(77, 9, 3), (77, 32, 0)]
    # what a variant is about is not taken back
    assert (of("photon", "plain").noise, of("photon", "plain").secondaries) == (9, 0)


def test_a_stage_reads_its_own_section_only(folder: Path) -> None:
    raw: dict[str, Any] = {"refine": {"threads": 2}}
    before, theories = config.resolve({}, folder)
    after, _ = config.resolve(raw, folder)
    stages = ["simulate", "fastsim", "refine", "detect", "train", "hyperclass"]
    changed = {
        stage
        for stage in stages
        if config.stage_settings(before, theories, stage)
        != config.stage_settings(after, theories, stage)
    }
    assert changed == {"refine"}


def test_a_theory_is_generated_from_its_own_file_only(folder: Path) -> None:
    before = config.resolve({}, folder)
    changed = copy.deepcopy(THEORIES["stop"])
    changed["points"][0]["events"] = 7
    write(folder, "stop", {"name": "stop", "title": "stop", "settings": ["a = 1"], **changed})
    after = config.resolve({}, folder)
    texts = {
        name: [config.stage_settings(*resolved, "generate", name) for resolved in (before, after)]
        for name in THEORIES
    }
    assert {name for name, (old, new) in texts.items() if old != new} == {"stop"}


def test_stage_settings_come_back_as_written(folder: Path) -> None:
    resolved, theories = config.resolve({"seed": 5}, folder)
    file = folder / "detect.json"
    file.write_text(config.stage_settings(resolved, theories, "detect"))
    loaded = config.load_stage(file, "detect")
    assert loaded.seed == 5
    assert loaded.detect == resolved.detect


def test_the_schema_file_is_up_to_date() -> None:
    """`hyperhex config schema --output config/schema.json` mends it."""
    assert (REPOSITORY / "config" / "schema.json").read_text() == config.schema()


def test_check_lists_faults_and_ends_with_two(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "config" / "bad.yaml"
    file.parent.mkdir()
    file.write_text("seed: -1\ncolour: red\n")
    assert cli.main(["config", "check", str(file), "--theories", str(folder)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines if "hyperhex" not in line] == ["seed", "colour"]


def test_groups_are_dealt_whole_and_evenly() -> None:
    groups = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "y", "f": "z", "g": "w"}
    found = config.dealt(groups, 2)
    assert found == config.dealt(dict(reversed(groups.items())), 2)
    assert found == {"c": 0, "d": 0, "e": 0, "a": 1, "b": 1, "g": 1, "f": 0}
    for group in set(groups.values()):
        assert len({found[name] for name in groups if groups[name] == group}) == 1
