"""Training of the generator against the critic: WGAN with gradient penalty.

Critic loss E[D(G)] - E[D(x)] + lambda E[(|grad D| - 1)^2], generator loss -E[D(G)]
(arXiv:1704.00028), on showers of layered calorimeters as in CaloGAN (arXiv:1705.02355).
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch

from hyperhex.config import Fastsim
from hyperhex.detector.patch import Patch
from hyperhex.errors import TrainingError
from hyperhex.fastsim.compound_poisson import HitSpectrum, draw, sampled
from hyperhex.fastsim.critic import Critic, DerivedFeatures, Standard, gradient_penalty
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Showers
from hyperhex.random import integer, stream

__all__ = ["Progress", "Trainer"]

log = logging.getLogger(__name__)

_MOMENTA = (0.0, 0.9)
_CONTROL = 1024
_WILD = 1e4


@dataclass(frozen=True)
class Progress:
    """Where training stands: losses, and how far the generator's features are from the library's.

    `distance` is the mean over features of the one-dimensional Wasserstein distance, in standard
    deviations of the full simulation, of the averaged generator.
    """

    iteration: int
    critic: float
    generator: float
    penalty: float
    distance: float


class Trainer:
    """One adversarial training; `run` yields its progress and leaves the result in `average`."""

    def __init__(
        self,
        generator: Generator,
        spectrum: HitSpectrum,
        showers: Showers,
        patch: Patch,
        settings: Fastsim,
        seed: int,
    ) -> None:
        self.settings = settings
        self.spectrum = spectrum
        self.showers = showers
        self.random = stream(seed, "fastsim", "train")
        self.generator = generator
        self.average = copy.deepcopy(generator).requires_grad_(requires_grad=False)
        positions = torch.from_numpy(patch.positions).float()
        self.features = DerivedFeatures(positions, torch.from_numpy(patch.ring), generator.n_layers)
        self._hit_mean = torch.from_numpy(spectrum.mean).float()
        self._log_weights = torch.from_numpy(spectrum.log_weights)
        raw = torch.cat([self._raw_features(showers.rows(part)) for part in _blocks(len(showers))])
        self.standard = Standard(
            raw, showers.log_energy, showers.particle, generator.template.knots
        )
        number = raw.shape[1] + generator.n_layers * generator.n_cells + 5 + generator.n_particles
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(integer(seed, "fastsim", "critic", bits=63))
            self.critic = Critic(number, raw.shape[1], tuple(settings.critic_widths))
        control = self.random.choice(len(showers), min(_CONTROL, len(showers)), replace=False)
        self._control = showers.rows(torch.from_numpy(np.sort(control)))
        self._control_features = self._inputs(self._control)[:, : raw.shape[1]].sort(0).values

    def run(self) -> Iterator[Progress]:
        """Train; yields every `report_every` iterations and at the end."""
        s = self.settings
        of_generator = torch.optim.Adam(self.generator.parameters(), s.generator_rate, _MOMENTA)
        of_critic = torch.optim.Adam(self.critic.parameters(), s.critic_rate, _MOMENTA)
        steps = 0
        for iteration in range(1, s.iterations + 1):
            for optimiser, rate in ((of_generator, s.generator_rate), (of_critic, s.critic_rate)):
                optimiser.param_groups[0]["lr"] = rate * _decay(iteration, s.iterations)
            for _ in range(s.critic_steps):
                critic_loss, penalty = self._critic_step(of_critic, steps)
                steps += 1
            _check(iteration, critic_loss, penalty)
            generator_loss = self._generator_step(of_generator)
            self._follow(iteration)
            if iteration % s.report_every == 0 or iteration == s.iterations:
                progress = Progress(
                    iteration, critic_loss, generator_loss, penalty, self._distance()
                )
                yield progress

    def _critic_step(self, optimiser: torch.optim.Optimizer, step: int) -> tuple[float, float]:
        real = self._batch()
        with torch.no_grad():
            inputs, fake = self._inputs(real), self._generated(self.generator, real)
        distance = self.critic(fake).mean() - self.critic(inputs).mean()
        loss, penalty = distance, torch.zeros(())
        if step % self.settings.penalty_every == 0:
            share = torch.from_numpy(self.random.random((len(real), 1), dtype=np.float32))
            penalty = gradient_penalty(self.critic, inputs, fake, share)
            loss = loss + self.settings.penalty * self.settings.penalty_every * penalty
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(distance.detach()), float(penalty.detach())

    def _generator_step(self, optimiser: torch.optim.Optimizer) -> float:
        self.critic.requires_grad_(requires_grad=False)
        loss = -self.critic(self._generated(self.generator, self._batch())).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        self.critic.requires_grad_(requires_grad=True)
        return float(loss.detach())

    def _follow(self, iteration: int) -> None:
        """Exponential moving average of the generator, faster at first."""
        keep = min(self.settings.average, iteration / (iteration + 10.0))
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for mean, latest in pairs:
            mean.lerp_(latest.detach(), 1.0 - keep)

    def _batch(self) -> Showers:
        index = self.random.integers(0, len(self.showers), self.settings.batch)
        return self.showers.rows(torch.from_numpy(index))

    def _generated(self, generator: Generator, like: Showers) -> torch.Tensor:
        """Critic inputs of generated showers under the conditions of others."""
        noise = self.random.standard_normal((len(like), generator.noise), dtype=np.float32)
        mean, steady = generator(
            torch.from_numpy(noise), like.log_energy, like.impact, like.particle
        )
        energy = draw(self.spectrum, mean.detach().numpy(), steady.numpy(), self.random)
        tables = self._hit_mean, self._log_weights
        channels = sampled(mean, steady, torch.from_numpy(energy), *tables)
        return self._assemble(channels, like)

    def _inputs(self, showers: Showers) -> torch.Tensor:
        return self._assemble(_channels(showers.deposits), showers)

    def _assemble(self, channels: tuple[torch.Tensor, ...], like: Showers) -> torch.Tensor:
        features = self.features(*channels, like.impact)
        standard = self.standard(features, like.log_energy, like.particle)
        condition = self.generator.condition(like.log_energy, like.impact, like.particle)
        return torch.cat([standard, channels[1].flatten(1), condition], dim=1)

    def _raw_features(self, showers: Showers) -> torch.Tensor:
        return self.features(*_channels(showers.deposits), showers.impact)

    def _distance(self) -> float:
        with torch.no_grad():
            generated = self._generated(self.average, self._control)
        ordered = generated[:, : self._control_features.shape[1]].sort(0).values
        return float((ordered - self._control_features).abs().mean())


def _channels(deposits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return deposits, torch.log1p(deposits), (deposits > 0).to(deposits.dtype)


def _blocks(number: int, size: int = 1024) -> list[slice]:
    return [slice(start, start + size) for start in range(0, number, size)]


def _decay(iteration: int, iterations: int) -> float:
    """Learning rate: constant in the first half, then falling linearly to a twentieth."""
    return max(0.05, min(1.0, 2.0 * (1.0 - iteration / iterations)))


def _check(iteration: int, critic: float, penalty: float) -> None:
    if isfinite(critic) and isfinite(penalty) and abs(critic) < _WILD:
        return
    msg = (
        f"training diverged at iteration {iteration}: critic loss {critic:.3g}, gradient penalty"
        f" {penalty:.3g}; lower fastsim.generator_rate and fastsim.critic_rate, or raise"
        " fastsim.penalty"
    )
    raise TrainingError(msg)
