from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hyperhex.config import Fastsim
from hyperhex.errors import TrainingError
from hyperhex.fastsim import calibration
from hyperhex.fastsim.adversarial import Trainer
from hyperhex.fastsim.calibration import calibrate
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.critic import Critic, derived_features, gradient_penalty
from hyperhex.kernels.hits import HitTables

SMALL = Fastsim(
    iterations=40, batch=96, noise=8, generator_widths=[32], critic_widths=[32, 16],
    critic_steps=2, generator_rate=2e-3, critic_rate=2e-3, average=0.9, report_every=20,
)  # fmt: skip


def trainer(fitted: Any, settings: Fastsim = SMALL, seed: int = 1) -> Trainer:
    generator = fitted.generator(settings.noise, tuple(settings.generator_widths))
    told = fitted.tables, fitted.showers, fitted.patch, settings, seed
    return Trainer(generator, *told)


def test_training_moves_the_generator_towards_the_library(fitted: Any) -> None:
    """Starts from showers that are too wide on purpose."""
    training = trainer(fitted)
    for network in (training.generator, training.average):
        network.head.bias.data += 0.5 * torch.from_numpy(fitted.patch.ring).float().repeat(4)
    before = training._distance()
    after = [progress.distance for progress in training.run()][-1]
    assert after < 0.7 * before


def test_same_seed_same_network(fitted: Any) -> None:
    settings = SMALL.model_copy(update={"iterations": 4})
    results = []
    for _ in range(2):
        training = trainer(fitted, settings)
        assert [p.iteration for p in training.run()] == [4]
        results.append(training.average.state_dict())
    for name, tensor in results[0].items():
        torch.testing.assert_close(tensor, results[1][name], rtol=0, atol=0)


def test_critic_step_lowers_its_loss_and_reaches_every_parameter(fitted: Any) -> None:
    training = trainer(fitted)
    optimiser = torch.optim.Adam(training.critic.parameters(), 1e-3)
    training._critic_step(optimiser, 0)
    for name, parameter in training.critic.named_parameters():
        # the last bias adds the same to both means, so that it has no effect
        assert parameter.grad.abs().sum() > 0 or name == "network.1.bias", name


def test_features_of_the_library_are_standard(fitted: Any) -> None:
    training = trainer(fitted)
    features = training._standard
    assert features.mean(0).abs().max() < 0.1
    assert features.std(0).max() < 1.5


def test_networks_work_on_the_device_of_their_inputs(fitted: Any) -> None:
    """What is made with no device in mind would be on another one, and meet nothing there."""
    training = trainer(fitted)
    rows = training.showers.rows(slice(8))
    noise, hits = torch.zeros(8, training.generator.noise), training._hits
    with torch.device("meta"):
        fractions = training.generator(noise, rows.log_energy, rows.impact, rows.layers)
        sums = training._cells.drawn(fractions, rows.layers.energy, hits, rows.impact)
        standard = training.standard(derived_features(sums), rows.log_energy)
        training.critic(training._inputs(standard, sums.logarithms, rows)).sum().backward()
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


def test_a_feature_that_is_the_same_in_all_showers_leaves_gradients_finite() -> None:
    """As cells above an energy are that no shower of a batch reaches."""
    critic = Critic(5, 2, (4,))
    real, fake = torch.randn(64, 5), torch.randn(64, 5)
    real[:, 1] = fake[:, 1] = 0.3
    gradient_penalty(critic, real, fake, torch.rand(64, 1)).backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


def test_divergence_stops_at_once(fitted: Any) -> None:
    training = trainer(fitted)
    with torch.no_grad():
        training.critic.network[0][0].weight.fill_(np.nan)
    with pytest.raises(TrainingError, match="diverged at iteration 1: critic loss nan"):
        list(training.run())


@pytest.mark.parametrize("secondaries", [0, 4])
def test_calibration_restores_the_mean_profile(fitted: Any, secondaries: int) -> None:
    """Cells near the axis emptied on purpose, as training might leave them."""
    generator = fitted.generator(secondaries=secondaries).requires_grad_(requires_grad=False)
    generator.eval()
    spoiled = torch.linspace(-0.3, 0.3, len(generator.template.distances))
    # cores have a part of the energy, and are not spoiled
    generator.template.radial.add_(spoiled * (2.0 if secondaries else 1.0))
    knots = copy.deepcopy(generator.template)

    def apart(tables: HitTables) -> float:
        drawn = calibration._drawn(generator, tables, fitted.showers, 2, 0)
        pair = drawn, fitted.showers.deposits.numpy()
        reached, real = (
            calibration._shape(fitted.patch, knots, fitted.showers, one).radial for one in pair
        )
        # of layers with ten hits and more; there are few others
        share, found = (one[5:].exp() for one in (real, reached))
        return float((found - share).abs().sum() / share.sum())

    before = apart(fitted.tables)
    tables = calibrate(fitted.patch, generator, fitted.crossings, fitted.showers, 1)
    assert before > 0.1
    assert apart(tables) < 0.4 * before


def test_calibration_narrows_the_cores_of_cells_that_are_too_much_alike(fitted: Any) -> None:
    """Showers with half the energy of every layer in one cell."""
    generator = fitted.generator(secondaries=4).requires_grad_(requires_grad=False).eval()
    deposits = fitted.showers.deposits.clone()
    hottest = deposits.argmax(2, keepdim=True)
    deposits.scatter_(2, hottest, deposits.gather(2, hottest) + deposits.sum(2, keepdim=True))
    layers = Layers(deposits.sum(2), (deposits > 0).sum(2))
    showers = replace(fitted.showers, deposits=deposits, layers=layers)
    calibrate(fitted.patch, generator, fitted.crossings, showers, 1)
    assert float(generator.correction.narrower.max()) > 0.3
    assert float(generator.correction.narrower.min()) > -0.1


def test_calibration_settles_the_spectrum_of_cells(fitted: Any) -> None:
    tables = calibrate(fitted.patch, fitted.generator(), fitted.crossings, fitted.showers, 1)
    drawn = calibration._drawn(fitted.generator(), tables, fitted.showers, 3, 0)
    edges = np.array([0.79, 1.5, 2.5, 4.0, 6.0, 10.0, 20.0, 1e9])
    counts = [np.histogram(cells, edges)[0] for cells in (drawn, fitted.showers.deposits.numpy())]
    np.testing.assert_allclose(*counts, rtol=0.1)
