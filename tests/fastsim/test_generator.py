from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim.compound_poisson import HitSpectrum
from hyperhex.fastsim.generator import FastSimulation, Generator, Scale, load_generator
from hyperhex.fastsim.library import Sample, Showers, prepare
from hyperhex.fastsim.template import Template, hats

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]
Parts = tuple[Template, HitSpectrum, Showers]

MIP = 8.5e-5


@pytest.fixture(scope="module")
def parts(patch: Patch, toy: Toy) -> Parts:
    samples = [Sample(*toy(600, 1)), Sample(*toy(600, 2, depth=1.5))]
    return prepare(patch, samples)


@pytest.fixture
def fast(parts: Parts) -> FastSimulation:
    template, spectrum, _ = parts
    torch.manual_seed(1)
    scale = Scale(3, 1.2, MIP, 0.5, (1.0, 100.0), ("photon", "electron"))
    return FastSimulation(Generator(template, 8, (32, 32)), spectrum, scale)


def conditions(number: int, seed: int = 5) -> tuple[NDArray, NDArray]:
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(0, 4.6, number)), random.uniform(-0.5, 0.5, (number, 2))


def test_gradient_reaches_every_parameter(fast: FastSimulation) -> None:
    generator = fast.generator.train()
    mean, steady = generator(
        torch.randn(6, 8), torch.rand(6) * 4, torch.rand(6, 2) * 0.3, torch.tensor([0, 1] * 3)
    )
    assert mean.shape == steady.shape == (6, 4, 37)
    assert ((steady >= 0) & (steady < 1)).all()
    (mean * torch.rand_like(mean)).sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_energy_is_the_templates_whatever_the_noise(fast: FastSimulation) -> None:
    log_energy, kind = torch.rand(20) * 4, torch.zeros(20, dtype=torch.long)
    for seed in (1, 2):
        noise = torch.randn(20, 8, generator=torch.Generator().manual_seed(seed)) * 3
        mean, _ = fast.generator(noise, log_energy, torch.rand(20, 2) * 0.3, kind)
        expected = fast.generator.template.visible(log_energy, kind)
        torch.testing.assert_close(mean.sum((1, 2)), expected, rtol=1e-4, atol=0)


def test_mean_response_is_the_librarys(fast: FastSimulation, parts: Parts) -> None:
    showers = parts[2]
    chosen = showers.particle == 0
    energy = np.exp(showers.log_energy[chosen].numpy().astype(np.float64))
    drawn = fast.sample("photon", energy, showers.impact[chosen].numpy(), seed=1) / MIP
    ratio = (drawn.sum((1, 2)) / energy).mean()
    expected = (showers.deposits[chosen].sum((1, 2)).numpy() / energy).mean()
    assert ratio == pytest.approx(expected, rel=0.02)


def test_samples_have_shape_threshold_and_units(fast: FastSimulation) -> None:
    energy, impact = conditions(300)
    showers = fast.sample("electron", energy, impact, seed=3)
    assert showers.shape == (300, 4, 37)
    assert showers.dtype == np.float32
    assert showers[showers > 0].min() >= 0.5 * MIP * (1 - 1e-6)
    assert fast.sample("electron", energy[:0], impact[:0], seed=3).shape == (0, 4, 37)


def test_same_seed_same_bytes_on_any_number_of_threads(fast: FastSimulation) -> None:
    energy, impact = conditions(700)
    first = fast.sample("photon", energy, impact, seed=3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        again = fast.sample("photon", energy, impact, seed=3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(first, again)
    assert (first != fast.sample("photon", energy, impact, seed=4)).any()
    assert (first != fast.sample("electron", energy, impact, seed=3)).any()


def test_full_blocks_do_not_depend_on_what_follows(fast: FastSimulation) -> None:
    energy, impact = conditions(700)
    whole = fast.sample("photon", energy, impact, seed=3)
    np.testing.assert_array_equal(whole[:512], fast.sample("photon", energy[:512], impact[:512], 3))


def test_showers_turn_with_the_impact_point(fast: FastSimulation, patch: Patch) -> None:
    """Equal bytes: the network only ever sees the wedge."""
    point = np.array([0.35, 0.12])
    images = patch.symmetry_matrices @ point
    for operation in range(12):
        energy = np.array([20.0])
        here = fast.sample("photon", energy, point[None], seed=9)
        there = fast.sample("photon", energy, images[operation][None], seed=9)
        np.testing.assert_array_equal(there, here[..., patch.symmetries[operation]])


def test_energies_beyond_the_library_are_scaled(fast: FastSimulation) -> None:
    impact = np.zeros((400, 2))
    edge, beyond = (
        fast.sample("photon", np.full(400, energy), impact, seed=2) for energy in (100.0, 300.0)
    )
    # what was below the threshold before may be above it when scaled
    np.testing.assert_allclose(beyond[edge > 0], 3 * edge[edge > 0], rtol=1e-5)
    assert beyond[edge == 0].max() < 1.5 * MIP


def test_what_was_saved_is_loaded(fast: FastSimulation, tmp_path: Path) -> None:
    energy, impact = conditions(50)
    fast.save(tmp_path, {"settings": {"seed": 1}})
    again = load_generator(tmp_path)
    assert again.scale == fast.scale
    np.testing.assert_array_equal(
        again.sample("photon", energy, impact, 1), fast.sample("photon", energy, impact, 1)
    )


def test_faults_are_named(fast: FastSimulation, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="hyperhex fastsim fit"):
        load_generator(tmp_path)
    with pytest.raises(ValueError, match="knows"):
        fast.sample("muon", np.ones(1), np.zeros((1, 2)), 1)
    with pytest.raises(ValueError, match="positive"):
        fast.sample("photon", -np.ones(1), np.zeros((1, 2)), 1)


def test_hats_interpolate_linearly() -> None:
    knots = torch.tensor([0.0, 1.0, 3.0])
    weight = hats(torch.tensor([-1.0, 0.25, 2.0, 9.0]), knots)
    torch.testing.assert_close(weight @ knots, torch.tensor([0.0, 0.25, 2.0, 3.0]))
    torch.testing.assert_close(weight.sum(1), torch.ones(4))
