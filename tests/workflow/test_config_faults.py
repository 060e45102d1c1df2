"""A config with faults stops everything: all of them are listed, nothing is started."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Clone = Callable[[Path], Path]
Snakemake = Callable[..., "subprocess.CompletedProcess[str]"]

FAULTY = {
    "unknown keys and wrong types": (
        {"seed": "seven", "simulate": {"showers": 3}, "train": {"folds": 1}, "generation": {}},
        ["seed:", "simulate.showers: unknown key", "train.folds:", "generation: unknown key"],
    ),
    "missing theory file and empty mixture": (
        {
            "theories": {"ttbar": {}, "zprime": {}, "unheard_of": {}},
            "train": {"mixture": {"weights": {}}},
        },
        ["theories.unheard_of:", "train.mixture"],
    ),
    "cyclic mixture and impossible region": (
        {
            "detect": {"region": {"met": 300, "met_max": 200}},
            "train": {"mixture": {"weights": {"a": 1}, "parts": {"a": {"b": 1}, "b": {"a": 1}}}},
        },
        ["detect.region", "train.mixture"],
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clone: Clone) -> Path:
    return clone(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("case", FAULTY)
def test_every_fault_is_listed_and_nothing_starts(
    case: str, folder: Path, snakemake: Snakemake
) -> None:
    raw, expected = FAULTY[case]
    file = folder / "faulty.yaml"
    file.write_text(yaml.safe_dump({"name": "faulty"} | raw))
    done = snakemake(folder, "--cores", "1", "--configfile", file)
    assert done.returncode == 2
    for place in expected:
        assert place in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (folder / "results").exists()


def test_theory_that_fails_is_named_and_the_others_go_on(
    tmp_path: Path, clone: Clone, snakemake: Snakemake
) -> None:
    folder = clone(tmp_path)
    broken = yaml.safe_load((folder / "config/theories/zprime.yaml").read_text())
    broken |= {"name": "broken", "settings": ["NewGaugeBoson:ffbar2gmZZprimo = on"]}
    broken["points"] = [{"label": "one", "events": 10}]
    (folder / "config/theories/broken.yaml").write_text(yaml.safe_dump(broken))
    (folder / "tiny.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "some",
                "theories": {
                    "broken": {},
                    "znunu": {"points": ["pt350"], "scale": 0.01},
                    "gluino": {"scale": 0.05},
                },
            }
        )
    )
    profile = "workflow/profiles/local"
    done = snakemake(folder, "generate", "--profile", profile, "--configfile", "tiny.yaml")
    assert done.returncode == 1
    assert "theory broken" in done.stdout + done.stderr
    assert "ffbar2gmZZprimo" in done.stdout + done.stderr
    made = {path.name for path in (folder / "results/some/generate").glob("*.manifest.json")}
    assert made == {"znunu.manifest.json", "gluino.manifest.json"}
