"""Chebyshev convolution on a graph (Defferrard et al., arXiv:1606.09375) as a torch module.

The operation is linear in the features X and in the weights W, and L is symmetric, so that all
derivatives of any order are made of two operations:
    C(X, W) = sum_k W_k^T T_k(L) X,   S(X, G)_k = sum over images and nodes of X (T_k(L) G)^T
    dX = C(dY, W^T),   dW = S(X, dY);   of S with cotangent V: dX = C(G, V^T),   dG = C(X, V).
"""

from __future__ import annotations

import itertools
import math
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from hyperhex.kernels.spectral.chebyshev import (
    Recurrence,
    chebyshev_convolution,
    chebyshev_gradients,
)
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.laplacian import combinatorial, normalised
from hyperhex.nn.arrays import array_of

__all__ = ["ChebConv"]

LAPLACIANS = {"normalised": normalised, "combinatorial": combinatorial}

# torch's operations take tensors and numbers: a graph goes by its number in this process
_GRAPHS: WeakValueDictionary[int, Recurrence] = WeakValueDictionary()
_NUMBERS = itertools.count()


def _numbered(recurrence: Recurrence) -> int:
    """Number under which the operations find a recurrence."""
    number = next(_NUMBERS)
    _GRAPHS[number] = recurrence
    return number


@torch.library.custom_op("hyperhex::chebyshev", mutates_args=())
def _convolve(x: Tensor, weight: Tensor, bias: Tensor, graph: int) -> Tensor:
    """C(X, W) + b on the device of x."""
    recurrence = _GRAPHS[graph]
    if x.is_cuda:
        return _mixed(_terms_on_device(x, recurrence), weight) + bias[:, None]
    return torch.from_numpy(
        chebyshev_convolution(
            array_of(x.contiguous()),
            array_of(weight),
            recurrence,
            array_of(bias),
            threads=torch.get_num_threads(),
        )
    )


@_convolve.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor, graph: int) -> Tensor:  # noqa: ARG001
    return x.new_empty(x.shape[0], weight.shape[2], x.shape[2])


@torch.library.custom_op("hyperhex::chebyshev_sums", mutates_args=())
def _sums(x: Tensor, g: Tensor, graph: int) -> Tensor:
    """S(X, G), as weights (order, channels of x, channels of g)."""
    recurrence = _GRAPHS[graph]
    if x.is_cuda:
        return _summed(x, _terms_on_device(g, recurrence))
    _, sums = chebyshev_gradients(
        array_of(g.contiguous()),
        array_of(x.contiguous()),
        None,
        recurrence,
        threads=torch.get_num_threads(),
    )
    return torch.from_numpy(sums)


@_sums.register_fake
def _(x: Tensor, g: Tensor, graph: int) -> Tensor:
    return x.new_empty(_GRAPHS[graph].order, x.shape[1], g.shape[1])


@torch.library.custom_op("hyperhex::chebyshev_backward", mutates_args=())
def _backward(g: Tensor, x: Tensor, weight: Tensor, graph: int) -> tuple[Tensor, Tensor]:
    """C(G, W^T) and S(X, G) from one recurrence on G."""
    recurrence = _GRAPHS[graph]
    if x.is_cuda:
        terms = _terms_on_device(g, recurrence)
        return _mixed(terms, weight.transpose(1, 2)), _summed(x, terms)
    dx, sums = chebyshev_gradients(
        array_of(g.contiguous()),
        array_of(x.contiguous()),
        array_of(weight),
        recurrence,
        threads=torch.get_num_threads(),
    )
    return torch.from_numpy(dx), torch.from_numpy(sums)


@_backward.register_fake
def _(
    g: Tensor,  # noqa: ARG001
    x: Tensor,
    weight: Tensor,
    graph: int,  # noqa: ARG001
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(weight)


def _terms_on_device(x: Tensor, recurrence: Recurrence) -> Tensor:
    """All terms (images, order, channels, nodes) of features on a CUDA device.

    Not measured on a device yet: where cuSPARSE is faster, torch.sparse.mm belongs here.
    """
    from hyperhex.kernels.cuda.chebyshev import chebyshev_terms
    from hyperhex.nn.arrays import stream_of

    terms = x.new_empty(x.shape[0], recurrence.order, *x.shape[1:])
    chebyshev_terms(array_of(x.contiguous()), array_of(terms), recurrence, stream_of(x))
    return terms


def _mixed(terms: Tensor, weight: Tensor) -> Tensor:
    """Sum over terms and channels, one product of matrices an image: cuBLAS on a device."""
    return torch.matmul(weight.flatten(0, 1).T, terms.flatten(1, 2))


def _summed(x: Tensor, terms: Tensor) -> Tensor:
    """Sum over images and nodes of x times each term: (order, channels of x, of the terms)."""
    return torch.einsum("bcn,bkon->kco", x, terms)


def _convolution(x: Tensor, weight: Tensor, graph: int) -> Tensor:
    """C(X, W) without bias."""
    return _convolve(x, weight, weight.new_zeros(weight.shape[2]), graph)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
    """Save the tensors of an operation whose last argument is the graph's number."""
    *tensors, ctx.graph = inputs
    ctx.save_for_backward(*tensors)


def _convolve_gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, _ = ctx.saved_tensors
    by_x, by_weight, by_bias, _ = ctx.needs_input_grad
    dx = dweight = None
    if by_x and by_weight:
        dx, dweight = _backward(g, x, weight, ctx.graph)
    elif by_x:
        dx = _convolution(g, weight.transpose(1, 2), ctx.graph)
    elif by_weight:
        dweight = _sums(x, g, ctx.graph)
    return dx, dweight, g.sum((0, 2)) if by_bias else None, None


def _sums_gradients(ctx: Any, v: Tensor) -> tuple[Tensor | None, ...]:
    x, g = ctx.saved_tensors
    by_x, by_g, _ = ctx.needs_input_grad
    dx = _convolution(g, v.transpose(1, 2), ctx.graph) if by_x else None
    return dx, _convolution(x, v, ctx.graph) if by_g else None, None


def _backward_gradients(ctx: Any, u: Tensor, v: Tensor) -> tuple[Tensor | None, ...]:
    g, x, weight = ctx.saved_tensors
    by_g, by_x, by_weight, _ = ctx.needs_input_grad
    dg = _convolution(u, weight, ctx.graph) + _convolution(x, v, ctx.graph) if by_g else None
    dx = _convolution(g, v.transpose(1, 2), ctx.graph) if by_x else None
    return dg, dx, _sums(u, g, ctx.graph) if by_weight else None, None


_convolve.register_autograd(_convolve_gradients, setup_context=_keep)
_sums.register_autograd(_sums_gradients, setup_context=_keep)
_backward.register_autograd(_backward_gradients, setup_context=_keep)


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
    (batch, in_channels, nodes) -> (batch, out_channels, nodes) in float32 or float64; weight
    (order, in_channels, out_channels).

    Examples
    --------
    >>> ring = Graph.from_edges(6, [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0])
    >>> ChebConv(2, 3, order=4, graph=ring)(torch.ones(5, 2, 6)).shape
    torch.Size([5, 3, 6])
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
        if laplacian not in LAPLACIANS:
            msg = f"laplacian={laplacian!r} given, expected one of {', '.join(LAPLACIANS)}"
            raise ValueError(msg)
        matrix = LAPLACIANS[laplacian](graph)
        scaled = matrix.scaled(matrix.bound if largest is None else largest)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.recurrence = Recurrence(scaled, order)
        self._number = _numbered(self.recurrence)
        self.weight = nn.Parameter(torch.empty(order, in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        # a copy, or another process: the number stands for nothing there
        self._number = _numbered(self.recurrence)

    def reset_parameters(self) -> None:
        """Glorot's uniform weights for each term, as torch-geometric's, and no bias."""
        limit = math.sqrt(6.0 / (self.in_channels + self.out_channels))
        nn.init.uniform_(self.weight, -limit, limit)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Filtered features (batch, out_channels, nodes)."""
        if self.bias is None:
            return _convolution(x, self.weight, self._number)
        return _convolve(x, self.weight, self.bias, self._number)

    def extra_repr(self) -> str:
        """What the module is made of."""
        order, nodes = self.recurrence.order, self.recurrence.matrix.n_nodes
        return f"{self.in_channels}, {self.out_channels}, order={order}, nodes={nodes}"
