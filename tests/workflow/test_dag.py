"""Which rules a target needs, and what the rules are made of."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperhex import cli
from hyperhex.verbs import VERBS

SIMULATE = {"simulate_showers", "simulate_validate"}
FASTSIM = {
    "fastsim_fit",
    "fastsim_floors",
    "fastsim_validate",
    "fastsim_downstream",
    "fastsim_gate",
}
VARIANTS = {"fastsim_fit_variant", "fastsim_validate_variant", "fastsim_study"}
REFINE = {"refine_data", "refine_fit", "refine_validate"}
CLASSIFIERS = {"train_mixture", "train_single", "train_unsupervised"}
TRAIN = CLASSIFIERS | {"train_regression", "train_images"}
HYPERCLASS = {
    "hyperclass_scores",
    "hyperclass_improvement",
    "hyperclass_discovery",
    "hyperclass_coverage",
    "hyperclass_summary",
    "hyperclass_variations",
}
VARIED = {"detect_variation"}
TO_DETECT = {
    *("generate_theory", "simulate_showers", "refine_data", "refine_fit", "detect_events"),
    *FASTSIM,
}
BACKGROUNDS = {"ttbar", "znunu"}
SIGNALS = {"dark_matter", "gluino", "zprime"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clone: Callable[[Path], Path]) -> Path:
    return clone(tmp_path_factory.mktemp("dag"))


TARGETS = {
    "generate": {"generate_theory"},
    "simulate": SIMULATE,
    "fastsim": {"simulate_showers"} | FASTSIM | VARIANTS,
    "refine": {"simulate_showers"} | FASTSIM | REFINE,
    "detect": TO_DETECT | {"detect_display"},
    "train": TO_DETECT | TRAIN,
    "hyperclass": TO_DETECT | CLASSIFIERS | HYPERCLASS | VARIED,
}


@pytest.mark.parametrize("target", TARGETS)
def test_stages_are_targets(target: str, folder: Path, planned: Callable[..., Any]) -> None:
    assert planned(folder, target).rules == TARGETS[target]


def test_everything_is_the_default_target(folder: Path, planned: Callable[..., Any]) -> None:
    plan = planned(folder)
    stages = TARGETS["detect"] | SIMULATE | REFINE | TRAIN | HYPERCLASS | VARIED | VARIANTS
    assert plan.rules == stages | {"times"}
    assert plan.of("generate_theory") == plan.of("detect_events") == BACKGROUNDS | SIGNALS
    for rule in ("simulate_showers", "fastsim_fit", "fastsim_floors", "fastsim_validate"):
        assert plan.of(rule) == {"photon", "electron"}
    assert plan.of("train_mixture") == SIGNALS | {"none"}
    assert plan.of("train_single") == SIGNALS
    assert plan.of("detect_variation") == {"raw", "full"}
    for command in plan.commands:
        options = cli._parser().parse_args(shlex.split(command))
        assert options.stage == "times" or (options.stage, options.verb) in VERBS
        if options.stage == "train" and options.verb == "mixture":
            given = {path.stem for path in options.events}
            assert given == (BACKGROUNDS | SIGNALS) - {options.leave_out}


def test_parameters_come_from_a_part_that_what_is_left_out_is_not_in(
    folder: Path, planned: Callable[..., Any]
) -> None:
    config = yaml.safe_load((folder / "tests/config/tiny.yaml").read_text())
    config["theories"] |= {name: {} for name in ("leptoquark", "stop", "wprime")}
    config["train"] |= {"tuning": {}, "leave_out": ["theory", "group"]}
    (folder / "tuned.yaml").write_text(yaml.safe_dump(config))
    plan = planned(folder, "train", config="tuned.yaml")
    assert plan.of("train_tuning") == {"0", "1"}
    assert "train_trials" in plan.rules
    given = [cli._parser().parse_args(shlex.split(command)) for command in plan.commands]
    seen = {
        str(one.output): {path.stem for path in one.events} for one in given if one.verb == "tune"
    }
    assert set.intersection(*seen.values()) == BACKGROUNDS
    assert set.union(*seen.values()) == set(config["theories"])
    mixtures = {one.leave_out: str(one.tuning) for one in given if one.verb == "mixture"}
    singles = {one.theory: str(one.tuning) for one in given if one.verb == "single"}
    assert set(singles) == set(config["theories"]) - BACKGROUNDS
    assert set(mixtures) == {*singles, "group_supersymmetry", "none"}
    for theory, file in (mixtures | singles).items():
        assert not {theory} & seen[file]
    assert singles == {theory: mixtures[theory] for theory in singles}
    assert mixtures["none"] in seen
    assert mixtures["group_supersymmetry"] == mixtures["gluino"] == mixtures["stop"]


def test_theory_is_a_target(folder: Path, planned: Callable[..., Any]) -> None:
    plan = planned(folder, "results/tiny/generate/zprime.zarr")
    assert plan.jobs == {"generate_theory/zprime", "settings/generate/zprime"}


def test_parsing_imports_no_heavy_library(folder: Path) -> None:
    code = (
        "import sys; from snakemake.cli import main\n"
        "try: main(['-n', '-q', 'all', '--configfile', 'tests/config/tiny.yaml'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numba', 'dask', 'distributed', 'zarr', 'xgboost', 'pythia8mc'}\n"
        "print('heavy', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "heavy []" in done.stdout


def test_snakefile_is_short_and_rules_run_commands_only(repository: Path) -> None:
    assert len((repository / "Snakefile").read_text().splitlines()) <= 40
    for file in (repository / "workflow/rules").glob("*.smk"):
        text = file.read_text()
        assert not re.search(r"^\s*(run|script|checkpoint)\b.*:$", text, re.MULTILINE), file
        for body in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]:
            assert '"""' in body
            assert "{log}" in body


def test_code_behind_a_rule_is_found_by_its_imports(repository: Path) -> None:
    """The rules follow import statements by a pattern; Python's own parser must agree."""
    rules = (repository / "workflow/rules/common.smk").read_text()
    written = re.search(r'^IMPORT = re.compile\(r"(.*)", re.MULTILINE\)$', rules, re.MULTILINE)
    assert written is not None
    pattern = re.compile(written.group(1), re.MULTILINE)
    for file in sorted((repository / "src/hyperhex").rglob("*.py")):
        text = file.read_text()
        found = {
            (base, name)
            for base, names in pattern.findall(text)
            for name in re.findall(r"\w+", names)
        }
        assert _imported(text) <= found, file


def _imported(text: str) -> set[tuple[str, str]]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hyperhex"):
            base = (node.module or "").removeprefix("hyperhex").removeprefix(".")
            found |= {(base, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            assert not [alias for alias in node.names if alias.name.startswith("hyperhex.")]
    return found
