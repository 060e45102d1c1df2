"""Fit of the refiner against a Wasserstein critic on unpaired showers."""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hyperhex.config import Refine
from hyperhex.errors import TrainingError
from hyperhex.refine.critic import Critic, Features, gradient_penalty
from hyperhex.refine.network import ResponseNetwork
from hyperhex.refine.showers import Showers

__all__ = ["Average", "Batches", "fit_adversarially", "noise_like", "optimiser", "set_rates"]

log = logging.getLogger(__name__)

# The linear part of the critic has one weight a feature and follows the refiner at once.
_LINEAR_RATE = 30.0
# The gains move first, or other constants would make up for a dead cell in the core and stay there;
# what acts on all cells of a layer at once, in second order or as a detail moves slowly.
_RATES = {
    "gain_shift": 3.0,
    "mixing": 0.2,
    "noise": 0.2,
    "layer_log_slope": 0.05,
    "correction": 0.02,
}
_LAST_RATE = 0.05
# more than any two logarithms of energies differ by
_KIND_APART = 1e3


class Batches:
    """Random batches of data and of simulated showers of nearly the same particles and energies.

    A data shower gets one of the simulated showers next in energy, another one each time, turned
    or mirrored by a symmetry of the hexagon: the simulated detector has no fixed pattern.
    symmetries: (12, n_cells) permutations of the cells.
    """

    def __init__(
        self, simulated: Showers, data: Showers, symmetries: NDArray[np.integer], settings: Refine
    ) -> None:
        self.size = settings.batch
        self.reach = settings.energy_neighbours
        self.symmetries = torch.as_tensor(symmetries)
        order = np.lexsort((simulated.energy, simulated.particle))
        self.simulated = torch.as_tensor(simulated.cells[order], dtype=torch.float32)
        self.simulated_energy = _log_energy(simulated)[torch.as_tensor(order)]
        self.data = torch.as_tensor(data.cells, dtype=torch.float32)
        self.data_energy = _log_energy(data)
        kinds = simulated.particle[order]
        # ranks by kind first, then by energy; no partner is of another kind
        keys = kinds * _KIND_APART + np.log(simulated.energy[order])
        places = np.searchsorted(keys, data.particle * _KIND_APART + np.log(data.energy))
        self.places = torch.as_tensor(places)
        self.first = torch.as_tensor(np.searchsorted(kinds, data.particle, side="left"))
        self.last = torch.as_tensor(np.searchsorted(kinds, data.particle, side="right") - 1)
        if (self.last < self.first).any():
            msg = "refine: data of a particle that is not simulated; give the libraries of both"
            raise TrainingError(msg)

    def draw(self, stream: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Data cells, their ln E, simulated cells, their ln E."""
        chosen = torch.randint(len(self.data), (self.size,), generator=stream)
        shift = torch.randint(-self.reach, self.reach + 1, (self.size,), generator=stream)
        partner = self.places[chosen] + shift
        partner = torch.minimum(torch.maximum(partner, self.first[chosen]), self.last[chosen])
        turn = int(torch.randint(len(self.symmetries), (1,), generator=stream))
        turned = self.simulated[partner][..., self.symmetries[turn]]
        return self.data[chosen], self.data_energy[chosen], turned, self.simulated_energy[partner]


class Average:
    """Running average of the refiner's constants, which forgets its first steps."""

    def __init__(self, refiner: ResponseNetwork, memory: float) -> None:
        self.memory = memory
        self.steps = 0
        self.state = {name: value.clone() for name, value in refiner.state_dict().items()}

    def update(self, refiner: ResponseNetwork) -> None:
        """Take in the present constants."""
        self.steps += 1
        weight = max(1.0 - self.memory, 1.0 / (1.0 + 0.1 * self.steps))
        for name, value in refiner.state_dict().items():
            self.state[name].lerp_(value, weight)


def fit_adversarially(
    refiner: ResponseNetwork, features: Features, batches: Batches, settings: Refine, seed: int
) -> list[float]:
    """Fit the refiner in place; the distances W that the critic saw, one per iteration.

    Critic: max E[D(data)] - E[D(refined)] - penalty; refiner: min -E[D(refined)] + lambda |change|
    (arXiv:1802.03325, sec. 3). The constants at the end are averages over the last iterations.
    """
    stream = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = Critic(features.n_cells, features.n_sums, settings.critic_width)
    critic_steps = torch.optim.Adam(
        [
            {"params": critic.network.parameters(), "factor": 1.0},
            {"params": critic.linear.parameters(), "factor": _LINEAR_RATE},
        ],
        betas=(0.0, 0.99),
    )
    steps = optimiser(refiner)
    average = Average(refiner, settings.memory)
    distances = []
    for iteration in range(settings.iterations):
        fade = _LAST_RATE ** (iteration / settings.iterations)
        set_rates(critic_steps, settings.critic_rate * fade)
        set_rates(steps, settings.refiner_rate * fade)
        for _ in range(settings.critic_steps):
            distance = _train_critic(
                critic, critic_steps, refiner, features, batches, settings, stream
            )
        _train_refiner(critic, refiner, steps, features, batches, settings, stream)
        average.update(refiner)
        distances.append(distance)
        if iteration % 100 == 0:
            log.info("iteration %d of %d: W = %.2f", iteration, settings.iterations, distance)
    refiner.load_state_dict(average.state, strict=False)
    _check_finite(refiner)
    return distances


def optimiser(network: ResponseNetwork) -> torch.optim.Optimizer:
    """Adam for the constants of a response network, each kind at its own rate."""
    groups = [
        {"params": [value], "factor": _RATES.get(name.split(".")[0], 1.0)}
        for name, value in network.named_parameters()
    ]
    return torch.optim.Adam(groups, betas=(0.5, 0.99))


def set_rates(steps: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of each group of parameters to `rate` times its factor."""
    for group in steps.param_groups:
        group["lr"] = rate * group["factor"]


def _train_critic(
    critic: Critic,
    steps: torch.optim.Optimizer,
    refiner: ResponseNetwork,
    features: Features,
    batches: Batches,
    settings: Refine,
    stream: torch.Generator,
) -> float:
    data, data_energy, cells, energy = batches.draw(stream)
    with torch.no_grad():
        real = features(data, data_energy)
        fake = features(refiner(cells, energy, noise_like(cells, stream)), energy)
    distance = critic(real, data_energy).mean() - critic(fake, energy).mean()
    mix = torch.rand(len(real), generator=stream)
    penalty = gradient_penalty(critic, real, fake, data_energy, mix, settings.fade)
    steps.zero_grad()
    torch.autograd.backward(settings.gradient_penalty * penalty - distance)
    steps.step()
    return distance.item()


def _train_refiner(
    critic: Critic,
    refiner: ResponseNetwork,
    steps: torch.optim.Optimizer,
    features: Features,
    batches: Batches,
    settings: Refine,
    stream: torch.Generator,
) -> None:
    _, _, cells, energy = batches.draw(stream)
    refined = refiner(cells, energy, noise_like(cells, stream))
    score = critic(features(refined, energy), energy).mean()
    steps.zero_grad()
    torch.autograd.backward(settings.self_regularisation * refiner.distance(refined, cells) - score)
    steps.step()


def noise_like(cells: Tensor, stream: torch.Generator) -> Tensor:
    """Standard normal numbers of the shape of `cells`."""
    return torch.randn(cells.shape, generator=stream)


def _check_finite(refiner: ResponseNetwork) -> None:
    broken = [name for name, value in refiner.named_parameters() if not value.isfinite().all()]
    if broken:
        msg = (
            f"refine: training diverged, {broken} are not finite; "
            "lower refine.refiner_rate or refine.critic_rate"
        )
        raise TrainingError(msg)


def _log_energy(showers: Showers) -> Tensor:
    return torch.as_tensor(np.log(showers.energy), dtype=torch.float32)
