"""Values drawn from mixtures of densities that differ by place and width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.elementary import exp32

__all__ = ["draw_mixtures"]

Floats = NDArray[np.float32]


@compiled
def draw_mixtures(
    told: Floats, choice: Floats, away: Floats, narrowest: float, widest: float
) -> Floats:
    """Value of each row, (n,): the mean of a component and so many of its widths away.

    `told` (n, 3 components) are logits of the components, their means, and logarithms of their
    widths, limited to `narrowest` and `widest`; `choice` (n,), uniform in (0, 1), decides which
    component, by their running sum; `away` (n,) [widths].
    """
    components = told.shape[1] // 3
    values = np.empty(len(told), np.float32)
    reached = np.empty(components, np.float32)
    for row in range(len(told)):
        highest = told[row, 0]
        for k in range(1, components):
            highest = max(highest, told[row, k])
        total = np.float32(0.0)
        for k in range(components):
            total += exp32(told[row, k] - highest)
            reached[k] = total
        limit = choice[row] * total
        chosen = 0
        for k in range(components - 1):
            chosen += reached[k] < limit
        logarithm = told[row, 2 * components + chosen]
        logarithm = min(max(logarithm, np.float32(narrowest)), np.float32(widest))
        values[row] = told[row, components + chosen] + exp32(logarithm) * away[row]
    return values
