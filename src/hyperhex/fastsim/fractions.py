"""Fractions of a layer's energy that are expected in its cells, and their derivatives.

They are a softmax of the template and of what the network adds to it for each group of cells, with
the cores of secondaries added and all divided by their sum. On a CPU both ways are compiled: torch
would pass over every cell of every layer some thirty times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.cores import lateral
from hyperhex.fastsim.template import Template
from hyperhex.kernels.cores import add_cores, cores_back
from hyperhex.kernels.profiles import departures_back, share_back, shared_out, weigh

__all__ = ["fractions"]


def fractions(
    template: Template,
    groups: torch.Tensor,
    departures: torch.Tensor,
    cores: torch.Tensor | None,
    layers: Layers,
    impact: torch.Tensor,
) -> torch.Tensor:
    """Fractions (n, n_layers, n_cells), of unit sum in each layer.

    `groups` (n_cells,) are those of the cells, `departures` (n, n_layers, n_groups) what is added
    to the template's logits, `cores` (n, n_layers, k, 4) as of `Cores`, `layers` (n, n_layers),
    `impact` (n, 2) [cm].
    """
    if departures.device.type != "cpu" or torch.compiler.is_exporting():
        return _fractions(template, groups, departures, cores, layers, impact)
    apply: Callable[..., torch.Tensor] = _Fractions.apply
    return apply(departures, cores, template, groups, layers, impact)


def _fractions(
    template: Template,
    groups: torch.Tensor,
    departures: torch.Tensor,
    cores: torch.Tensor | None,
    layers: Layers,
    impact: torch.Tensor,
) -> torch.Tensor:
    logits = departures.index_select(2, groups) + template(layers, impact)
    shares = torch.softmax(logits, dim=2)
    if cores is None:
        return shares
    shares = shares + lateral(cores, template.positions)
    return shares / shares.sum(2, keepdim=True)


class _Fractions(torch.autograd.Function):
    """The same by compiled kernels, for tensors of the CPU."""

    @staticmethod
    def forward(
        ctx: Any,
        departures: torch.Tensor,
        cores: torch.Tensor | None,
        template: Template,
        groups: torch.Tensor,
        layers: Layers,
        impact: torch.Tensor,
    ) -> torch.Tensor:
        tables = {name: table.numpy() for name, table in template.named_buffers()}
        told, crowd = departures.detach().contiguous().numpy(), layers.hits.float().numpy()
        known = layers.energy.numpy(), crowd, impact.numpy()
        # all layers of all showers, one after the other
        rows = np.arange(crowd.size).reshape(crowd.shape)
        shares = weigh(told.reshape(crowd.size, -1), rows, groups.numpy(), *known, **tables)
        shared_out(shares)
        ctx.groups, ctx.shape, ctx.shares = groups.numpy(), told.shape, shares
        ctx.cores, found = None, shares
        if cores is not None:
            ctx.shape_of_cores = cores.shape
            of_layers = cores.detach().contiguous().numpy().reshape(crowd.size, *cores.shape[2:])
            ctx.cores = of_layers, tables["positions"], crowd.reshape(-1)
            found = shares.copy() if ctx.needs_input_grad[0] else shares
            add_cores(found, *ctx.cores)
            ctx.found, ctx.sums = found, shared_out(found)
        return torch.from_numpy(found.reshape(*crowd.shape, -1))

    @staticmethod
    def backward(ctx: Any, slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        told, of_cores = slopes.contiguous().numpy().reshape(ctx.shares.shape), None
        if ctx.cores is not None:
            told = share_back(told, ctx.found, ctx.sums)
            of_cores = torch.from_numpy(cores_back(told, *ctx.cores).reshape(ctx.shape_of_cores))
        found = departures_back(told, ctx.shares, ctx.groups, ctx.shape[2]).reshape(ctx.shape)
        return torch.from_numpy(found), of_cores, None, None, None, None
