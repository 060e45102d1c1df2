from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hyperhex.config import Detect
from hyperhex.config import Jets as Settings
from hyperhex.detect.calorimeter import Towers
from hyperhex.detect.jets import Jets, calibrate, cluster, tag
from hyperhex.detect.particles import Particles, first_rows
from hyperhex.detect.reconstruct import Detector, detect
from hyperhex.detect.showers import ShowerSource
from hyperhex.kernels.cones import closest, cone_sums

Builder = Callable[..., Particles]
JetRows = Callable[..., list[tuple[int, int, int, float, float, float]]]
Seeds = Callable[[str, int], int]
Streams = Callable[[str], np.random.Generator]


def _towers(first: list[int], energy: list[float], eta: list[float], phi: list[float]) -> Towers:
    return Towers(np.array(first), *(np.array(column, float) for column in (energy, eta, phi)))


def test_two_towers_within_the_radius_are_one_jet_also_across_pi() -> None:
    towers = _towers(
        [0, 0, 3], [50.0, 30.0, 40.0], [0.0, 0.0, 0.0], [np.pi - 0.1, -np.pi + 0.1, 0.0]
    )
    jets = cluster(towers, 0.4, 20.0)
    assert list(jets.event) == [1, 1]
    np.testing.assert_allclose(np.sort(jets.energy), [40.0, 80.0])
    mass = jets.energy**2 - (jets.pt * np.cosh(jets.eta)) ** 2
    np.testing.assert_allclose(np.sort(mass), [0.0, 2 * 50 * 30 * (1 - np.cos(0.2))], atol=1e-9)


def test_clustering_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    cluster(_towers([0, 1], [50.0], [0.0], [0.0]), 0.4, 20.0)
    assert capfd.readouterr().out == ""


def test_calibration_inverts_the_response() -> None:
    true = np.array([30.0, 100.0])
    measured = 0.9 * true - 4.0
    jets = Jets(
        np.zeros(2, np.int32), measured * 2, measured, np.zeros(2), np.zeros(2), np.zeros(2, bool)
    )
    calibrated = calibrate(jets, (0.9, 4.0))
    np.testing.assert_allclose(calibrated.pt, true)
    np.testing.assert_allclose(calibrated.energy, 2 * true)


@pytest.mark.parametrize(("kind", "expected"), [(1, 0.72), (2, 0.12), (None, 0.01)])
def test_tag_rates(kind: int | None, expected: float, particles: Builder) -> None:
    n = 20_000
    jets = Jets(
        np.arange(n, dtype=np.int32),
        *(np.full(n, 50.0), np.full(n, 50.0), np.zeros(n), np.full(n, 3.1)),
        np.zeros(n, bool),
    )
    # in event order; the C hadron beside a B hadron comes from its decay and must not count
    rows = [(e, 521, 1, 30.0, 0.1, -3.1) for e in range(n)] if kind == 1 else [(0, 211, 0, 1, 0, 0)]
    if kind is not None:
        rows += [(e, 421, 2, 30.0, 0.1, -3.1) for e in range(n)]
    tagged = tag(jets, particles(rows), n, Settings(), np.random.default_rng(5)).tagged
    assert tagged.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / n))
    forward = Jets(jets.event, jets.energy, jets.pt, jets.eta + 2.6, jets.phi, jets.tagged)
    assert not tag(forward, particles(rows), n, Settings(), np.random.default_rng(5)).tagged.any()


def test_a_dijet_is_found_where_it_was_made(
    particles: Builder, jet: JetRows, source: ShowerSource, seeds: Seeds, streams: Streams
) -> None:
    rng = np.random.default_rng(7)
    events = 40
    rows, axes = [], []
    for event in range(events):
        eta, phi = rng.uniform(-2, 2, 2), rng.uniform(-np.pi, np.pi)
        axes.append([(eta[0], phi), (eta[1], (phi + 2 * np.pi) % (2 * np.pi) - np.pi)])
        rows += jet(event, 200.0, eta[0], phi, rng) + jet(event, 150.0, eta[1], -phi + 1.5, rng)
        axes[-1][1] = (eta[1], (-phi + 1.5 + np.pi) % (2 * np.pi) - np.pi)
    settings = Detect()
    made = particles(rows)
    seen = detect(made, events, settings, Detector.of(settings), source, seeds, streams)
    found = cluster(seen.towers, 0.4, 60.0)
    event = np.arange(events, dtype=np.int32)
    apart = np.hypot(
        [a[0][0] - a[1][0] for a in axes],
        [(a[0][1] - a[1][1] + np.pi) % (2 * np.pi) - np.pi for a in axes],
    )
    clear = apart > 1.0
    assert clear.sum() > 20
    for number, pt in ((0, 200.0), (1, 150.0)):
        eta, phi = (np.array([a[number][k] for a in axes]) for k in (0, 1))
        first = np.searchsorted(found.event, np.arange(events + 1))
        row, distance = closest(event[clear], eta[clear], phi[clear], first, found.eta, found.phi)
        assert np.median(distance) < 0.1
        assert np.median(found.pt[row]) == pytest.approx(pt, rel=0.08)


def test_cones_against_all_pairs() -> None:
    rng = np.random.default_rng(8)
    event = np.sort(rng.integers(0, 5, 60)).astype(np.int32)
    others = np.sort(rng.integers(0, 5, 80))
    first = np.searchsorted(others, np.arange(6))
    eta, phi, other_eta, other_phi = (rng.uniform(-3, 3, n) for n in (60, 60, 80, 80))
    value = rng.random(80)
    dphi = np.angle(np.exp(1j * (phi[:, None] - other_phi)))
    distance = np.hypot(eta[:, None] - other_eta, dphi)
    distance[event[:, None] != others] = np.inf
    sums = cone_sums(event, eta, phi, first, other_eta, other_phi, value, 1.0)
    np.testing.assert_allclose(sums, np.where(distance < 1.0, value, 0.0).sum(axis=1))
    row, nearest = closest(event, eta, phi, first, other_eta, other_phi)
    np.testing.assert_array_equal(row, distance.argmin(axis=1))
    np.testing.assert_allclose(nearest, distance.min(axis=1))


def test_calibrated_jets_have_the_true_scale(
    particles: Builder, jet: JetRows, source: ShowerSource, seeds: Seeds, streams: Streams
) -> None:
    rng = np.random.default_rng(17)
    events = 200
    rows = []
    for event in range(events):
        phi = rng.uniform(-np.pi, np.pi)
        for pt, turn in ((60.0, 0.0), (250.0, 2.5)):
            at = (phi + turn + np.pi) % (2 * np.pi) - np.pi
            rows += jet(event, pt, rng.uniform(-2, 2), at, rng)
    settings, made = Detect(), particles(rows)
    seen = detect(made, events, settings, Detector.of(settings), source, seeds, streams)
    found = calibrate(cluster(seen.towers, 0.4, 20.0), settings.jets.response)
    exact = Towers(first_rows(made.event, events), made.energy, made.eta, made.phi)
    true = cluster(exact, 0.4, 80.0)
    row, distance = closest(
        true.event, true.eta, true.phi, first_rows(found.event, events), found.eta, found.phi
    )
    matched = distance < 0.2
    assert matched.mean() > 0.97
    response = found.pt[row[matched]] / true.pt[matched]
    for hard in (False, True):
        chosen = response[(true.pt[matched] > 150) == hard]
        width = np.subtract(*np.quantile(chosen, [0.84, 0.16])) / 2
        assert np.median(chosen) == pytest.approx(1.0, abs=0.02)
        assert width < (0.06 if hard else 0.12)
