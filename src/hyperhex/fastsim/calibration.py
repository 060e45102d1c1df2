"""Calibration after training: mean profiles and single crossings set to the library's.

Crossings are settled again (`hyperhex.fastsim.crossings`), now about the generator's own fractions.
Adversarial training leaves mean fractions a few per cent off, here and there. The template of the
generator's own showers, with these crossings, says where; the difference to the template of the
library, in logarithms, is added to the logits that the generator starts from.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.crossings import Crossings, settle
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Showers
from hyperhex.fastsim.template import Template, fit_template
from hyperhex.kernels.hits import HitTables, draw_hits
from hyperhex.random import integer

__all__ = ["calibrate", "drawn_about_template"]

_ROUNDS = 4
_LARGEST_STEP = 0.3
_BATCH = 256
_SETTLED = 6000


def calibrate(
    patch: Patch, generator: Generator, crossings: Crossings, showers: Showers, seed: int
) -> HitTables:
    """Settle what the cells of a trained generator are drawn from, and move its template.

    The number of means is small beside the number of showers, so four rounds are enough and nothing
    is learned by heart.
    """
    few = showers.rows(slice(_SETTLED))

    def draw(tables: HitTables, number: int) -> NDArray[np.float32]:
        return _drawn(generator, tables, few, seed, _ROUNDS + number)

    tables = settle(crossings, few.deposits.numpy(), draw).tables()
    target = _template(patch, showers.deposits.numpy(), showers)
    for number in range(_ROUNDS):
        reached = _template(patch, _drawn(generator, tables, showers, seed, number), showers)
        step = (target.radial - reached.radial).clamp(-_LARGEST_STEP, _LARGEST_STEP)
        generator.template.radial.add_(step)
    return tables


def drawn_about_template(
    template: Template, crossings: Crossings, showers: Showers, seed: int
) -> Crossings:
    """Crossings settled about the mean shower, before there is a generator."""
    few = showers.rows(slice(_SETTLED))
    blocks = [few.rows(slice(start, start + _BATCH)) for start in range(0, len(few), _BATCH)]
    with torch.no_grad():
        logits = [template(block.layers.hits, block.impact) for block in blocks]
    fractions = torch.softmax(torch.cat(logits), dim=2).numpy()
    layers = few.layers.energy.numpy(), few.layers.hits.numpy().astype(np.int32)

    def draw(tables: HitTables, number: int) -> NDArray[np.float32]:
        part = integer(seed, "fastsim", "settle", number)
        return draw_hits(fractions, *layers, tables, part).dense(*fractions.shape[1:])

    return settle(crossings, few.deposits.numpy(), draw)


def _template(patch: Patch, deposits: NDArray, like: Showers) -> Template:
    """Template of showers under the conditions of others."""
    return fit_template(patch, deposits, like.impact.numpy())


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
