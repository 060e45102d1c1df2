"""Exponential and logarithm of 32 bits as arithmetic alone, so that loops of them are vectorised.

The bits of a number are read in registers: through a view of the array a loop would seem to write
what it reads next, and would run one number at a time.
"""

from __future__ import annotations

import math

import numpy as np

from hyperhex.kernels.compiled import inlined

__all__ = ["LARGEST_EXPONENT", "exp32", "log32"]

LARGEST_EXPONENT = 80.0


@inlined
def exp32(value: np.float32) -> np.float32:
    """Exponential, exact to 2e-7 about zero: 2^n times a polynomial of the rest.

    The exponent is limited to +-80.
    """
    limit = np.float32(LARGEST_EXPONENT)
    limited = min(max(value, -limit), limit)
    scaled = limited * np.float32(1.0 / math.log(2.0))
    whole = np.int32(scaled + np.float32(128.5)) - np.int32(128)
    rest = (scaled - np.float32(whole)) * np.float32(math.log(2.0))
    series = np.float32(1.0 / 120.0) + rest * np.float32(1.0 / 720.0)
    series = np.float32(1.0 / 24.0) + rest * series
    series = np.float32(1.0 / 6.0) + rest * series
    series = np.float32(0.5) + rest * series
    series = np.float32(1.0) + rest * series
    mantissa = np.float32(np.float32(1.0) + rest * series).view(np.int32)
    return np.int32(mantissa + (whole << np.int32(23))).view(np.float32)


@inlined
def log32(value: np.float32) -> np.float32:
    """Logarithm of a positive normal number, exact to 2e-5: a polynomial about 3/2."""
    word = np.float32(value).view(np.int32)
    exponent = np.float32((word >> np.int32(23)) - np.int32(127))
    mantissa = np.int32((word & np.int32(0x007FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    y = (mantissa - np.float32(1.5)) * np.float32(1.0 / 1.5)
    series = np.float32(1.0 / 7.0) - y * np.float32(0.125)
    series = np.float32(1.0 / 6.0) - y * series
    series = np.float32(0.2) - y * series
    series = np.float32(0.25) - y * series
    series = np.float32(1.0 / 3.0) - y * series
    series = np.float32(0.5) - y * series
    series = y * (np.float32(1.0) - y * series)
    return exponent * np.float32(math.log(2.0)) + (np.float32(math.log(1.5)) + series)
