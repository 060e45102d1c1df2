"""Hexagonal convolution beside IndexedConv, hexagdly, and torch's conv2d with masked corners.

Timed are one call forward and one backward, with the derivatives by input and weight. Peers that
need a rectangle get their images in one, laid out beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperhex.bench.case import Case
from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import neighbourhood

__all__ = ["cases"]

ROUNDING = 1e-5
CHECKED_IMAGES = 2


@dataclass(frozen=True)
class _Problem:
    """Images on a hexagonal patch: batch, channels, rings of the patch and of the kernel."""

    batch: int
    inputs: int
    outputs: int
    patch: int
    kernel: int
    required: float | None

    @property
    def name(self) -> str:
        cells = 1 + 3 * self.patch * (self.patch + 1)
        channels = f"{self.inputs}->{self.outputs}"
        sizes = f"{channels}, {cells:,} cells, batch {self.batch}"
        return f"hexagonal convolution, ring {self.kernel}, {sizes}"


_PROBLEMS = (
    _Problem(64, 1, 32, 14, 1, 2.0),
    _Problem(64, 1, 32, 14, 2, 2.0),
    _Problem(64, 1, 32, 57, 1, 2.0),
    _Problem(64, 1, 32, 57, 2, 2.0),
    _Problem(64, 32, 32, 14, 1, 1.2),
    _Problem(64, 32, 32, 57, 1, 1.2),
    _Problem(64, 32, 32, 14, 2, None),
    _Problem(256, 12, 16, 4, 1, None),
)


def cases() -> Iterator[Case]:
    """Cases of the issue, 32 channels with two rings, and a layer as the generators have."""
    for problem in _PROBLEMS:
        yield _case(problem)


def _case(problem: _Problem) -> Case:
    import torch

    table = neighbourhood(axial_rings(problem.patch), problem.kernel)
    cells, taps = table.shape
    inputs, outputs, batch = problem.inputs, problem.outputs, problem.batch
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, inputs, cells, generator=generator)
    dy = torch.randn(batch, outputs, cells, generator=generator)
    weight = torch.randn(outputs, inputs, taps, generator=generator)
    calls = {
        "IndexedConv": _indexed(x, dy, weight, table),
        "hexagdly": _hexagdly(problem, x, dy),
        "conv2d, masked": _masked(problem, x, dy, weight, torch.contiguous_format),
        "conv2d, masked, channels last": _masked(problem, x, dy, weight, torch.channels_last),
    }
    return Case(
        name=problem.name,
        ours=lambda _: _ours(x, dy, weight, table),
        peers=calls,
        check=lambda: _check(problem, x, dy, weight, table, calls),
        moved=8.0 * batch * cells * (inputs + outputs),
        operations=6.0 * batch * inputs * outputs * np.count_nonzero(table >= 0),
        required={} if problem.required is None else {"best": problem.required},
    )


def _derivatives(layer: Any, x: Any, dy: Any, *weights: Any) -> Any:
    """Call of a layer forward and backward; gives result and derivatives."""
    import torch

    x = x.clone().requires_grad_()
    for weight in weights:
        weight.requires_grad_()

    def call() -> Any:
        y = layer(x)
        return y.detach(), *torch.autograd.grad(y, (x, *weights), dy)

    return call


def _ours(x: Any, dy: Any, weight: Any, table: Any) -> Any:
    from hyperhex.nn.hexconv import Neighbourhood, hex_convolution

    weight = weight.clone()
    around = Neighbourhood(table)
    return _derivatives(lambda x: hex_convolution(x, weight, None, around), x, dy, weight)


def _indexed(x: Any, dy: Any, weight: Any, table: Any) -> Any:
    import torch
    from indexedconv.engine import IndexedConv

    indices = torch.from_numpy(table.T.astype(np.int64))
    layer = IndexedConv(weight.shape[1], weight.shape[0], indices, bias=False)
    layer.weight.data = weight.reshape(layer.weight.shape).clone()
    return _derivatives(layer, x, dy, layer.weight)


def _in_rectangle(images: Any, rings: int) -> Any:
    """Images in axial coordinates: cell (q, r) at [r + R, q + R], zeros where there is none."""
    row, column = axial_rings(rings).T[::-1] + rings
    out = images.new_zeros(*images.shape[:2], 2 * rings + 1, 2 * rings + 1)
    out[:, :, row, column] = images
    return out


def _masked(problem: _Problem, x: Any, dy: Any, weight: Any, memory: Any) -> Any:
    import torch

    kernel = _in_rectangle(weight, problem.kernel)
    mask = (_in_rectangle(torch.ones_like(weight), problem.kernel) > 0).to(kernel.dtype)
    kernel = kernel.contiguous(memory_format=memory)
    x, dy = (_in_rectangle(one, problem.patch).contiguous(memory_format=memory) for one in (x, dy))

    def layer(x: Any) -> Any:
        return torch.nn.functional.conv2d(x, kernel * mask, padding=problem.kernel)

    return _derivatives(layer, x, dy, kernel)


def _in_columns(images: Any, rings: int) -> Any:
    """Images as hexagdly wants them: rows of the lattice as columns, every other one shifted."""
    q, r = axial_rings(rings).T
    first = rings + rings % 2
    out = images.new_zeros(*images.shape[:2], 2 * rings + 1, first + rings + 1)
    out[:, :, q + (r - r % 2) // 2 + rings, r + first] = images
    return out


def _hexagdly(problem: _Problem, x: Any, dy: Any, ones: bool = False) -> Any:
    import hexagdly

    layer = hexagdly.Conv2d(
        x.shape[1], dy.shape[1], kernel_size=problem.kernel, bias=False, debug=ones
    )
    x, dy = _in_columns(x, problem.patch), _in_columns(dy, problem.patch)
    return _derivatives(layer, x, dy, *layer.parameters())


def _check(problem: _Problem, x: Any, dy: Any, weight: Any, table: Any, calls: Any) -> None:
    """Result and derivatives beside float64; neighbours and taps beside every peer."""
    import torch

    few = slice(CHECKED_IMAGES)
    ours = _ours(x[few], dy[few], weight, table)()
    exact = _reference(x[few].double(), dy[few].double(), weight.double(), table)
    for one, other in zip(ours, exact, strict=True):
        _agree(one, other, "float64 reference")
    for one, other in zip(_indexed(x[few], dy[few], weight, table)(), exact, strict=True):
        _agree(one.reshape(other.shape), other, "IndexedConv")
    rings = problem.patch
    masked = _masked(problem, x[few], dy[few], weight, torch.contiguous_format)()
    row, column = axial_rings(rings).T[::-1] + rings
    _agree(masked[0][:, :, row, column], exact[0], "conv2d, masked")
    _agree(masked[1][:, :, row, column], exact[1], "conv2d, masked, derivative by x")
    ones = torch.ones_like(weight)
    sums = _ours(x[few], dy[few], ones, table)()
    q, r = axial_rings(rings).T
    place = (q + (r - r % 2) // 2 + rings, r + rings + rings % 2)
    peer = _hexagdly(problem, x[few], dy[few], ones=True)()
    for one, other in zip(sums[:2], peer[:2], strict=True):
        _agree(other[:, :, *place], one, "hexagdly with a kernel of ones")
    whole = _ours(x, dy, weight, table)()
    _agree(whole[0][few], exact[0], "part of the whole batch")
    for one, other in zip(whole, calls["IndexedConv"](), strict=True):
        _agree(one.reshape(other.shape), other, "IndexedConv, whole batch")


def _reference(x: Any, dy: Any, weight: Any, table: Any) -> Any:
    """The sums in float64 by gathers and products of torch, the derivatives by its autograd."""
    import torch

    at = torch.from_numpy(table.astype(np.int64)).T

    def layer(x: Any) -> Any:
        taken = torch.nn.functional.pad(x, (0, 1))[:, :, at]
        return weight.flatten(1) @ taken.flatten(1, 2)

    return _derivatives(layer, x, dy, weight)()


def _agree(one: Any, other: Any, what: str) -> None:
    """Largest difference within rounding of the largest number."""
    difference = float((one - other).abs().max() / other.abs().max())
    if not difference < ROUNDING:
        msg = f"{what}: differs by {difference:.1e} of the largest number, expected < {ROUNDING}"
        raise AssertionError(msg)
