"""Arrays and streams of any library as those of Numba, without copies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

__all__ = ["blocks_for", "device_array", "device_stream", "zeros"]

THREADS = 128


def device_array(array: Any, stream: Any = 0) -> Any:
    """The array itself where it is on the device, of Numba, CuPy or torch; NumPy's are copied."""
    if getattr(array, "__cuda_ndarray__", False):
        return array
    if hasattr(array, "__cuda_array_interface__"):
        # the order with other work is that of the stream: nothing is waited for
        return cuda.as_cuda_array(array, sync=False)
    return cuda.to_device(np.ascontiguousarray(array), stream)


def device_stream(stream: Any) -> Any:
    """A stream of Numba: one of these, or the address of another library's, 0 for the default."""
    if isinstance(stream, int) and stream != 0:
        return cuda.external_stream(stream)
    return stream


def blocks_for(number: int, threads: int = THREADS) -> int:
    """Blocks of threads that have one thread for each of so many, at least one."""
    return max(1, -(-number // threads))


@cuda.jit(cache=False)
def _fill_zeros(out: Any) -> None:
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i] = 0


def zeros(shape: tuple[int, ...], dtype: Any, stream: Any = 0) -> Any:
    """New array of zeros on the device, in C order."""
    out = cuda.device_array(shape, dtype, stream=stream)
    flat = out.reshape(int(np.prod(shape)))
    if flat.shape[0]:
        _fill_zeros[blocks_for(flat.shape[0]), THREADS, stream](flat)
    return out
