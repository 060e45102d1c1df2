"""Directions and how scattering turns them."""

from __future__ import annotations

import math

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State, uniform

__all__ = ["scattered", "turned"]


@inlined
def _combined(
    ux: float, uy: float, uz: float, cos: float, a: float, b: float
) -> tuple[float, float, float]:
    """Sum of the direction times `cos` and a, b times two unit vectors across it.

    The basis of Duff et al., J. Comput. Graph. Tech. 6 (2017) 1: no root and no special case.
    """
    sign = 1.0 if uz >= 0.0 else -1.0
    scale = -1.0 / (sign + uz)
    mixed = ux * uy * scale
    vx = ux * cos + a * (1.0 + sign * ux * ux * scale) + b * mixed
    vy = uy * cos + a * sign * mixed + b * (sign + uy * uy * scale)
    vz = uz * cos - a * sign * ux - b * uy
    # one step of Newton keeps rounding from growing over thousands of turns
    norm = 1.5 - 0.5 * (vx * vx + vy * vy + vz * vz)
    return vx * norm, vy * norm, vz * norm


@inlined
def turned(
    ux: float, uy: float, uz: float, cos: float, cos_phi: float, sin_phi: float
) -> tuple[float, float, float]:
    """Direction turned by an angle of cosine `cos` at the azimuth phi."""
    sin = math.sqrt(max(0.0, (1.0 - cos) * (1.0 + cos)))
    return _combined(ux, uy, uz, cos, sin * cos_phi, sin * sin_phi)


@inlined
def scattered(
    state: State, ux: float, uy: float, uz: float, deflection: float
) -> tuple[float, float, float]:
    """Direction turned by an angle with 1 - cos = `deflection` at a random azimuth."""
    while True:
        a = 2.0 * uniform(state) - 1.0
        b = 2.0 * uniform(state) - 1.0
        square = a * a + b * b
        if 1e-12 < square < 1.0:
            # the sine and the circle's radius under one root
            sin = math.sqrt(max(0.0, deflection * (2.0 - deflection)) / square)
            return _combined(ux, uy, uz, 1.0 - deflection, sin * a, sin * b)
