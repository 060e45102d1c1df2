from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperhex import store
from hyperhex.config import Data, Detect
from hyperhex.detect.jets import Jets, tag
from hyperhex.detect.library import FullShowers, Library
from hyperhex.detect.particles import from_momenta
from hyperhex.detect.share import choose
from hyperhex.detect.source import _read
from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim.symmetry import move
from hyperhex.refine.calibration import Calibration, fit_calibration
from hyperhex.refine.network import ResponseNetwork
from hyperhex.refine.refiner import Refiner, Scale
from hyperhex.refine.response import detector_pattern, respond

PATCH = Patch(2, 1.2)
LAYERS, MIP = 3, 8e-5
PERFECT = Data(gain_spread=0, crosstalk=0, noise=0, dead_fraction=0, saturation=1e12, threshold=0)


def _refiner(calibration: Calibration) -> Refiner:
    network = ResponseNetwork(PATCH.neighbourhood(1), LAYERS, 5, 4)
    return Refiner(network, Scale(LAYERS, 2, 1.2, MIP, 0.5), calibration)


def _showers(library: dict[str, Library], data: Data, calibration: Calibration) -> FullShowers:
    pattern = detector_pattern(data, 3, LAYERS, PATCH.n_cells)
    return FullShowers(library, _refiner(calibration), data, pattern)


def _library(number: int, seed: int) -> Library:
    random = np.random.default_rng(seed)
    energy = np.exp(random.uniform(np.log(5), np.log(100), number))
    impact = 0.5 * random.uniform(-1, 1, (number, 2))
    radius = np.linalg.norm(PATCH.positions - impact[:, None], axis=2)
    shape = np.exp(-radius)[:, None] * np.array([0.2, 0.5, 0.3])[:, None]
    total = 0.013 * energy * random.normal(1, 0.02, number)
    deposits = total[:, None, None] * shape / shape.sum(axis=(1, 2), keepdims=True)
    return Library(deposits.astype(np.float32), energy, impact)


@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=6),
    rows=st.integers(1, 150),
    share=st.floats(0.01, 1.0),
)
def test_every_point_gives_its_share(sizes: list[int], rows: int, share: float) -> None:
    point = np.repeat(np.arange(len(sizes)), sizes)
    shards, shares = choose(point, rows, len(sizes), share)
    taken = np.isin(np.arange(len(point)) // rows, shards)
    for one, (size, found) in enumerate(zip(sizes, shares, strict=True)):
        if size:
            assert found == pytest.approx(taken[point == one].mean())
            assert found >= share - 1e-12
        else:
            assert found == 1.0


def test_a_tenth_is_not_much_more() -> None:
    shards, shares = choose(np.repeat([0, 1], [10_000, 5000]), 100, 2, 0.1)
    assert (len(shards), shares) == (15, [0.1, 0.1])


@pytest.mark.parametrize("operation", range(12))
def test_a_shower_of_the_library_is_moved_and_scaled(operation: int) -> None:
    one = _library(1, 4)
    source = _showers({"photon": one}, PERFECT, Calibration((0.0,), (0.0,)))
    impact = one.impact @ PATCH.symmetry_matrices[operation].T
    deposits, energy = source.draw("photon", 2.0 * one.energy, impact, 1)
    expected = 2.0 * move(PATCH, one.deposits, np.array([operation]))
    np.testing.assert_allclose(deposits, expected, rtol=1e-5)
    np.testing.assert_allclose(energy, expected.sum(), rtol=1e-5)


def test_the_nearest_showers_are_drawn_and_no_others() -> None:
    library = _library(2000, 5)
    # every shower says in a number of its own which one it is
    marked = np.zeros_like(library.deposits)
    marked[:, 0, 0] = np.arange(2000) + 1
    source = _showers(
        {"photon": Library(marked, library.energy, library.impact)},
        PERFECT,
        Calibration((0.0,), (0.0,)),
    )
    energy, impact = np.full(500, 30.0), np.tile([0.2, 0.1], (500, 1))
    deposits, _ = source.draw("photon", energy, impact, 1)
    # the mark is scaled by the ratio of energies, a few per cent
    of_each = (np.arange(2000) + 1) * 30.0 / library.energy
    found = {int(np.argmin(np.abs(of_each - value))) for value in deposits[:, 0, 0]}
    assert len(found) == 4
    assert np.all(np.abs(np.log(library.energy[list(found)] / 30.0)) < 0.15)


def test_full_showers_measure_what_the_refiner_was_calibrated_to() -> None:
    data, library = Data(threshold=0.5), _library(3000, 6)
    pattern = detector_pattern(data, 3, LAYERS, PATCH.n_cells)
    read = respond(
        library.deposits / MIP, data, pattern, PATCH.neighbours, np.random.default_rng(1)
    )
    calibration = fit_calibration(MIP * read.sum(axis=(1, 2)), library.energy)
    source = _showers({"electron": library}, data, calibration)
    asked = _library(2000, 7)
    deposits, energy = source.draw("electron", asked.energy, asked.impact, 2)
    assert deposits.shape == (2000, LAYERS, PATCH.n_cells)
    assert np.median(energy / asked.energy) == pytest.approx(1.0, abs=0.01)
    again, _ = source.draw("electron", asked.energy, asked.impact, 2)
    np.testing.assert_array_equal(deposits, again)
    # dead cells are the detector's, wherever the shower came from
    assert not deposits[:, ~pattern.alive].any()


def test_a_library_that_lacks_a_particle_is_named(tmp_path: Path) -> None:
    draft = store.create(
        tmp_path / "photon.zarr",
        {"energy": store.Array("float32", ("shower",), "GeV", "energy")},
        sizes={"shower": 1},
        rows={"shower": 1},
        settings={},
        attributes={"particle": "photon"},
    )
    draft.write("shower", 0, {"energy": np.ones(1)})
    draft.publish()
    with pytest.raises(StoreError, match=r"no library of \['electron'\]; add to simulate"):
        _read([draft.path])


def test_a_jet_more_in_one_event_moves_the_tags_of_no_other() -> None:
    random = np.random.default_rng(8)
    event = np.repeat(np.arange(50, dtype=np.int32), 4)
    values = [random.uniform(30, 300, 200) for _ in range(2)]
    jets = Jets(event, *values, *random.uniform(-2, 2, (2, 200)), np.zeros(200, np.bool_))
    nothing = from_momenta(
        *(np.zeros(0, kind) for kind in (np.int32, np.int32, np.uint8)), np.zeros((0, 4))
    )
    settings: Any = Detect().jets.model_copy(update={"tag_light": 0.5})
    whole = tag(jets, nothing, 50, settings, np.random.default_rng(9))
    kept = np.arange(200) != 41
    fewer = tag(jets.where(kept), nothing, 50, settings, np.random.default_rng(9))
    others = event != event[41]
    np.testing.assert_array_equal(whole.tagged[others], fewer.tagged[others[kept]])
    assert 0.3 < whole.tagged.mean() < 0.7
