"""Convolution on hexagonal cells, or on any cells with a table of neighbours.

The output of cell p is the sum over taps k of weight[:, :, k] times the input of the k-th
neighbour of p: y[b, o, p] = bias[o] + sum_{i, k} weight[o, i, k] x[b, i, neighbours[p, k]], with
zeros outside. It is linear in input and weight, and its derivatives are the same sums with the
table read backwards.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["HexConv2d", "Neighbourhood", "hex_convolution"]


class Neighbourhood(nn.Module):
    """Where each tap of a kernel reads: a checked table of neighbours and its reverse.

    Parameters
    ----------
    neighbours : (n_cells, n_taps) integers, the cell that tap k of cell p reads, -1 for zero;
        column 0 is the cell itself, and no column names a cell twice
    """

    neighbours: torch.Tensor
    reverse: torch.Tensor

    def __init__(self, neighbours: Any) -> None:
        super().__init__()
        table = np.asarray(neighbours)
        reverse = _reversed(table)
        self.register_buffer("neighbours", torch.from_numpy(table.astype(np.int64)), False)
        self.register_buffer("reverse", torch.from_numpy(reverse), False)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.neighbours.shape[0]

    @property
    def n_taps(self) -> int:
        """Number of taps of a kernel."""
        return self.neighbours.shape[1]


def hex_convolution(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    neighbourhood: Neighbourhood,
) -> torch.Tensor:
    """Convolve cells with a kernel of taps; differentiable any number of times.

    Parameters
    ----------
    x : (batch, in_channels, n_cells)
    weight : (out_channels, in_channels, n_taps)
    bias : (out_channels,) or None

    Returns
    -------
    (batch, out_channels, n_cells)
    """
    table = neighbourhood.neighbours
    if x.ndim != 3 or x.shape[1] != weight.shape[1] or x.shape[2] != table.shape[0]:
        msg = (
            f"input of shape {tuple(x.shape)} given, expected "
            f"(batch, {weight.shape[1]}, {table.shape[0]}), as weight and table say"
        )
        raise ValueError(msg)
    if weight.ndim != 3 or weight.shape[2] != table.shape[1]:
        msg = (
            f"weight of shape {tuple(weight.shape)} given, expected (out_channels, in_channels, "
            f"{table.shape[1]}): one number for each tap of the table"
        )
        raise ValueError(msg)
    padded = nn.functional.pad(x, (0, 1))
    taken = padded[:, :, table.T]  # -1 takes the zero at the end
    output = weight.flatten(1) @ taken.flatten(1, 2)
    return output if bias is None else output + bias[:, None]


class HexConv2d(nn.Module):
    """Layer that convolves hexagonal cells: (batch, in_channels, n_cells) to out_channels.

    Parameters
    ----------
    in_channels, out_channels : numbers of channels
    neighbours : table (n_cells, n_taps), see `Neighbourhood`; or a `Neighbourhood` to share
    bias : whether to add a learned number to each output channel

    Examples
    --------
    >>> import torch
    >>> line = [[0, -1, 1], [1, 0, 2], [2, 1, -1]]  # three cells: self, left, right
    >>> layer = HexConv2d(1, 1, line, bias=False)
    >>> _ = layer.weight.data.fill_(1.0)
    >>> layer(torch.tensor([[[1.0, 2.0, 4.0]]]))[0, 0].tolist()
    [3.0, 7.0, 6.0]
    """

    def __init__(
        self, in_channels: int, out_channels: int, neighbours: Any, bias: bool = True
    ) -> None:
        super().__init__()
        shared = isinstance(neighbours, Neighbourhood)
        self.neighbourhood = neighbours if shared else Neighbourhood(neighbours)
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, self.neighbourhood.n_taps)
        )
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw uniform in +-1/sqrt(fan-in), as torch's own convolutions do."""
        bound = 1 / math.sqrt(max(1, self.weight[0].numel()))
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve (batch, in_channels, n_cells) to (batch, out_channels, n_cells)."""
        return hex_convolution(x, self.weight, self.bias, self.neighbourhood)

    def extra_repr(self) -> str:
        """Numbers of channels, taps and cells, for print."""
        out_channels, in_channels, n_taps = self.weight.shape
        return f"{in_channels}, {out_channels}, n_taps={n_taps}, bias={self.bias is not None}"


def _reversed(table: NDArray[np.integer]) -> NDArray[np.int64]:
    """Cells whose tap k reads cell p, (n_cells, n_taps), -1 for none; refuses a bad table."""
    if table.ndim != 2 or table.dtype.kind not in "iu" or not table.size:
        msg = (
            f"neighbours of shape {table.shape} and type {table.dtype} given, expected a table of "
            "integers (n_cells, n_taps)"
        )
        raise ValueError(msg)
    n_cells, n_taps = table.shape
    if table.min() < -1 or table.max() >= n_cells:
        msg = (
            f"neighbours from {table.min()} to {table.max()} given, expected -1 (no cell) to "
            f"{n_cells - 1}, the last of {n_cells} cells"
        )
        raise ValueError(msg)
    if not np.array_equal(table[:, 0], np.arange(n_cells)):
        msg = (
            "column 0 of neighbours is not the cell itself: put np.arange(n_cells) before the "
            "columns of neighbours"
        )
        raise ValueError(msg)
    reverse = np.full((n_cells, n_taps), -1, dtype=np.int64)
    for tap in range(n_taps):
        cells = np.flatnonzero(table[:, tap] >= 0)
        read = table[cells, tap]
        reverse[read, tap] = cells
        if len(np.unique(read)) != len(read):
            twice = int(np.flatnonzero(np.bincount(read) > 1)[0])
            msg = (
                f"column {tap} of neighbours names cell {twice} more than once: a tap reads each "
                "cell for one cell at most; order the columns by direction"
            )
            raise ValueError(msg)
    return reverse
