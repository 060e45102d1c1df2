"""Training of the generator against the critic: WGAN with gradient penalty.

Critic loss E[D(G)] - E[D(x)] + lambda E[(|grad D| - 1)^2], generator loss -E[D(G)]
(arXiv:1704.00028), on showers of layered calorimeters as in CaloGAN (arXiv:1705.02355).

A training has diverged when a loss or a weight is no number any more, when the critic's loss is
beyond all measure, or when the generator has collapsed: its features lie one and a half standard
deviations of the full simulation from the library's on average, or vary a quarter as much.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.config import FastsimNetwork
from hyperhex.detector.patch import Patch
from hyperhex.errors import TrainingError
from hyperhex.fastsim.compound_poisson import Cells, Sums, Weights
from hyperhex.fastsim.critic import Critic, Standard, derived_features, gradient_penalty
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Given, Showers
from hyperhex.fastsim.state import (
    Arrays,
    network_arrays,
    optimiser_arrays,
    set_network,
    set_optimiser,
)
from hyperhex.kernels.hits import Hits, HitTables, draw_hits
from hyperhex.random import integer, stream

__all__ = ["Progress", "Trainer"]

_MOMENTA = (0.0, 0.9)
_CONTROL = 1024
_WILD = 1e4
_PROBE = 256
_FARTHEST = 1.5
_LEAST_SPREAD = 0.25
_SLOWER = 0.5


@dataclass(frozen=True)
class Progress:
    """Where training stands: losses, and how far the generator's features are from the library's.

    `distance` is the mean over features of the one-dimensional Wasserstein distance, in standard
    deviations of the full simulation, of the averaged generator; `spread` is the standard deviation
    of the features of the generator as it is, averaged, over the library's.
    """

    iteration: int
    critic: float
    generator: float
    penalty: float
    distance: float
    spread: float


class Trainer:
    """One adversarial training; `run` yields its progress and leaves the result in `average`.

    `iteration` is the last that is done, `attempt` how often it has started again, `losses` are the
    iteration, critic loss, generator loss and penalty of every iteration since the last report.
    """

    def __init__(
        self,
        generator: Generator,
        tables: HitTables,
        showers: Showers,
        patch: Patch,
        settings: FastsimNetwork,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.tables = tables
        self.device = device
        self.showers = given = showers.given().to(device)
        self.random = stream(seed, "fastsim", "train")
        self.generator = generator.to(device)
        self.average = copy.deepcopy(generator).requires_grad_(requires_grad=False)
        groups = generator.groups.cpu().numpy()
        self._hits = Hits.of(showers.deposits.numpy())
        self._cells = Cells(patch, groups, generator.n_layers, Weights(tables))
        # sums over groups of cells have about the spread of one cell
        self._share = torch.from_numpy(np.bincount(groups) ** -0.5).float().to(device)
        raw = torch.cat([derived_features(self._sums(part)) for part in _blocks(len(showers))])
        self.standard = Standard(raw, given.log_energy)
        self._standard = self.standard(raw, given.log_energy)
        told = self._told(given.rows(slice(1))).shape[1]
        number = raw.shape[1] + generator.n_layers * generator.n_groups + told
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(integer(seed, "fastsim", "critic", bits=63))
            self.critic = Critic(number, raw.shape[1], tuple(settings.critic_widths)).to(device)
        control = self.random.choice(len(showers), min(_CONTROL, len(showers)), replace=False)
        chosen = torch.from_numpy(np.sort(control))
        self._control, self._control_features = given.rows(chosen), self._standard[chosen]
        self._optimisers = {
            name: torch.optim.Adam(network.parameters(), rate, _MOMENTA, fused=True)
            for name, network, rate in (
                ("generator", self.generator, settings.generator_rate),
                ("critic", self.critic, settings.critic_rate),
            )
        }
        self.iteration = 0
        self.attempt = 0
        self.losses: list[tuple[int, float, float, float]] = []

    def run(self) -> Iterator[Progress]:
        """Train on; yields every `report_every` iterations and at the end.

        Raises `TrainingError` where it has diverged; what is yielded has not.
        """
        s = self.settings
        while self.iteration < s.iterations:
            self.iteration += 1
            self.losses.append((self.iteration, *self._iterate(self.iteration)))
            if self.iteration % s.report_every == 0 or self.iteration == s.iterations:
                spread = self._check_generator()
                progress = Progress(*self.losses[-1], self._distance(), spread)
                self.losses = []
                yield progress

    def state(self) -> dict[str, NDArray[Any]]:
        """Copy of all that training goes on from."""
        place = {
            "iteration": self.iteration,
            "attempt": self.attempt,
            "random": self.random.bit_generator.state,
        }
        arrays = {"place": np.array(json.dumps(place))}
        for name, network in self._networks().items():
            arrays |= network_arrays(name, network)
        for name, optimiser in self._optimisers.items():
            arrays |= optimiser_arrays(f"{name}_moments", optimiser)
        return arrays

    def restore(self, state: Arrays) -> None:
        """Go back, or on, to where a training of the same settings and showers was."""
        place = json.loads(str(state["place"]))
        self.iteration, self.attempt = place["iteration"], place["attempt"]
        self.random.bit_generator.state = place["random"]
        self.losses = []
        for name, network in self._networks().items():
            set_network(name, network, state)
        for name, optimiser in self._optimisers.items():
            set_optimiser(f"{name}_moments", optimiser, state)

    def start_again(self) -> None:
        """Go on with other noise and other showers, at half the learning rates."""
        self.attempt += 1
        self.random = stream(self.seed, "fastsim", "train", self.attempt)

    def _networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "critic": self.critic, "average": self.average}

    def _iterate(self, iteration: int) -> tuple[float, float, float]:
        """Losses of critic and generator, and gradient penalty, of one iteration."""
        s = self.settings
        slower = _SLOWER**self.attempt * _decay(iteration, s.iterations)
        for name, rate in (("generator", s.generator_rate), ("critic", s.critic_rate)):
            self._optimisers[name].param_groups[0]["lr"] = rate * slower
        for step in range((iteration - 1) * s.critic_steps, iteration * s.critic_steps):
            critic_loss, penalty = self._critic_step(self._optimisers["critic"], step)
        if not (isfinite(critic_loss) and isfinite(penalty) and abs(critic_loss) < _WILD):
            self.losses.append((iteration, critic_loss, nan, penalty))
            found = f"critic loss {critic_loss:.3g}, gradient penalty {penalty:.3g}"
            raise _divergence(iteration, found)
        generator_loss = self._generator_step(self._optimisers["generator"])
        self._follow(iteration)
        return critic_loss, generator_loss, penalty

    def _critic_step(self, optimiser: torch.optim.Optimizer, step: int) -> tuple[float, float]:
        index = self._batch()
        real = self.showers.rows(index)
        with torch.no_grad():
            inputs = self._inputs(self._standard[index], self._sums(index).logarithms, real)
            fake = self._generated(self.generator, real, self.random)
        distance = self.critic(fake).mean() - self.critic(inputs).mean()
        loss, penalty = distance, torch.zeros(())
        if step % self.settings.penalty_every == 0:
            share = torch.from_numpy(self.random.random((len(real), 1), dtype=np.float32))
            penalty = gradient_penalty(self.critic, inputs, fake, share.to(self.device))
            loss = loss + self.settings.penalty * self.settings.penalty_every * penalty
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(distance.detach()), float(penalty.detach())

    def _generator_step(self, optimiser: torch.optim.Optimizer) -> float:
        self.critic.requires_grad_(requires_grad=False)
        like = self.showers.rows(self._batch())
        fake = self._generated(self.generator, like, self.random)
        loss = -self.critic(fake).mean()
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

    def _batch(self) -> torch.Tensor:
        """Some of the showers, at random."""
        index = self.random.integers(0, len(self.showers), self.settings.batch)
        return torch.from_numpy(index)

    def _generated(
        self, generator: Generator, like: Given, random: np.random.Generator
    ) -> torch.Tensor:
        """Critic inputs of generated showers under the conditions of others."""
        noise = random.standard_normal((len(like), generator.noise), dtype=np.float32)
        conditions = like.log_energy, like.impact, like.layers
        fractions = generator(torch.from_numpy(noise).to(self.device), *conditions)
        # cells are drawn on the CPU wherever the networks are, from the same stream
        layers = like.layers.energy.cpu().numpy(), like.layers.hits.cpu().numpy().astype(np.int32)
        seed = int(random.integers(1 << 63))
        hits = draw_hits(fractions.detach().cpu().numpy(), *layers, self.tables, seed)
        sums = self._cells.drawn(fractions, like.layers.energy, hits, like.impact)
        standard = self.standard(derived_features(sums), like.log_energy)
        return self._inputs(standard, sums.logarithms, like)

    def _sums(self, chosen: torch.Tensor) -> Sums:
        """Sums over the cells of some of the showers of the library."""
        return self._cells.sums(self._hits, self.showers.impact[chosen], chosen.numpy())

    def _inputs(
        self, standard: torch.Tensor, logarithms: torch.Tensor, like: Given
    ) -> torch.Tensor:
        """Inputs of the critic: standard features, ln(1 + e) of groups, and what it is told."""
        cells = (logarithms * self._share).flatten(1)
        return torch.cat([standard, cells, self._told(like)], dim=1)

    def _told(self, like: Given) -> torch.Tensor:
        """What both networks are told, (n, 6 + 2 n_layers)."""
        return self.generator.conditions.of_shower(like.log_energy, like.impact, like.layers)

    def _distance(self) -> float:
        with torch.no_grad():
            generated = self._generated(self.average, self._control, self.random)
        return _apart(generated[:, : self.critic.n_features], self._control_features)

    def _check_generator(self) -> float:
        """Spread of the generator; raises `TrainingError` if it has collapsed or has no weights.

        The noise is its own, so that looking changes nothing.
        """
        networks = self._networks().values()
        if not all(p.isfinite().all() for network in networks for p in network.parameters()):
            raise _divergence(self.iteration, "weights that are no numbers")
        probe = slice(None, None, max(1, len(self._control) // _PROBE))
        random = stream(self.seed, "fastsim", "probe", self.iteration)
        with torch.no_grad():
            generated = self._generated(self.generator, self._control.rows(probe), random)
        generated, real = generated[:, : self.critic.n_features], self._control_features[probe]
        distance, spread = (
            _apart(generated, real),
            float(generated.std(0).mean() / real.std(0).mean()),
        )
        if not (distance < _FARTHEST and spread > _LEAST_SPREAD):
            found = f"features {distance:.3g} deviations from the library's, {spread:.3g} as wide"
            raise _divergence(self.iteration, found)
        return spread


def _blocks(number: int, size: int = 1024) -> tuple[torch.Tensor, ...]:
    return torch.split(torch.arange(number), size)


def _decay(iteration: int, iterations: int) -> float:
    """Learning rate: constant in the first half, then falling linearly to a twentieth."""
    return max(0.05, min(1.0, 2.0 * (1.0 - iteration / iterations)))


def _apart(first: torch.Tensor, second: torch.Tensor) -> float:
    """Mean over columns of the Wasserstein distance of as many values, both (n, k)."""
    return float((first.sort(0).values - second.sort(0).values).abs().mean())


def _divergence(iteration: int, found: str) -> TrainingError:
    return TrainingError(f"training diverged at iteration {iteration}: {found}")
