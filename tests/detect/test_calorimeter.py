from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from hyperhex.config import Calorimeter, Detect
from hyperhex.detect.calorimeter import gather, read_out
from hyperhex.detect.particles import Particles
from hyperhex.detect.response import Measured
from hyperhex.detect.showers import Hits, ShowerSource, draw_showers
from hyperhex.detector.cylinder import Cylinder

Builder = Callable[..., Particles]
Seeds = Callable[[str, int], int]

GRID = Cylinder(180, 3.0)
TOWERS = Cylinder(36, 3.0)


def _hits(event: list[int], cell: list[int], energy: list[float]) -> Hits:
    return Hits(np.array(event, np.int32), np.array(cell, np.int32), np.array(energy, float))


def test_noise_lifts_the_expected_number_of_empty_cells() -> None:
    calorimeter = Calorimeter(noise=0.01, threshold=0.025)
    events = 300
    read = read_out(_hits([], [], []), events, GRID, calorimeter, np.random.default_rng(1))
    expected = events * GRID.n_cells * norm.sf(2.5)
    assert len(read.energy) == pytest.approx(expected, abs=5 * np.sqrt(expected))
    assert read.energy.min() >= 0.025
    # mean of the tail of a Gaussian
    assert read.energy.mean() == pytest.approx(0.01 * norm.pdf(2.5) / norm.sf(2.5), rel=0.01)


def test_cells_are_summed_before_the_threshold() -> None:
    calorimeter = Calorimeter(noise=1e-6, threshold=0.04)
    hits = _hits([0, 0, 0, 1], [5, 5, 7, 5], [0.03, 0.03, 0.03, 0.5])
    read = read_out(hits, 2, GRID, calorimeter, np.random.default_rng(1))
    assert list(read.event) == [0, 1]
    assert list(read.cell) == [5, 5]
    np.testing.assert_allclose(read.energy, [0.06, 0.5], atol=1e-5)


def test_towers_conserve_energy_and_point_at_its_centre() -> None:
    rng = np.random.default_rng(4)
    cell = rng.integers(0, GRID.n_cells, 500)
    hits = Hits(
        np.sort(rng.integers(0, 3, 500)).astype(np.int32), cell.astype(np.int32), rng.random(500)
    )
    none = Measured(np.zeros(0, np.int32), *(np.zeros(0),) * 3)
    towers = gather(hits, none, 3, GRID, TOWERS)
    np.testing.assert_allclose(
        np.bincount(towers.event, towers.energy), np.bincount(hits.event, hits.energy)
    )
    one = gather(_hits([0, 0], [900, 901], [1.0, 3.0]), none, 1, GRID, TOWERS)
    if len(one.energy) == 1:
        assert one.phi[0] == pytest.approx(GRID.phi[900] + 0.75 * GRID.pitch)
    assert one.energy.sum() == pytest.approx(4.0)


def test_a_tower_across_phi_of_pi_points_at_its_middle() -> None:
    track = Measured(
        np.zeros(2, np.int32), np.zeros(2), np.array([np.pi - 0.01, -np.pi + 0.01]), np.ones(2)
    )
    towers = gather(_hits([], [], []), track, 1, GRID, TOWERS)
    mean = np.angle(np.sum(towers.energy * np.exp(1j * towers.phi)))
    assert abs(abs(mean) - np.pi) < 1e-9


def test_the_image_holds_the_transverse_energy_of_the_towers() -> None:
    track = Measured(
        np.array([0, 0, 1], np.int32),
        np.array([0.0, 1.0, 2.9]),
        np.array([3.1, -3.1, 0.0]),
        np.array([10.0, 20.0, 30.0]),
    )
    image = gather(_hits([], [], []), track, 2, GRID, TOWERS).image(Cylinder(20, 2.5))
    np.testing.assert_allclose(image.sum(axis=1), [10 + 20 / np.cosh(1.0), 0.0], rtol=1e-6)


def test_showers_keep_their_calibrated_energy_and_place(
    particles: Builder, source: ShowerSource, seeds: Seeds
) -> None:
    settings = Detect(network_energy=2.0)
    grid = Cylinder(720, 4.9)
    rng = np.random.default_rng(6)
    rows = [
        (int(e), int(pdg), 0, float(pt), float(eta), float(phi))
        for e, pdg, pt, eta, phi in zip(
            np.sort(rng.integers(0, 4, 400)),
            rng.choice([22, 11, -11], 400),
            rng.uniform(0.5, 300, 400),
            rng.uniform(-4.5, 4.5, 400),
            rng.uniform(-np.pi, np.pi, 400),
            strict=True,
        )
    ]
    made = particles(rows)
    hits, energy = draw_showers(made, settings, grid, source, seeds, rng)
    # patches that stick out beyond the last row lose energy; none here, the network ends before
    assert hits.energy.sum() == pytest.approx(energy.sum(), rel=1e-6)
    assert np.median(energy / made.energy) == pytest.approx(1.0, abs=0.02)
    hard = made.energy > 100
    spread = np.std(
        energy[hard & (np.abs(made.eta) < 3)] / made.energy[hard & (np.abs(made.eta) < 3)]
    )
    assert spread == pytest.approx(0.02, rel=0.4)


def test_one_shower_lands_around_its_particle(
    particles: Builder, source: ShowerSource, seeds: Seeds
) -> None:
    grid = Cylinder(720, 4.9)
    made = particles([(0, 22, 0, 40.0, 0.7, 3.14)])
    hits, _ = draw_showers(made, Detect(), grid, source, seeds, np.random.default_rng(1))
    deta, dphi = grid.offset(hits.cell, 0.7, 3.14)
    assert abs(np.average(deta, weights=hits.energy)) < 0.3 * grid.pitch
    assert abs(np.average(dphi, weights=hits.energy)) < 0.3 * grid.pitch
