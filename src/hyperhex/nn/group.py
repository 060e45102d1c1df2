"""Convolutions that know the symmetries of the hexagon: turned input, turned output.

The groups are p6 (translations and the six turns by 60 degrees) and p6m (mirror images too),
arXiv:1803.02108. A layer's features live on group elements, a plane of cells for each turn r, and
the kernel psi is one for all of them, read in the frame of each:

    lifting:  y[o, r, x] = sum_{i, d}    f[i, x + d]    psi[o, i, r^-1 d]
    group:    y[o, r, x] = sum_{i, s, d} f[i, s, x + d] psi[o, i, r^-1 s, r^-1 d]

so that input moved by h, h f[s, x] = f[h^-1 s, h^-1 x], gives output moved by h, to rounding, where
the cells themselves are symmetric (`hyperhex.detector.patch`). Elements are ordered as
`Patch.symmetries`: six turns, then their mirror images. The kernel is spread by an index table to a
plain kernel for `hex_convolution`, so that speed and derivatives are those of the plain layer.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.kernels.hexagonal.lattice import axial_rings, reflect_axial, rotate_axial
from hyperhex.nn.hexconv import Neighbourhood, hex_convolution

__all__ = ["GroupPool", "HexConvP6", "HexConvP6M", "inverse_products", "turned_taps"]

TURNS = 6


@lru_cache
def turned_taps(rings: int, order: int) -> NDArray[np.int64]:
    """Tap r^-1 d for every element r and tap d, (order, 1 + 3R(R+1)).

    >>> turned_taps(1, 6)[1].tolist()
    [0, 6, 1, 2, 3, 4, 5]
    """
    axial = axial_rings(rings)
    moved = [axial]
    for _ in range(TURNS - 1):
        moved.append(rotate_axial(moved[-1]))
    moved += [reflect_axial(cells) for cells in moved]
    place = {(int(q), int(r)): tap for tap, (q, r) in enumerate(axial)}
    taps = np.array([[place[int(q), int(r)] for q, r in cells] for cells in moved[:order]])
    return np.argsort(taps, axis=1)


@lru_cache
def inverse_products(order: int) -> NDArray[np.int64]:
    """Element r^-1 s for all pairs, (order, order); order is 6 (p6) or 12 (p6m).

    With r = M^m R^a (turn by 60 a degrees, then mirror if m): R^-a M = M R^a.

    >>> inverse_products(6)[2].tolist()
    [4, 5, 0, 1, 2, 3]
    """
    mirrored, turn = np.divmod(np.arange(order), TURNS)
    differ = mirrored[:, None] ^ mirrored
    turns = turn + np.where(differ, turn[:, None], -turn[:, None])
    return TURNS * differ + turns % TURNS


class _GroupConvolution(nn.Module):
    """Convolution over a group of symmetries; what P6 and P6M share."""

    order: ClassVar[int]
    index: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        neighbours: Any,
        bias: bool = True,
        lifting: bool = False,
    ) -> None:
        super().__init__()
        shared = isinstance(neighbours, Neighbourhood)
        self.neighbourhood = neighbours if shared else Neighbourhood(neighbours)
        self.lifting = lifting
        n_taps = self.neighbourhood.n_taps
        taps = turned_taps(_rings(n_taps), self.order)
        planes = np.zeros((self.order, 1), int) if lifting else inverse_products(self.order)
        index = planes[:, :, None] * n_taps + taps[:, None, :]
        # (r, s, d) of the plain kernel -> (s, d) of the shared one
        self.register_buffer("index", torch.from_numpy(index.ravel()), False)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, planes.shape[1], n_taps))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw uniform in +-1/sqrt(fan-in), as torch's own convolutions do."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def plain_weight(self) -> torch.Tensor:
        """Kernel of the equal plain layer, (out_channels * order, in_channels * planes, taps)."""
        out_channels, in_channels, planes, n_taps = self.weight.shape
        spread = self.weight.flatten(2).index_select(2, self.index)
        spread = spread.view(out_channels, in_channels, self.order, planes, n_taps)
        return spread.transpose(1, 2).reshape(-1, in_channels * planes, n_taps)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve to (batch, out_channels, order, n_cells).

        features: (batch, in_channels, n_cells) if lifting, else (batch, in_channels, order,
        n_cells)
        """
        out_channels, in_channels, planes, _ = self.weight.shape
        expected = (in_channels,) if self.lifting else (in_channels, planes)
        if features.shape[1:-1] != expected:
            what = "cells: give features of the group, or lifting=True" if not self.lifting else ""
            msg = (
                f"features of shape {tuple(features.shape)} given, expected (batch,"
                f" {', '.join(map(str, expected))}, {self.neighbourhood.n_cells}) {what}"
            )
            raise ValueError(msg.rstrip())
        bias = None if self.bias is None else self.bias.repeat_interleave(self.order)
        if not self.lifting:
            features = features.flatten(1, 2)
        output = hex_convolution(features, self.plain_weight(), bias, self.neighbourhood)
        return output.view(len(output), out_channels, self.order, -1)

    def extra_repr(self) -> str:
        """Numbers of channels and taps, for print."""
        out_channels, in_channels, _, n_taps = self.weight.shape
        return (
            f"{in_channels}, {out_channels}, n_taps={n_taps}, bias={self.bias is not None},"
            f" lifting={self.lifting}"
        )


class HexConvP6(_GroupConvolution):
    """Layer that commutes with the six turns of the hexagon.

    Features are (batch, channels, 6, n_cells); with `lifting`, the first layer of a network, the
    input is (batch, channels, n_cells). The weight is (out, in, 6 or 1, taps).

    Parameters
    ----------
    in_channels, out_channels : numbers of channels, each of them six planes of cells
    neighbours : table (n_cells, 1 + 3R(R+1)), taps as in `lattice.axial_rings`; or a
        `Neighbourhood` to share
    bias : whether to add a learned number to each output channel
    lifting : whether the input are plain cells

    Examples
    --------
    >>> from hyperhex.detector.patch import Patch
    >>> patch = Patch(rings=3, pitch=1.0)
    >>> first = HexConvP6(1, 4, patch.neighbourhood(1), lifting=True)
    >>> second = HexConvP6(4, 8, first.neighbourhood)
    >>> tuple(second(first(torch.zeros(2, 1, patch.n_cells))).shape)
    (2, 8, 6, 37)
    """

    order = TURNS


class HexConvP6M(_GroupConvolution):
    """Layer that commutes with the six turns and six mirrorings of the hexagon.

    As `HexConvP6`, with twelve planes of cells for each channel.

    Examples
    --------
    >>> from hyperhex.detector.patch import Patch
    >>> patch = Patch(rings=2, pitch=1.0)
    >>> layer = HexConvP6M(1, 4, patch.neighbourhood(1), lifting=True)
    >>> shower = torch.arange(19.0).view(1, 1, 19)
    >>> turned = shower[..., patch.symmetries[1]]
    >>> invariant = [layer(one).relu().mean(dim=(2, 3)) for one in (shower, turned)]
    >>> torch.allclose(*invariant)
    True
    """

    order = 2 * TURNS


class GroupPool(nn.Module):
    """Features of a group to one plane of cells that moves with the input: mean or maximum.

    (batch, channels, order, n_cells) -> (batch, channels, n_cells); a mean, sum or maximum over the
    cells of that is the same for a moved input.

    >>> GroupPool("max")(torch.eye(6).view(1, 1, 6, 6))[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, how: str = "mean") -> None:
        super().__init__()
        if how not in {"mean", "max"}:
            msg = f"pooling {how!r} given, expected 'mean' or 'max'"
            raise ValueError(msg)
        self.how = how

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Pool (batch, channels, order, n_cells) to (batch, channels, n_cells)."""
        return features.mean(dim=2) if self.how == "mean" else features.amax(dim=2)

    def extra_repr(self) -> str:
        """Kind of pooling, for print."""
        return self.how


def _rings(n_taps: int) -> int:
    """Rings R of a kernel of 1 + 3R(R+1) taps."""
    rings = (math.isqrt(12 * n_taps - 3) - 3) // 6
    if 1 + 3 * rings * (rings + 1) != n_taps:
        msg = (
            f"{n_taps} taps given, expected 1, 7, 19, ...: whole rings, as `Patch.neighbourhood`"
            " gives them"
        )
        raise ValueError(msg)
    return rings
