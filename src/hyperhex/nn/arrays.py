"""Tensors as the arrays that kernels take: no copies, torch's stream, and room for results."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

__all__ = ["array_of", "room", "stream_of"]

# from this size on the C library gives memory back at once: each result comes in new pages
_LARGE = 1 << 25
_HUGE_PAGE = 1 << 21


def array_of(tensor: torch.Tensor) -> Any:
    """NumPy array or Numba device array over a tensor's memory."""
    if tensor.is_cuda:
        from numba import cuda

        return cuda.as_cuda_array(tensor.detach(), sync=False)
    return tensor.detach().numpy()


def stream_of(tensor: torch.Tensor) -> Any:
    """Stream on which torch works on the tensor's device; 0 for the CPU."""
    if tensor.is_cuda:
        from numba import cuda

        return cuda.external_stream(torch.cuda.current_stream(tensor.device).cuda_stream)
    return 0


def room(like: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Uninitialised tensor of a type and device; on the CPU a large one in huge pages.

    The first touch of 81 MB in pages of 4 kB takes 37 ms, in huge pages 3 ms: more than the
    convolution that fills it. Systems that know no such advice give ordinary pages.
    """
    tensor = like.new_empty(shape)
    size = tensor.numel() * tensor.element_size()
    if tensor.is_cuda or size < _LARGE or _advise() is None:
        return tensor
    start = -(-tensor.data_ptr() // _HUGE_PAGE) * _HUGE_PAGE
    length = (tensor.data_ptr() + size - start) // _HUGE_PAGE * _HUGE_PAGE
    # an advice: where it is refused the pages are small
    _advise()(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
    return tensor


@cache
def _advise() -> Any:
    """The system's madvise, None where it knows no huge pages."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    return getattr(ctypes.CDLL(None), "madvise", None)
