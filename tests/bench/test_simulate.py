from __future__ import annotations

from pathlib import Path

import pytest

from hyperhex.bench import simulate, workers
from hyperhex.config import default_stage
from hyperhex.errors import BenchmarkError
from hyperhex.provenance import read_json


def test_every_case_says_how_fast_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = (("photon", 1.0, 1e9), ("pi+", 5.0, None))
    monkeypatch.setattr(simulate, "_CASES", cases)
    monkeypatch.setattr(simulate, "_ENERGY_OF_A_ROUND", 20.0)
    monkeypatch.setattr(workers, "_STARTS", 1)
    simulate.run(1, 1, tmp_path / "simulate.json")
    told = read_json(tmp_path / "simulate.json")
    photon, pion = told["rows"]
    assert photon["met"] is False
    assert pion["met"] is None
    assert photon["steps"]["hadrons"] == 0.0
    assert pion["steps"]["hadrons"] > 0.0
    for row in (photon, pion):
        assert sum(row["steps"].values()) == pytest.approx(1.0)
        assert sum(row["processes"].values()) == pytest.approx(1.0)
        assert row["showers_per_second"] == pytest.approx(1e3 / row["ms_per_gev"] / row["energy"])
    assert pion["processes"]["collisions"] > 0.0
    assert [start["particle"] for start in told["cold_start"]] == ["photon", "pi+"]
    for start in told["cold_start"]:
        assert 0.1 < start["processor"] < 1.1 * start["elapsed"]


def test_one_worker_and_two_make_the_same_library_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    library = {"number": 8, "showers_per_part": 4, "energy": (0.1, 0.2)}
    monkeypatch.setattr(workers, "_LIBRARY", library)
    monkeypatch.setattr(workers, "_WARMING", library)
    measured = workers.scaling(default_stage("simulate"), 2, 3)
    told = measured.told()
    assert len(measured.one) == len(measured.several) == 3
    assert told["least"] <= told["ratio"] <= told["most"]
    assert told["required"] == 1.8
    assert workers.Scaling(2, [4.0, 6.0, 8.0], [2.0, 4.0, 2.0]).told()["ratio"] == 2.0


def test_no_rounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="--rounds 0 and --workers 1 given"):
        simulate.run(0, 1, tmp_path / "simulate.json")
