from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hyperhex.config import Calorimeter, Resolution, Tracker
from hyperhex.detect.particles import Particles, from_momenta
from hyperhex.detect.response import (
    measure_hadrons,
    measure_muons,
    resolution,
    smear,
    track_resolution,
)

Builder = Callable[..., Particles]


@pytest.mark.parametrize("relative", [0.02, 0.3, 0.9])
def test_smearing_keeps_the_mean_and_has_the_width(relative: float) -> None:
    value = np.full(200_000, 5.0)
    drawn = smear(value, np.full_like(value, relative), np.random.default_rng(1))
    assert np.all(drawn >= 0)
    assert drawn.mean() == pytest.approx(5.0, rel=5 * relative / np.sqrt(len(value)))
    assert drawn.std() == pytest.approx(5.0 * relative, rel=0.02)


def test_resolutions_are_quadratic_sums() -> None:
    calorimeter = resolution(np.array([4.0, 1e8]), Resolution(stochastic=0.6, constant=0.08))
    np.testing.assert_allclose(calorimeter, [np.hypot(0.3, 0.08), 0.08], rtol=1e-3)
    track = track_resolution(np.array([0.0, 100.0]), Tracker(constant=0.03, slope=4e-4))
    np.testing.assert_allclose(track, [0.03, 0.05])


def test_charges_decide_who_leaves_a_track(particles: Builder) -> None:
    n = 3000
    rows = [(0, 211, 0, 2.0, 0.5, 0.1)] * n + [(0, 130, 0, 2.0, 0.5, 0.1)] * n
    clusters, tracks = measure_hadrons(
        particles(rows), Calorimeter(), Tracker(), np.random.default_rng(2)
    )
    expected = n * 0.95 * 0.4
    assert len(tracks.event) == pytest.approx(expected, abs=5 * np.sqrt(expected))
    assert len(tracks.event) + len(clusters.event) == 2 * n
    np.testing.assert_allclose(tracks.eta, 0.5)
    assert tracks.pt.mean() == pytest.approx(2.0, rel=0.01)
    assert clusters.energy.mean() == pytest.approx(2.0 * np.cosh(0.5), rel=0.04)


def test_soft_charged_hadrons_are_lost_and_forward_ones_have_no_track(particles: Builder) -> None:
    rows = [(0, 211, 0, 0.3, 0.0, 0.0), (0, 130, 0, 0.3, 0.0, 0.0)] + [
        (0, -321, 0, 5.0, 2.6, 0.0)
    ] * 50
    clusters, tracks = measure_hadrons(
        particles(rows), Calorimeter(), Tracker(), np.random.default_rng(2)
    )
    assert len(tracks.event) == 0
    assert len(clusters.event) == 51


def test_muons_are_measured_by_the_tracker_alone(particles: Builder) -> None:
    rows = [(0, 13, 0, 50.0, 0.3, 1.0)] * 2000 + [(1, -13, 0, 50.0, 2.9, 1.0)]
    muons, measured = measure_muons(particles(rows), Tracker(), 2.5, np.random.default_rng(3))
    assert len(muons) == 2000
    width = np.hypot(0.01, 2e-4 * 50)
    assert np.std(measured.pt / muons.pt) == pytest.approx(width, rel=0.1)


def test_a_particle_along_the_beam_is_outside_everything() -> None:
    made = from_momenta(
        np.zeros(2, np.int32),
        np.array([22, 22], np.int32),
        np.zeros(2, np.uint8),
        np.array([[0.0, 0.0, 7.0, 7.0], [3.0, 4.0, 0.0, 5.0]]),
    )
    assert abs(made.eta[0]) > 20
    np.testing.assert_allclose([made.pt[1], made.eta[1], made.phi[1]], [5.0, 0.0, np.arctan2(4, 3)])
