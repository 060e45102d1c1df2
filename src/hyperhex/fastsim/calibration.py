"""Calibration after training: mean profiles and single crossings set to the library's.

Crossings are settled again (`hyperhex.fastsim.crossings`), now about the generator's own fractions.
Adversarial training leaves mean fractions a few per cent off, here and there. The template of the
generator's own showers, with these crossings, says where; the difference to the template of the
library, in logarithms, is added to the logits that the generator starts from, or, where cores lie
upon them, to a correction of both. Cores are made narrower where the cells of dense layers are too
much alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.conditions import Layers, root
from hyperhex.fastsim.crossings import Crossings, settle
from hyperhex.fastsim.density import LayerDensity
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Showers
from hyperhex.fastsim.template import Template, fit_template
from hyperhex.kernels.hits import HitTables, draw_hits
from hyperhex.random import integer

__all__ = ["calibrate", "calibrate_layers", "drawn_about_template"]

_ROUNDS = 6
_LARGEST_STEP = 0.3
_SQUARES_TO_NARROW = 3.0  # how far ln b is moved for ln of the sum of squares
_FEW_LAYERS = 30.0
_BATCH = 256
_SETTLED, _PROFILED = 6000, 50_000  # showers

_LAYER_ROUNDS = 8
_LAYER_BLOCK = 4096
_TINY = 1e-3  # showers, [MIP], [MIP/GeV]


def calibrate(
    patch: Patch, generator: Generator, crossings: Crossings, showers: Showers, seed: int
) -> HitTables:
    """Settle what the cells of a trained generator are drawn from, and set its mean profiles.

    The number of means is small beside the number of showers, so a few rounds are enough and
    nothing is learned by heart.
    """
    generator.eval()
    few, showers = (showers.rows(slice(number)) for number in (_SETTLED, _PROFILED))

    def draw(tables: HitTables, number: int) -> NDArray[np.float32]:
        return _drawn(generator, tables, few, seed, _ROUNDS + number)

    tables = settle(crossings, few.deposits.numpy(), draw).tables()
    target = _shape(patch, generator.template, showers, showers.deposits.numpy())
    for number in range(_ROUNDS):
        drawn = _drawn(generator, tables, showers, seed, number)
        reached = _shape(patch, generator.template, showers, drawn)
        part = 1.0 / (number + 1)
        step = part * (target.radial - reached.radial).clamp(-_LARGEST_STEP, _LARGEST_STEP)
        if generator.correction is None:
            generator.template.radial.add_(step)
            continue
        generator.correction.whole.add_(step)
        known = target.number / (target.number + _FEW_LAYERS)
        step = known * torch.log(_ratio(target.squares, reached.squares)) * _SQUARES_TO_NARROW
        generator.correction.narrower.add_(part * step.clamp(-_LARGEST_STEP, _LARGEST_STEP))
    return tables


@dataclass(frozen=True)
class _Shape:
    """What layers look like, by knots of hits and shares.

    `radial` as of `Template`; sum of the `squares` of the cells' shares of their layer and `number`
    of layers, (n_hits, n_shares), a layer counting as its share of the energy of the shower.
    """

    radial: torch.Tensor
    squares: torch.Tensor
    number: torch.Tensor


def _shape(patch: Patch, template: Template, like: Showers, deposits: NDArray) -> _Shape:
    """Shape of showers (n, n_layers, n_cells) with the layers of others."""
    radial = fit_template(patch, deposits, like.impact.numpy(), knots=template, by_energy=True)
    cells = torch.from_numpy(deposits)
    energy = cells.sum(2).clamp_min(_TINY)
    squares = torch.einsum("nlc,nlc->nl", cells, cells) / energy.square()
    weight = template.weights(like.layers) * (energy / energy.sum(1, keepdim=True))[..., None]
    sums = [torch.einsum("nlk,nl->k", weight, part) for part in (squares, torch.ones_like(energy))]
    found, number = (part.reshape(template.radial.shape[:2]) for part in sums)
    return _Shape(radial.radial, found, number)


def calibrate_layers(density: LayerDensity, showers: Showers, seed: int) -> None:
    """Set the tables of a density for what it draws to be as the showers that it was fitted to.

    It is the mean of the response and of the hits of each layer, by the particle's energy, and the
    distribution of the energy of a hit, by layer and number of hits.
    Steps become shorter as those of a stochastic approximation (Robbins & Monro 1951), so that what
    is reached is as good as all draws together.
    """
    target, quantiles = _means(density, showers, showers.layers), density.quantiles(showers.layers)
    for number in range(_LAYER_ROUNDS):
        random = np.random.default_rng(integer(seed, "fastsim", "layers", number))
        layers = _layers(density, showers, random)
        reached = _means(density, showers, layers)
        part = 1.0 / (number + 1)
        density.more_energy.mul_(_ratio(target.response, reached.response) ** part)
        density.more_hits.add_(part * (root(target.hits) - root(reached.hits)))
        step = (quantiles - density.quantiles(layers)).clamp(-_LARGEST_STEP, _LARGEST_STEP)
        density.add_excess(part * step)


@dataclass(frozen=True)
class _Means:
    """Means by knot of ln E.

    `response` is visible energy over that of the particle (5,) [MIP/GeV], `hits` (5, n_layers).
    """

    response: torch.Tensor
    hits: torch.Tensor


def _means(density: LayerDensity, showers: Showers, layers: Layers) -> _Means:
    """Means of layers that were drawn for showers."""
    near = density.of_energy(showers.log_energy)
    # there may be no shower near a knot
    number = near.sum(0).clamp_min(_TINY)
    response = layers.energy.sum(1) / showers.log_energy.exp()
    return _Means(near.T @ response / number, near.T @ layers.hits.float() / number[:, None])


def _ratio(target: torch.Tensor, reached: torch.Tensor) -> torch.Tensor:
    """Ratio of means, 1 where both are zero."""
    return (target + _TINY) / (reached + _TINY)


def _layers(density: LayerDensity, showers: Showers, random: np.random.Generator) -> Layers:
    """Layers drawn for showers."""
    parts = []
    for start in range(0, len(showers), _LAYER_BLOCK):
        rows = showers.given().rows(slice(start, start + _LAYER_BLOCK))
        uniform = random.random((2, len(rows), density.factors), dtype=np.float32)
        with torch.no_grad():
            choice, place = torch.from_numpy(uniform)
            parts.append(density.drawn(rows.log_energy, rows.impact, choice, place))
    energy, hits = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("energy", "hits")
    )
    return Layers(energy, hits)


def drawn_about_template(
    template: Template, crossings: Crossings, showers: Showers, seed: int
) -> Crossings:
    """Crossings settled about the mean shower, before there is a generator."""
    few = showers.rows(slice(_SETTLED))
    blocks = [few.rows(slice(start, start + _BATCH)) for start in range(0, len(few), _BATCH)]
    with torch.no_grad():
        logits = [template(block.layers, block.impact) for block in blocks]
    fractions = torch.softmax(torch.cat(logits), dim=2).numpy()
    layers = few.layers.energy.numpy(), few.layers.hits.numpy().astype(np.int32)

    def draw(tables: HitTables, number: int) -> NDArray[np.float32]:
        part = integer(seed, "fastsim", "settle", number)
        return draw_hits(fractions, *layers, tables, part).dense(*fractions.shape[1:])

    return settle(crossings, few.deposits.numpy(), draw)


def _drawn(
    generator: Generator, tables: HitTables, like: Showers, seed: int, number: int
) -> NDArray[np.float32]:
    """Showers with the conditions and the layers of others, (n, layers, cells) [MIP]."""
    cells = np.empty(tuple(like.deposits.shape), np.float32)
    random = np.random.default_rng(integer(seed, "fastsim", "calibrate", number))
    for start in range(0, len(like), _BATCH):
        rows = like.rows(slice(start, start + _BATCH))
        noise = random.standard_normal((len(rows), generator.noise), dtype=np.float32)
        with torch.no_grad():
            fractions = generator(
                torch.from_numpy(noise), rows.log_energy, rows.impact, rows.layers
            )
        layers = rows.layers.energy.numpy(), rows.layers.hits.numpy().astype(np.int32)
        part = int(random.integers(1 << 63))
        hits = draw_hits(fractions.numpy(), *layers, tables, part)
        cells[start : start + len(rows)] = hits.dense(*cells.shape[1:])
    return cells
