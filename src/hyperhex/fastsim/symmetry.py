"""The twelvefold symmetry of a hexagonal patch: every shower seen from one wedge of its cell.

A shower that enters along the axis of the stack knows only where in the central cell it entered.
Turning and mirroring it (the group D6) until that point lies in the wedge of angles 0 to 30 degrees
makes twelve showers' worth of training out of one, and a generator that is symmetric exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch

__all__ = ["MIDDLE", "inverses", "move", "wedge"]

MIDDLE = np.array([np.cos(np.pi / 12), np.sin(np.pi / 12)])
"""Direction of the middle of the wedge, at 15 degrees."""


def wedge(patch: Patch, impact: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray]:
    """Operation of D6 that carries each impact point into the wedge, and the point there.

    Of the twelve images, the one in the wedge has the largest component along its middle (15
    degrees). `impact` (n, 2) [cm] -> operations (n,), points (n, 2) [cm].
    """
    images = np.einsum("kij,nj->nki", patch.symmetry_matrices, np.asarray(impact, np.float64))
    operation = np.argmax(images @ MIDDLE, axis=1)
    return operation, images[np.arange(len(images)), operation]


def inverses(patch: Patch) -> NDArray[np.int64]:
    """Operation that undoes each of the twelve, (12,)."""
    matrices = patch.symmetry_matrices
    products = np.einsum("kij,lji->kl", matrices, matrices)
    return np.argmax(products, axis=1)


def move(patch: Patch, deposits: NDArray, operation: NDArray[np.int64]) -> NDArray:
    """Showers (n, layers, cells), each carried by its own operation of D6, (n,)."""
    cells = patch.symmetries[operation][:, None, :]
    return np.take_along_axis(deposits, np.broadcast_to(cells, deposits.shape), axis=2)
