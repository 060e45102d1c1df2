"""The few cells of an image that count, found without a look at every one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted

__all__ = ["marked_cells"]

# cells that are tested at once
STRETCH = 64


@uncounted
def marked_cells(marks: NDArray[Any], cells: NDArray[np.uint32]) -> int:
    """Put the indices of cells that are not zero into `cells` (n + 1,); returns their number.

    Most stretches are empty, which a vector or two tell: their length is a constant for that.
    """
    number = 0
    whole = len(marks) // STRETCH * STRETCH
    for start in range(0, whole, STRETCH):
        found = np.uint8(0)
        for k in range(STRETCH):
            found |= np.uint8(marks[start + k] != 0)
        if found == 0:
            continue
        for k in range(STRETCH):
            # written in any case, for want of a branch that could be guessed wrong
            cells[number] = start + k
            number += marks[start + k] != 0
    for p in range(whole, len(marks)):
        cells[number] = p
        number += marks[p] != 0
    return number
