from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.config import Detect
from hyperhex.detect.particles import Particles, from_momenta
from hyperhex.detector.patch import Patch
from hyperhex.random import stream

VISIBLE = 0.0127


class ToyShowers:
    """20 %/sqrt(E) of a known mean, shared by the cells by their distance from the impact."""

    patch = Patch(3, 1.2)

    def draw(
        self, particle: str, energy: NDArray[np.float64], impact: NDArray[np.float64], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        rng = np.random.default_rng([seed, len(particle)])
        distance = np.linalg.norm(self.patch.positions - impact[:, None, :], axis=2)
        shape = np.exp(-distance / 0.8)
        shape /= shape.sum(axis=1, keepdims=True)
        total = energy * VISIBLE * (1 + 0.2 / np.sqrt(energy) * rng.standard_normal(len(energy)))
        cells = np.maximum(total, 0.0)[:, None] * shape
        deposits = np.stack([0.3 * cells, 0.7 * cells], axis=1).astype(np.float32)
        return deposits, deposits.sum(axis=(1, 2)) / VISIBLE


def make_particles(rows: list[tuple[int, int, int, float, float, float]]) -> Particles:
    """Massless particles from rows of event, pdg, kind, pT, eta, phi."""
    event, pdg, kind, pt, eta, phi = (np.array(column) for column in zip(*rows, strict=True))
    momentum = np.stack(
        [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], axis=1
    )
    return from_momenta(
        event.astype(np.int32), pdg.astype(np.int32), kind.astype(np.uint8), momentum
    )


def make_jet(
    event: int, pt: float, eta: float, phi: float, rng: np.random.Generator, particles: int = 20
) -> list[tuple[int, int, int, float, float, float]]:
    """Rows of a jet: hadrons and photons of a total pT about an axis."""
    share = rng.dirichlet(np.ones(particles)) * pt
    pdg = rng.choice([211, -211, 22, 130], particles, p=[0.3, 0.3, 0.25, 0.15])
    deta, dphi = rng.normal(0.0, 0.07, (2, particles))
    return [
        (event, int(code), 0, float(one), float(eta + a), float((phi + b + pi) % (2 * pi) - pi))
        for code, one, a, b in zip(pdg, share, deta, dphi, strict=True)
    ]


@pytest.fixture
def settings() -> Detect:
    return Detect()


@pytest.fixture
def source() -> ToyShowers:
    return ToyShowers()


@pytest.fixture
def streams() -> Callable[[str], np.random.Generator]:
    return lambda name: stream(11, "detect", "toy", 0, name)


@pytest.fixture
def particles() -> Callable[[list[tuple[int, int, int, float, float, float]]], Particles]:
    return make_particles


@pytest.fixture
def jet() -> Callable[..., list[tuple[int, int, int, float, float, float]]]:
    return make_jet


@pytest.fixture
def seeds() -> Callable[[str, int], int]:
    return lambda particle, block: 100 * len(particle) + block
