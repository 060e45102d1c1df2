"""Linear layers of networks that are only drawn from."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["linear"]


def linear(
    values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, slope: float | None = None
) -> torch.Tensor:
    """A linear layer, and a rectifier behind it that leaks by `slope` if there is one.

    `values` (n, inputs), `weight` (outputs, inputs), `bias` (outputs,). Where no gradient is asked
    for, a CPU does both in one pass of oneDNN: torch's own way is by MKL, which on processors of
    AMD is half as fast.
    """
    fused = values.device.type == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    found: torch.Tensor
    if torch.is_grad_enabled() or torch.compiler.is_exporting() or not fused:
        found = nn.functional.linear(values, weight, bias)
        return found if slope is None else nn.functional.leaky_relu(found, slope)
    behind = ("none", []) if slope is None else ("leaky_relu", [slope])
    found = torch.ops.mkldnn._linear_pointwise(values, weight, bias, *behind, "")
    return found
