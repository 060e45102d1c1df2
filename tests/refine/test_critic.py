from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hyperhex.detector.patch import Patch
from hyperhex.refine.critic import Critic, Features, gradient_penalty
from hyperhex.refine.showers import Showers

Toys = Callable[[int, int], Showers]


@pytest.fixture(scope="module")
def sample(toys: Toys) -> Showers:
    return toys(1500, 3)


@pytest.fixture
def features(patch: Patch) -> Features:
    return Features(torch.as_tensor(patch.ring), 4, 0.5)


def tensors(sample: Showers) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.tensor(sample.cells, dtype=torch.float32),
        torch.tensor(np.log(sample.energy), dtype=torch.float32),
    )


def test_fitted_features_have_no_trend_and_unit_spread(features: Features, sample: Showers) -> None:
    cells, log_energy = tensors(sample)
    features.fit(cells, log_energy)
    total = features(cells, log_energy)[:, features.n_cells + 4 * 3 + 4]
    assert total.mean().abs() < 0.02
    for part in total[log_energy.argsort()].chunk(3):
        assert part.mean().abs() < 0.3
        assert 0.6 < part.std() < 1.5


def test_features_are_continuous_through_the_threshold(features: Features, patch: Patch) -> None:
    below, above = (torch.full((1, 4, patch.n_cells), 0.5 + step) for step in (-1e-5, 1e-5))
    assert (features.raw(above) - features.raw(below)).abs().max() < 0.01
    assert features.raw(below).abs().max() == 0.0


def test_number_of_features_is_what_they_say(features: Features, sample: Showers) -> None:
    cells, _ = tensors(sample)
    assert features.raw(cells[:7]).shape == (7, features.n_cells + features.n_sums)


def test_penalty_of_a_linear_critic_is_closed() -> None:
    critic = Critic(3, 2, 4)
    for value in critic.network.parameters():
        torch.nn.init.zeros_(value)
    slopes = torch.tensor([2.0, -3.0, 0.5, 0.0, -1.0])
    with torch.no_grad():
        critic.linear.weight[0] = slopes
    stream = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(8, 5, generator=stream) for _ in range(2))
    mix = torch.rand(8, generator=stream)
    energy = torch.full((8,), 2.3)
    fade = 0.4
    expected = 1.0 + 4.0 + 0.1 * fade * float(slopes.square().sum())
    found = gradient_penalty(critic, real, fake, energy, mix, fade)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_penalty_reaches_every_weight_of_the_critic() -> None:
    torch.manual_seed(1)
    critic = Critic(6, 5, 8)
    torch.nn.init.normal_(critic.linear.weight)
    real, fake = torch.randn(16, 11), torch.randn(16, 11)
    loss = gradient_penalty(critic, real, fake, torch.linspace(0, 4, 16), torch.rand(16), 0.3)
    loss.backward()
    # the offsets of the last layer move no slope
    for name, value in critic.named_parameters():
        if not name.endswith("bias"):
            assert value.grad is not None, name
            assert value.grad.abs().sum() > 0, name
