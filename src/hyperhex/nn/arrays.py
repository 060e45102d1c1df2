"""Tensors as the arrays that kernels take: no copies, and torch's current stream."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["array_of", "stream_of"]


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
