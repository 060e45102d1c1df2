from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.config import Fastsim
from hyperhex.detector.patch import Patch
from hyperhex.errors import TrainingError
from hyperhex.fastsim import adversarial, calibration
from hyperhex.fastsim.adversarial import Trainer
from hyperhex.fastsim.calibration import calibrate
from hyperhex.fastsim.compound_poisson import HitSpectrum
from hyperhex.fastsim.critic import Critic, gradient_penalty
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Sample, Showers, prepare
from hyperhex.fastsim.template import Template

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]
Parts = tuple[Template, HitSpectrum, Showers]

SMALL = Fastsim(
    iterations=40, batch=96, noise=8, generator_widths=[32], critic_widths=[32, 16],
    critic_steps=2, generator_rate=2e-3, critic_rate=2e-3, average=0.9, report_every=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def parts(patch: Patch, toy: Toy) -> Parts:
    return prepare(patch, [Sample(*toy(1200, 1))])


def trainer(parts: Parts, patch: Patch, settings: Fastsim = SMALL, seed: int = 1) -> Trainer:
    template, spectrum, showers = parts
    torch.manual_seed(seed)
    generator = Generator(template, settings.noise, tuple(settings.generator_widths))
    return Trainer(generator, spectrum, showers, patch, settings, seed)


def test_training_moves_the_generator_towards_the_library(parts: Parts, patch: Patch) -> None:
    """Starts from layer fractions spoiled on purpose."""
    training = trainer(parts, patch)
    spoiled = torch.linspace(0.8, -0.8, 4)
    for network in (training.generator, training.average):
        network.layers.bias.data += spoiled
    before = training._distance()
    after = [progress.distance for progress in training.run()][-1]
    assert after < 0.7 * before


def test_same_seed_same_network(parts: Parts, patch: Patch) -> None:
    settings = SMALL.model_copy(update={"iterations": 4})
    results = []
    for _ in range(2):
        training = trainer(parts, patch, settings)
        assert [p.iteration for p in training.run()] == [4]
        results.append(training.average.state_dict())
    for name, tensor in results[0].items():
        torch.testing.assert_close(tensor, results[1][name], rtol=0, atol=0)


def test_critic_step_lowers_its_loss_and_reaches_every_parameter(
    parts: Parts, patch: Patch
) -> None:
    training = trainer(parts, patch)
    optimiser = torch.optim.Adam(training.critic.parameters(), 1e-3)
    training._critic_step(optimiser, 0)
    for name, parameter in training.critic.named_parameters():
        # the last bias adds the same to both means, so that it has no effect
        assert parameter.grad.abs().sum() > 0 or name == "network.4.bias", name


def test_features_of_the_library_are_standard(parts: Parts, patch: Patch) -> None:
    training = trainer(parts, patch)
    features = training._inputs(training.showers)[:, : training.critic.n_features]
    assert features.mean(0).abs().max() < 0.1
    assert features.std(0).max() < 1.5


def test_networks_work_on_the_device_of_their_inputs(parts: Parts, patch: Patch) -> None:
    """What is made with no device in mind would be on another one, and meet nothing there."""
    training = trainer(parts, patch)
    rows = training.showers.rows(slice(8))
    noise, energy = torch.zeros(8, 8), rows.deposits
    with torch.device("meta"):
        mean, steady = training.generator(noise, rows.log_energy, rows.impact, rows.particle)
        tables = training._hit_mean, training._log_weights
        channels = adversarial.sampled(mean, steady, energy, *tables)
        training.critic(training._assemble(channels, rows)).sum().backward()
    assert all(p.grad.isfinite().all() for p in training.generator.parameters())


def test_penalty_of_a_linear_critic_is_known() -> None:
    critic = Critic(5, 2, (4,))
    critic.network = torch.nn.Linear(6, 1)
    real, fake = torch.randn(64, 5), torch.randn(64, 5)
    with torch.no_grad():
        critic.network.weight[0, 5] = 0.0
    slope = critic.network.weight[0, :5].norm()
    penalty = gradient_penalty(critic, real, fake, torch.rand(64, 1))
    torch.testing.assert_close(penalty, (slope - 1).square())


def test_divergence_stops_at_once(parts: Parts, patch: Patch) -> None:
    training = trainer(parts, patch)
    with torch.no_grad():
        training.critic.network[0].weight.fill_(np.nan)
    with pytest.raises(TrainingError, match="diverged at iteration 1: critic loss nan"):
        list(training.run())


def test_calibration_restores_the_mean_profile(parts: Parts, patch: Patch) -> None:
    """Layer logits spoiled on purpose, as training might leave them."""
    _, spectrum, showers = parts
    template = copy.deepcopy(parts[0])
    torch.manual_seed(1)
    generator = Generator(template, 8, (16,))
    with torch.no_grad():
        generator.layers.bias += torch.linspace(0.15, -0.15, 4)
    calibrate(patch, generator, spectrum, showers, np.random.default_rng(1))
    fast = calibration._generated(generator, spectrum, showers, np.random.default_rng(2))
    reached, expected = (
        np.mean([s.sum(1) / s.sum() for s in sample if s.any()], axis=0)
        for sample in (fast, showers.deposits.numpy())
    )
    np.testing.assert_allclose(reached, expected, rtol=0.03)
