"""What runs again after an edit of a finished production: what depends on it, nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

TINY = "tests/config/tiny.yaml"

HYPERCLASS = {
    *("hyperclass_scores", "hyperclass_improvement"),
    *("hyperclass_discovery", "hyperclass_coverage", "hyperclass_summary"),
    "hyperclass_variations",
}
CLASSIFIERS = {"train_mixture", "train_single", "train_unsupervised", "train_images"}
FROM_TRAIN = {"train_regression"} | CLASSIFIERS | HYPERCLASS
FROM_DETECT = {"detect_events", "detect_variation", "detect_display"} | CLASSIFIERS | HYPERCLASS
FROM_REFINE = {"refine_data", "refine_fit", "refine_validate"} | FROM_DETECT
FASTSIM = {
    "fastsim_fit",
    "fastsim_floors",
    "fastsim_validate",
    "fastsim_downstream",
    "fastsim_gate",
}
VARIANTS = {"fastsim_fit_variant", "fastsim_validate_variant", "fastsim_study"}
FROM_FASTSIM = FASTSIM | VARIANTS | FROM_DETECT
FROM_SIMULATE = {"simulate_showers", "simulate_validate", "train_regression"} | (
    FROM_FASTSIM | FROM_REFINE
)
FROM_GENERATE = {"generate_theory"} | FROM_DETECT

SECTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "generate": ({"generate": {"time_limit": 601}}, FROM_GENERATE),
    "simulate": ({"simulate": {"number": 401}}, FROM_SIMULATE),
    "fastsim": ({"fastsim": {"average": 0.987}}, FROM_FASTSIM),
    "limits": ({"fastsim": {"limits": {"hits": 0.987}}}, {"fastsim_gate", "fastsim_study"}),
    "variants": ({"fastsim": {"variants": {"other": {"settings": {"batch": 65}}}}}, VARIANTS),
    "data": ({"data": {"noise": 0.16}}, FROM_REFINE),
    "detect": ({"detect": {"tracker": {"efficiency": 0.94}}}, FROM_DETECT),
    "train": ({"train": {"minimum_events": 3}}, FROM_TRAIN),
    "hyperclass": ({"hyperclass": {"injection": {"luminosity": 2}}}, HYPERCLASS),
}

MODULES = {
    "generate/pythia.py": FROM_GENERATE,
    "simulate/stage.py": FROM_SIMULATE,
    "detector/patch.py": FROM_SIMULATE,
    "fastsim/critic.py": FROM_FASTSIM,
    "plots/downstream.py": {"fastsim_downstream", "fastsim_gate"},
    "plots/study.py": {"fastsim_study"},
    "refine/refiner.py": FROM_REFINE,
    "kernels/cones.py": FROM_DETECT,
    "train/trees.py": FROM_TRAIN,
    "plots/train.py": {"train_regression", "train_images"},
    "hyperclass/report.py": HYPERCLASS,
    "plots/refine.py": {"refine_validate"},
    "store.py": set(),
    "cli.py": set(),
}


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    both = dict(first)
    for key, value in second.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) else value
    return both


@contextmanager
def edited(file: Path, text: str) -> Iterator[None]:
    """A file with other text, and then as it was."""
    before = file.read_text()
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(before)


@pytest.mark.parametrize("profile", [None, "local", "dask", "slurm"])
def test_nothing_is_to_be_done(
    profile: str | None, production: Any, planned: Callable[..., Any]
) -> None:
    """Nor after a touch of all modules, and comments in the config."""
    folder = production.clone
    for file in (folder / "src").rglob("*.py"):
        os.utime(file)
    config = folder / TINY
    options = [] if profile is None else ["--profile", f"workflow/profiles/{profile}"]
    with edited(config, f"# a comment\n{config.read_text()}\n# and another\n"):
        plan = planned(folder, *options)
    assert plan.jobs == set()
    assert "Nothing to be done" in plan.text


@pytest.mark.parametrize("section", SECTIONS)
def test_edit_of_a_section(section: str, production: Any, planned: Callable[..., Any]) -> None:
    folder = production.clone
    change, rules = SECTIONS[section]
    tiny = yaml.safe_load((folder / TINY).read_text())
    (folder / "edited.yaml").write_text(yaml.safe_dump(merged(tiny, change)))
    assert planned(folder, config="edited.yaml").rules == rules | {"times"}


@pytest.mark.parametrize("module", MODULES)
def test_edit_of_a_module(module: str, production: Any, planned: Callable[..., Any]) -> None:
    file = production.clone / "src/hyperhex" / module
    with edited(file, file.read_text() + "\n_NEW = 1\n"):
        expected = MODULES[module]
        assert planned(production.clone).rules == (expected | {"times"} if expected else set())


def test_new_theory_runs_alone_and_joins_the_mixture(
    production: Any, planned: Callable[..., Any]
) -> None:
    folder = production.clone
    theory = yaml.safe_load((folder / "config/theories/zprime.yaml").read_text())
    (folder / "config/theories/zprime_again.yaml").write_text(
        yaml.safe_dump(theory | {"name": "zprime_again"})
    )
    tiny = yaml.safe_load((folder / TINY).read_text())
    (folder / "more.yaml").write_text(
        yaml.safe_dump(merged(tiny, {"theories": {"zprime_again": {}}}))
    )
    plan = planned(folder, config="more.yaml")
    for rule in ("generate_theory", "detect_events", "train_single"):
        assert plan.of(rule) == {"zprime_again"}
    assert plan.of("train_mixture") == {"none", "zprime_again", *tiny["theories"]} - {
        "ttbar",
        "znunu",
    }
    assert plan.rules == {
        *("generate_theory", "detect_events", "train_single", "train_mixture", "train_images"),
        *HYPERCLASS,
        *("detect_variation", "times"),
    }


def test_lost_product_is_made_again(
    production: Any, planned: Callable[..., Any], tmp_path: Path
) -> None:
    manifest = production.results / "detect/zprime.manifest.json"
    shutil.move(manifest, tmp_path)
    plan = planned(production.clone)
    shutil.move(tmp_path / manifest.name, manifest)
    assert plan.of("detect_events") == {"zprime"}
    assert "zprime" not in plan.of("train_mixture")
    assert plan.of("train_single") == {"zprime"}
