from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from hyperhex import cli
from hyperhex.config.methods import Supervised, Unsupervised
from hyperhex.plots.methods import _WORDS
from hyperhex.provenance import write_json


def test_the_table_shows_the_stages_that_are_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "simulate/validation.json", [{"passed": True}, {"passed": False}])
    merit = {"auc_high": 0.7, "auc_floor": 0.49, "auc_low": 0.6}
    merit |= {"showers_per_second": 12345.6, "speed_up": 250.0}
    for particle in ("photon", "pi+"):
        found = {"particles": {particle: merit}}
        write_json(tmp_path / f"fastsim/{particle}/validation.json", found)
    measured = {"resolution": 0.05, "bias": 0.01}
    refine = {"raw": measured, "refined": measured, "oracle": measured}
    write_json(tmp_path / "refine/validation.json", {**refine, "auc_before": 0.9, "auc_after": 0.6})
    curve = [
        {"method": method, "showers": showers, "impact_resolution": error / showers}
        for method, error in (("p6m", 900.0), ("plain", 1000.0), ("classical", 1100.0))
        for showers in (500, 1000)
    ]
    write_json(tmp_path / "train/regression/comparison.json", {"curve": curve})
    assert cli.main(["summary", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    stages = ["simulate", *6 * ["fastsim"], *3 * ["refine"], "train"]
    assert [line.split()[0] for line in lines[4:]] == stages
    assert "1 passed" in lines[4]
    assert "photon: AUC of observables" in lines[5]
    assert "not passed; full simulation against itself 0.490" in lines[5]
    assert "pi+: showers on one thread" in lines[10]
    assert "12,346 / s" in lines[10]
    assert "5.00 %" in lines[11]
    assert "0.90 mm" in lines[14]
    assert "plain 1.00 mm, no network 1.10 mm" in lines[14]


def test_no_production_is_an_error_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["summary", str(tmp_path / "nothing")]) == 1
    assert "`snakemake` makes it" in capsys.readouterr().err


def described(median: float) -> dict[str, Any]:
    numbers = {"median_ti": median, "median_ti_error": 0.1, "min_ti": 0.0, "max_ti": 9.0}
    return {**numbers, "median_si": {"0.01": median}, "median_si_error": {"0.01": 0.1}}


def test_all_methods_are_in_one_table_by_family(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("meff", "mixture_average", "mixture_xgboost_robust_by_group", "flow", "supervised")
    lead = {"against": "meff", "median_ratio": 1.5, "median_ratio_error": 0.2}
    unknown = {"against": "flow", "measure": "n/a", "median_ratio": "n/a"}
    found = {
        "methods": {
            **{name: described(1.0 + index) for index, name in enumerate(names)},
            "kde": {"median_ti": "n/a"},
        },
        "working_points": [
            {"efficiency": 0.01, "usable": True},
            {"efficiency": 0.001, "usable": False},
        ],
        "baselines": [{**lead, "better_on": 7, "of": 9}, unknown],
        "comparison": {**unknown, "against": "single_mean"},
        "by_group": [],
    }
    write_json(tmp_path / "hyperclass/summary.json", found)
    assert cli.main(["summary", str(tmp_path), "--methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "SI at 0.01" in lines[2]
    assert "0.001" not in lines[2]
    rows = [tuple(cell for cell in re.split(r" {2,}", line)) for line in lines[4:]]
    assert [row[:3] for row in rows] == [
        ("knows the theory", "trees on the theory itself", "5.00 +- 0.10"),
        ("mixture without the theory", "average of the best two", "2.00 +- 0.10"),
        ("mixture without its group", "trees, weights for the worst theory", "3.00 +- 0.10"),
        ("background alone", "neural spline flow", "4.00 +- 0.10"),
        ("cut", "effective mass", "1.00 +- 0.10"),
    ]
    assert rows[-1][-2:] == ("1.50 +- 0.20", "7 of 9")


@pytest.mark.parametrize("method", [*get_args(Supervised), *get_args(Unsupervised)])
def test_every_method_of_a_config_has_words(method: str) -> None:
    name = f"mixture_{method}" if method in get_args(Supervised) else method
    assert name in _WORDS


def test_no_search_is_an_error_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["summary", str(tmp_path), "--methods"]) == 1
    assert "`snakemake hyperclass` makes it" in capsys.readouterr().err
