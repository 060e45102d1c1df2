from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.bench import fastsim
from hyperhex.config import default_stage
from hyperhex.errors import BenchmarkError
from hyperhex.fastsim.full_simulation import transport_of
from hyperhex.provenance import read_json
from hyperhex.simulate.library import Showers

SPECTRA = (("log 1-2 GeV", (1.0, 2.0), 1e9), ("1 GeV", (1.0, 1.0), None))
SECONDS = {"hits": 1e-4, "cells": 2e-4}


@dataclass(frozen=True)
class Particles:
    """What is asked of full showers."""

    energy: NDArray
    impact: NDArray


class Simulation:
    """Says that it was asked, and by whom."""

    particle = "photon"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full showers for real, fast ones of known times: hits in large batches are the fastest."""

    def fast(_: Simulation, full: Showers, batch: int, form: str, block: int) -> float:
        assert ((full.energy >= 1.0 - 1e-6) & (full.energy <= 2.0)).all()
        assert block in (0, 1, 2)
        return SECONDS[form] * (10.0 if batch == 1 else 256 / batch)

    monkeypatch.setattr(fastsim, "_SPECTRA", SPECTRA)
    monkeypatch.setattr(fastsim, "_SECONDS", 0.01)
    monkeypatch.setattr(fastsim, "load_generator", lambda _: Simulation())
    monkeypatch.setattr(fastsim, "_fast", fast)


@pytest.mark.usefixtures("timed")
def test_every_form_and_batch_says_how_fast_and_the_best_is_required(tmp_path: Path) -> None:
    fastsim.run([Path("model")], 3, tmp_path / "new/fastsim.json")
    told = read_json(tmp_path / "new/fastsim.json")
    assert told["threads"] == 1
    assert told["machine"]
    rows = told["rows"]
    assert len(rows) == len(SPECTRA) * len(fastsim._BATCHES) * 2
    for row in rows:
        assert row["showers_per_second"] > 0
        assert row["speed_up"] == pytest.approx(1e-3 * row["full_ms"] * row["showers_per_second"])
    (asked,) = (row for row in rows if row["required"])
    assert (asked["spectrum"], asked["form"], asked["batch"]) == ("log 1-2 GeV", "hits", 4096)
    assert asked["met"] is False
    assert all(row["met"] is None for row in rows if row is not asked)


@pytest.mark.parametrize(("particle", "giga"), [("photon", 1.0), ("pi+", 2.0)])
def test_full_showers_of_one_energy_are_timed(particle: str, giga: float) -> None:
    transport = transport_of(default_stage("simulate").simulate, particle)
    made, seconds = fastsim._full(transport, (giga, giga), 1, 3)
    np.testing.assert_allclose(made.energy, giga, rtol=1e-6)
    assert len(made.energy) == 3
    assert 0 < seconds < 60


@pytest.mark.parametrize("form", ["hits", "cells"])
def test_fast_showers_are_of_the_particles_of_the_full_ones(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[NDArray, NDArray, int]] = []

    class Told:
        def hits(self, energy: NDArray, impact: NDArray, _: int, batch: int) -> None:
            assert form == "hits"
            asked.append((energy, impact, batch))

        def sample(self, energy: NDArray, impact: NDArray, _: int, batch: int) -> None:
            assert form == "cells"
            asked.append((energy, impact, batch))

    monkeypatch.setattr(fastsim, "_FAST", 50)
    full = Particles(np.array([1.0, 5.0, 20.0]), np.array([[0.1, 0.0], [0.2, 0.3], [0.0, 0.4]]))
    assert fastsim._fast(Told(), full, 16, form, 0) >= 0.0
    warming, timed = asked
    assert len(warming[0]) == 16
    assert (timed[0].shape, timed[1].shape, timed[2]) == ((50,), (50, 2), 16)
    for energy, impact in zip(*timed[:2], strict=True):
        np.testing.assert_array_equal(impact, full.impact[full.energy == energy][0])
    assert set(timed[0]) == set(full.energy)


def test_no_rounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="--rounds 0 given"):
        fastsim.run([], 0, tmp_path / "fastsim.json")
