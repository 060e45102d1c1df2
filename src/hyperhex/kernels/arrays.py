"""Where an array lies: in the memory of the CPU, or on a CUDA device."""

from __future__ import annotations

from typing import Any

__all__ = ["on_device"]


def on_device(*arrays: Any) -> bool:
    """Whether arrays lie on a CUDA device; ValueError where some do and some do not.

    Numba, CuPy and torch say so by `__cuda_array_interface__`; Numba's simulator of CUDA marks its
    arrays otherwise.
    """
    there = [
        hasattr(array, "__cuda_array_interface__") or getattr(array, "__cuda_ndarray__", False)
        for array in arrays
    ]
    if any(there) and not all(there):
        places = ", ".join("device" if one else "CPU" for one in there)
        msg = f"arrays on {places} given, expected all on the CPU or all on one device"
        raise ValueError(msg)
    return all(there) and bool(there)
