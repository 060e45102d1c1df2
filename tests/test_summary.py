from __future__ import annotations

from pathlib import Path

import pytest

from hyperhex import cli
from hyperhex.provenance import write_json


def test_the_table_shows_the_stages_that_are_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "simulate/validation.json", [{"passed": True}, {"passed": False}])
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
    assert [line.split()[0] for line in lines[4:]] == ["simulate", *3 * ["refine"], "train"]
    assert "1 passed" in lines[4]
    assert "5.00 %" in lines[5]
    assert "0.90 mm" in lines[8]
    assert "plain 1.00 mm, no network 1.10 mm" in lines[8]


def test_no_production_is_an_error_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["summary", str(tmp_path / "nothing")]) == 1
    assert "`snakemake` makes it" in capsys.readouterr().err
