"""Chebyshev convolution on a graph (Defferrard et al., arXiv:1606.09375) as a torch module."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.laplacian import combinatorial, normalised

__all__ = ["ChebConv"]


class ChebConv(nn.Module):
    """Y = sum_k W_k^T T_k(L~) X + b, k = 0 to order - 1, with L~ = 2 L / largest - 1.

    Parameters
    ----------
    in_channels, out_channels : features of a node before and after
    order : number of Chebyshev terms, `K` of torch-geometric's ChebConv
    graph : graph of all nodes
    bias : whether to add one number an output channel
    laplacian : "normalised" or "combinatorial"
    largest : eigenvalue that is mapped to 1; the Laplacian's own bound if not given

    Shapes
    ------
    (batch, in_channels, nodes) -> (batch, out_channels, nodes); weight (order, in, out).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        order: int,
        graph: Graph,
        bias: bool = True,
        *,
        laplacian: str = "normalised",
        largest: float | None = None,
    ) -> None:
        super().__init__()
        if order < 1:
            msg = f"order={order} given, expected at least 1 Chebyshev term"
            raise ValueError(msg)
        matrix = {"normalised": normalised, "combinatorial": combinatorial}[laplacian](graph)
        self.in_channels, self.out_channels, self.order = in_channels, out_channels, order
        scaled = matrix.scaled(matrix.bound if largest is None else largest)
        table = np.arange(graph.n_nodes)[:, None].repeat(graph.most_neighbours + 1, axis=1)
        values = np.zeros(table.shape)
        place = np.arange(len(graph.columns)) - graph.offsets[graph.rows] + 1
        values[:, 0] = scaled.diagonal
        table[graph.rows, place] = graph.columns
        values[graph.rows, place] = scaled.edges
        self.register_buffer("_table", torch.from_numpy(table), persistent=False)
        self.register_buffer(
            "_values",
            torch.from_numpy(values).to(torch.get_default_dtype()),
            persistent=False,
        )
        self.weight = nn.Parameter(torch.empty(order, in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's uniform weights for each term, as torch-geometric's, and no bias."""
        limit = math.sqrt(6.0 / (self.in_channels + self.out_channels))
        nn.init.uniform_(self.weight, -limit, limit)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Filtered features (batch, out_channels, nodes)."""
        previous, term = x, x
        y = torch.einsum("bcn,co->bon", x, self.weight[0])
        for k in range(1, self.order):
            moved = (term[..., self._table] * self._values).sum(-1)
            previous, term = term, (moved if k == 1 else 2 * moved - previous)
            y = y + torch.einsum("bcn,co->bon", term, self.weight[k])
        return y if self.bias is None else y + self.bias[:, None]

    def extra_repr(self) -> str:
        """What the module is made of."""
        return f"{self.in_channels}, {self.out_channels}, order={self.order}"
