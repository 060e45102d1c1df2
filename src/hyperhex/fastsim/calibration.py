"""Calibration after training: mean profiles of the generator set to the library's.

Adversarial training leaves mean fractions a few per cent off, here and there. The template of the
generator's own showers says where; the difference to the template of the library, in logarithms, is
added to the logits that the generator starts from.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.compound_poisson import HitSpectrum, draw
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Showers
from hyperhex.fastsim.template import Template, fit_template

__all__ = ["calibrate"]

_ROUNDS = 2
_LARGEST_STEP = 0.3
_BATCH = 256


def calibrate(
    patch: Patch,
    generator: Generator,
    spectrum: HitSpectrum,
    showers: Showers,
    random: np.random.Generator,
) -> None:
    """Move the template of a trained generator until its showers have the library's mean profiles.

    The number of means is small beside the number of showers, so two rounds are enough and nothing
    is learned by heart.
    """
    template = generator.template
    target = _template(patch, showers.deposits.numpy(), spectrum, showers)
    for _ in range(_ROUNDS):
        reached = _template(
            patch, _generated(generator, spectrum, showers, random), spectrum, showers
        )
        template.total += target.total - reached.total
        for name in ("layers", "radial"):
            step = getattr(target, name) - getattr(reached, name)
            getattr(template, name).add_(step.clamp(-_LARGEST_STEP, _LARGEST_STEP))


def _template(patch: Patch, deposits: NDArray, spectrum: HitSpectrum, like: Showers) -> Template:
    """Template of showers under the conditions of others."""
    kinds = [(like.particle == kind).numpy() for kind in range(int(like.particle.max()) + 1)]
    energy, impact = like.log_energy.double().exp().numpy(), like.impact.numpy()
    parts = [[part[chosen] for chosen in kinds] for part in (deposits, energy, impact)]
    return fit_template(patch, parts[0], parts[1], parts[2], spectrum.mean)


def _generated(
    generator: Generator, spectrum: HitSpectrum, like: Showers, random: np.random.Generator
) -> NDArray[np.float32]:
    """Showers under the conditions of others, (n, layers, cells) [MIP]."""
    blocks = []
    for start in range(0, len(like), _BATCH):
        rows = like.rows(slice(start, start + _BATCH))
        noise = random.standard_normal((len(rows), generator.noise), dtype=np.float32)
        with torch.no_grad():
            mean, steady = generator(
                torch.from_numpy(noise), rows.log_energy, rows.impact, rows.particle
            )
        blocks.append(draw(spectrum, mean.numpy(), steady.numpy(), random))
    return np.concatenate(blocks)
