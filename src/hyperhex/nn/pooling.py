"""Pooling of graphs along a hierarchy of cells, and back, as torch modules.

`NestedPool` takes runs of cells that follow one another (four siblings of HEALPix in nested order);
`TablePool` takes a table of children (flowers of seven or rhombi of four hexagons, see
`kernels.spectral.hierarchy`). Nodes are last in all tensors. Torch's own operations do the work,
as each number is read and written once.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

__all__ = ["NestedPool", "NestedUnpool", "TablePool", "TableUnpool"]

MODES = ("mean", "max")


class NestedPool(nn.Module):
    """Mean or maximum of each run of `number` nodes: (..., n) -> (..., n / number).

    Parameters
    ----------
    mode : "mean" or "max"
    number : nodes of a run, 4 a level of HEALPix

    Examples
    --------
    >>> NestedPool("max")(torch.arange(8.0))
    tensor([3., 7.])
    """

    def __init__(self, mode: str = "mean", number: int = 4) -> None:
        super().__init__()
        self.mode, self.number = _mode(mode), number

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features."""
        if x.shape[-1] % self.number:
            msg = f"{x.shape[-1]} nodes given, expected a multiple of {self.number}"
            raise ValueError(msg)
        runs = x.reshape(*x.shape[:-1], -1, self.number)
        return runs.mean(-1) if self.mode == "mean" else runs.amax(-1)

    def extra_repr(self) -> str:
        """What the module is made of."""
        return f"{self.mode!r}, {self.number}"


class NestedUnpool(nn.Module):
    """Every node repeated `number` times: (..., n) -> (..., n * number).

    Examples
    --------
    >>> NestedUnpool(2)(torch.tensor([3.0, 7.0]))
    tensor([3., 3., 7., 7.])
    """

    def __init__(self, number: int = 4) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        """Features of the finer level."""
        return x.repeat_interleave(self.number, dim=-1)

    def extra_repr(self) -> str:
        """What the module is made of."""
        return str(self.number)


class TablePool(nn.Module):
    """Mean or maximum over the children of each parent: (..., cells) -> (..., parents).

    Parameters
    ----------
    children : (parents, k) cells of each parent, -1 where there is none; every cell once
    mode : "mean" or "max", over the children that there are

    Examples
    --------
    >>> TablePool([[0, 1], [2, -1]])(torch.tensor([1.0, 3.0, 7.0]))
    tensor([2., 7.])
    """

    table: Tensor
    missing: Tensor
    counts: Tensor

    def __init__(self, children: ArrayLike, mode: str = "mean") -> None:
        super().__init__()
        table = _children(children)
        self.mode, self.n_cells = _mode(mode), int(table.max()) + 1
        self.register_buffer("table", torch.from_numpy(np.maximum(table, 0)), persistent=False)
        self.register_buffer("missing", torch.from_numpy(table < 0), persistent=False)
        self.register_buffer("counts", torch.from_numpy((table >= 0).sum(axis=1)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features."""
        _require_nodes(x, self.n_cells)
        # index_select of a flat table: its backward is one ordered sum
        found = x.index_select(-1, self.table.flatten())
        found = found.reshape(*x.shape[:-1], *self.table.shape)
        if self.mode == "max":
            return found.masked_fill(self.missing, -torch.inf).amax(-1)
        return found.masked_fill(self.missing, 0.0).sum(-1) / self.counts

    def extra_repr(self) -> str:
        """What the module is made of."""
        return f"{self.n_cells} cells, {len(self.counts)} parents, {self.mode!r}"


class TableUnpool(nn.Module):
    """Every parent's features given to all its children: (..., parents) -> (..., cells).

    Examples
    --------
    >>> TableUnpool([[0, 2], [1, -1]])(torch.tensor([3.0, 7.0]))
    tensor([3., 7., 3.])
    """

    parent: Tensor

    def __init__(self, children: ArrayLike) -> None:
        super().__init__()
        table = _children(children)
        self.n_parents = len(table)
        parent = np.zeros(int(table.max()) + 1, dtype=np.int64)
        rows = np.broadcast_to(np.arange(len(table))[:, None], table.shape)
        parent[table[table >= 0]] = rows[table >= 0]
        self.register_buffer("parent", torch.from_numpy(parent), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the finer level."""
        _require_nodes(x, self.n_parents)
        return x.index_select(-1, self.parent)

    def extra_repr(self) -> str:
        """What the module is made of."""
        return f"{self.n_parents} parents, {len(self.parent)} cells"


def _mode(mode: str) -> str:
    """A known mode, or ValueError."""
    if mode not in MODES:
        msg = f"mode={mode!r} given, expected one of {', '.join(MODES)}"
        raise ValueError(msg)
    return mode


def _children(children: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Table of children that names each cell once, or ValueError."""
    table = np.asarray(children, dtype=np.int64)
    named = np.sort(table[table >= 0])
    if table.ndim != 2 or not np.array_equal(named, np.arange(len(named))):
        msg = f"children of shape {table.shape} given, expected (parents, k) naming each cell once"
        raise ValueError(msg)
    if not (table >= 0).any(axis=1).all():
        msg = "a parent without children given, expected at least one each: leave it out"
        raise ValueError(msg)
    return table


def _require_nodes(x: Tensor, number: int) -> None:
    """ValueError unless the last axis has so many nodes."""
    if x.shape[-1] != number:
        msg = f"{x.shape[-1]} nodes given, expected {number}"
        raise ValueError(msg)
