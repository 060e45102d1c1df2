"""Convolution on hexagonal cells, or on any cells with a table of neighbours.

The output of cell p is the sum over taps k of weight[:, :, k] times the input of the k-th
neighbour of p: y[b, o, p] = bias[o] + sum_{i, k} weight[o, i, k] x[b, i, neighbours[p, k]], with
zeros outside. It is linear in input and weight, and its derivatives are the same sums with the
table read backwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.kernels.hexagonal.convolution import convolve, differentiate, reversed_table
from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import neighbourhood
from hyperhex.nn.arrays import array_of, stream_of

__all__ = ["HexConv2d", "Neighbourhood", "hex_convolution"]


class Neighbourhood(nn.Module):
    """Where each tap of a kernel reads: a checked table of neighbours and its reverse.

    Parameters
    ----------
    neighbours : (n_cells, n_taps) integers, the cell that tap k of cell p reads, -1 for zero;
        column 0 is the cell itself, and no column names a cell twice
    axial : (n_cells, 2) axial coordinates of a lattice's cells, to convolve with torch's conv2d
        instead, with a masked kernel on the rectangle about the cells; None for the kernels,
        which are faster on CPUs, in small layers by little (`hyperhex bench kernels` says how
        much). On GPUs, where cuDNN may win, the choice has not been measured. The table must be
        `neighbourhood(axial, rings)`.
    """

    neighbours: torch.Tensor
    reverse: torch.Tensor
    axial: torch.Tensor | None
    taps: torch.Tensor | None

    def __init__(self, neighbours: Any, axial: Any = None) -> None:
        super().__init__()
        table = np.asarray(neighbours)
        reverse = reversed_table(table)
        if not np.array_equal(table[:, 0], np.arange(len(table))):
            msg = (
                "column 0 of neighbours is not the cell itself: put np.arange(n_cells) before the "
                "columns of neighbours"
            )
            raise ValueError(msg)
        self.register_buffer("neighbours", torch.from_numpy(table.astype(np.int32)), False)
        self.register_buffer("reverse", torch.from_numpy(reverse), False)
        places = None if axial is None else _places(np.asarray(axial), table)
        self.register_buffer("axial", None if places is None else places[0], False)
        self.register_buffer("taps", None if places is None else places[1], False)

        self.rectangle: tuple[int, int] = (0, 0) if places is None else places[2]
        self.rings = 0 if places is None else places[3]

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
    x : (batch, in_channels, n_cells), float32 or float64
    weight : (out_channels, in_channels, n_taps), of the same type
    bias : (out_channels,) or None

    Returns
    -------
    (batch, out_channels, n_cells)
    """
    table = neighbourhood.neighbours
    if weight.ndim != 3 or weight.shape[2] != table.shape[1]:
        msg = (
            f"weight of shape {tuple(weight.shape)} given, expected (out_channels, in_channels, "
            f"{table.shape[1]}): one number for each tap of the table"
        )
        raise ValueError(msg)
    if x.ndim != 3 or x.shape[1] != weight.shape[1] or x.shape[2] != table.shape[0]:
        msg = (
            f"input of shape {tuple(x.shape)} given, expected "
            f"(batch, {weight.shape[1]}, {table.shape[0]}), as weight and table say"
        )
        raise ValueError(msg)
    if neighbourhood.axial is not None:
        return _masked_convolution(x, weight, bias, neighbourhood)
    return _convolve(x, weight, bias, table, neighbourhood.reverse)


def _masked_convolution(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, around: Neighbourhood
) -> torch.Tensor:
    """Convolve in the rectangle of axial coordinates, with zeros in the kernel's corners."""
    row, column = around.axial.unbind(1)  # type: ignore[union-attr]
    tap_row, tap_column = around.taps.unbind(1)  # type: ignore[union-attr]
    side = 2 * around.rings + 1
    image = x.new_zeros(*x.shape[:2], *around.rectangle)
    image[:, :, row, column] = x
    kernel = weight.new_zeros(*weight.shape[:2], side, side)
    kernel[:, :, tap_row, tap_column] = weight
    output = nn.functional.conv2d(image, kernel, bias, padding=around.rings)
    return output[:, :, row, column]


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


def _places(
    axial: NDArray[np.integer], table: NDArray[np.integer]
) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int], int]:
    """Cells and taps in their rectangles, the cells' rectangle, and the kernel's rings."""
    rings = next(r for r in range(len(table[0]) + 1) if 1 + 3 * r * (r + 1) >= len(table[0]))
    if not np.array_equal(neighbourhood(axial, rings), table):
        msg = (
            f"a table of {table.shape[1]} taps for {len(table)} cells given that is not "
            "neighbourhood(axial, rings): leave out axial, or make the table so"
        )
        raise ValueError(msg)
    cells, taps = axial - axial.min(0), axial_rings(rings) + rings
    height, width = (cells.max(0) + 1).tolist()
    return torch.from_numpy(cells.astype(np.int64)), torch.from_numpy(taps), (height, width), rings


@torch.library.custom_op(
    "hyperhex::convolve",
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor? bias, Tensor neighbours, Tensor reverse) -> Tensor",
)
def _convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    neighbours: torch.Tensor,
    reverse: torch.Tensor,  # noqa: ARG001 (what the derivative needs)
) -> torch.Tensor:
    x, weight = x.contiguous(), weight.contiguous()
    out = x.new_empty(x.shape[0], weight.shape[0], x.shape[2])
    convolve(
        array_of(x),
        array_of(weight),
        None if bias is None else array_of(bias.contiguous()),
        array_of(neighbours),
        array_of(out),
        threads=torch.get_num_threads(),
        stream=stream_of(x),
    )
    return out


@_convolve.register_fake
def _(x: Any, weight: Any, bias: Any, neighbours: Any, reverse: Any) -> Any:  # noqa: ARG001
    return x.new_empty(x.shape[0], weight.shape[0], x.shape[2])


@torch.library.custom_op(
    "hyperhex::differentiate",
    mutates_args=(),
    schema="(Tensor dy, Tensor x, Tensor weight, Tensor neighbours, Tensor reverse, "
    "bool of_x, bool of_weight, bool of_bias) -> (Tensor, Tensor, Tensor)",
)
def _differentiate(
    dy: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    neighbours: torch.Tensor,
    reverse: torch.Tensor,
    of_x: bool,
    of_weight: bool,
    of_bias: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Derivatives by x, weight and bias; those not wanted are empty."""
    dy, x, weight = dy.contiguous(), x.contiguous(), weight.contiguous()
    wanted = (of_x, of_weight, of_bias)
    dx, dw, db = (x.new_empty(shape) for shape in _shapes(dy, x, weight, wanted))
    made = (dx, dw, db)
    differentiate(
        array_of(dy),
        array_of(x),
        array_of(weight),
        array_of(neighbours),
        array_of(reverse),
        wanted,
        tuple(array_of(one) if want else None for one, want in zip(made, wanted, strict=True)),
        threads=torch.get_num_threads(),
        stream=stream_of(x),
        workspace=_workspace(dy, weight) if of_weight else None,
    )
    return made


@_differentiate.register_fake
def _(
    dy: Any,
    x: Any,
    weight: Any,
    neighbours: Any,  # noqa: ARG001
    reverse: Any,  # noqa: ARG001
    of_x: bool,
    of_weight: bool,
    of_bias: bool,
) -> Any:
    wanted = (of_x, of_weight, of_bias)
    return tuple(x.new_empty(shape) for shape in _shapes(dy, x, weight, wanted))


def _shapes(
    dy: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, wanted: Sequence[bool]
) -> list[tuple[int, ...]]:
    """Shapes of the derivatives by x, weight and bias; those not wanted are empty."""
    shapes = (x.shape, weight.shape, dy.shape[1:2])
    return [tuple(shape) if want else (0,) for shape, want in zip(shapes, wanted, strict=True)]


def _workspace(dy: torch.Tensor, weight: torch.Tensor) -> Any:
    """Room from torch's own store for the parts of sums on a device."""
    if not dy.is_cuda:
        return None
    from hyperhex.kernels.cuda.convolution import workspace_size

    return array_of(dy.new_empty(workspace_size(tuple(dy.shape), tuple(weight.shape))))


def _keep_inputs(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG001
    x, weight, bias, neighbours, reverse = inputs
    ctx.save_for_backward(x, weight, neighbours, reverse)
    ctx.biased = bias is not None


def _backward(ctx: Any, dy: Any) -> Any:
    x, weight, neighbours, reverse = ctx.saved_tensors
    wanted = (
        ctx.needs_input_grad[0],
        ctx.needs_input_grad[1],
        ctx.biased and ctx.needs_input_grad[2],
    )
    made = _differentiate(dy, x, weight, neighbours, reverse, *wanted)
    return (*(one if want else None for one, want in zip(made, wanted, strict=True)), None, None)


def _keep_all(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs[:5])
    ctx.wanted = inputs[5:]
    ctx.set_materialize_grads(False)


def _backward_again(ctx: Any, of_dx: Any, of_dw: Any, of_db: Any) -> Any:
    """Derivatives of the derivatives, by the same sums.

    dx is linear in dy and weight, dw in dy and x, db in dy: with y = convolve(x, weight), the dot
    products <dx, a> = <dy, convolve(a, weight)> and <dw, b> = <dy, convolve(x, b)> say the rest.
    """
    dy, x, weight, *tables = ctx.saved_tensors
    given = (of_dx, of_dw, of_db)
    of_dx, of_dw, of_db = (g if w else None for g, w in zip(given, ctx.wanted, strict=True))
    grad_dy = grad_x = grad_weight = None
    if ctx.needs_input_grad[0]:
        terms = []
        if of_dx is not None:
            terms.append(_convolve(of_dx, weight, of_db, *tables))
        elif of_db is not None:
            terms.append(of_db[:, None].expand_as(dy))
        if of_dw is not None:
            terms.append(_convolve(x, of_dw, None, *tables))
        grad_dy = sum(terms[1:], start=terms[0]) if terms else None
    if ctx.needs_input_grad[1] and of_dw is not None:
        grad_x = _differentiate(dy, x, of_dw, *tables, True, False, False)[0]
    if ctx.needs_input_grad[2] and of_dx is not None:
        grad_weight = _differentiate(dy, of_dx, weight, *tables, False, True, False)[1]
    return grad_dy, grad_x, grad_weight, None, None, None, None, None


_convolve.register_autograd(_backward, setup_context=_keep_inputs)
_differentiate.register_autograd(_backward_again, setup_context=_keep_all)
