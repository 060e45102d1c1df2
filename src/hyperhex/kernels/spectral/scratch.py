"""Memory that a thread works on, kept from call to call, on large pages where the system has them.

The terms of a tile fill more small pages than the first-level translation buffer has entries.
"""

from __future__ import annotations

from threading import local
from typing import Any

import numpy as np

__all__ = ["scratch"]

PAGE = 1 << 21
# NumPy asks for large pages for arrays of this size and above
LEAST = 1 << 22

_HELD = local()


def scratch(number: int, kind: Any) -> Any:
    """Array of so many numbers of a kind, with anything in it, the calling thread's own.

    Examples
    --------
    >>> scratch(3, np.float32).shape
    (3,)
    """
    needed = number * np.dtype(kind).itemsize
    held = getattr(_HELD, "array", None)
    if held is None or held.nbytes < needed:
        whole = np.empty(max(needed + PAGE, LEAST), dtype=np.uint8)
        held = whole[-whole.ctypes.data % PAGE :]
        _HELD.array = held
    return held[:needed].view(kind)
