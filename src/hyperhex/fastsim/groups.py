"""Cells that the networks see as one: single cells near the axis, beyond them sectors of rings.

Far from the axis cells are so rarely hit that a network learns nothing of a single one, and there
are many of them: most of a critic's weights would be theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch

__all__ = ["SECTORS", "SINGLE_RINGS", "groups"]

SINGLE_RINGS = 6
SECTORS = 6


def groups(patch: Patch) -> NDArray[np.int64]:
    """Number of the group of each cell, (n_cells,).

    Every cell of the inner six rings is its own group; each ring beyond has six, one for every
    sector of 60 degrees, counter-clockwise from +x.
    """
    cell = np.arange(patch.n_cells)
    ring = patch.ring.clip(1)
    inner = 1 + 3 * SINGLE_RINGS * (SINGLE_RINGS + 1)
    along = cell - (1 + 3 * ring * (ring - 1))
    outer = inner + SECTORS * (ring - SINGLE_RINGS - 1) + along // ring
    return np.where(patch.ring <= SINGLE_RINGS, cell, outer)
