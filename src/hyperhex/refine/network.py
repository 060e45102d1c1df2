"""The refiner network: a detector response whose every constant is learned.

It follows the path of a signal through a calorimeter cell, and starts as the identity:

    e1 = (1 - 6 k_l) e + k_l sum_neighbours e     neighbour mixing, one share k_l per layer
    e2 = g_lc e1 exp(c_l(shower))                 gain map, times a small network's correction
    e3 = v_l(e2)                                  monotone, piecewise linear in ln(1 + e)
    e4 = e3 + s_l epsilon min(g_lc, 1)            noise, epsilon standard normal

The form is an assumption about detectors in general, the constants come from the data only.
Refinement by an adversary: arXiv:1802.03325, sec. 3; arXiv:1612.07828, eq. 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperhex.nn.hexconv import Neighbourhood, hex_convolution

__all__ = ["ResponseNetwork", "readout"]

_FIRST_NOISE = 0.1
_LARGEST_CORRECTION = 0.2
_LARGEST_SHARE = 0.08


def readout(energy: Tensor, threshold: float) -> Tensor:
    """Energies with the cells below the threshold set to zero."""
    return torch.where(energy >= threshold, energy, torch.zeros_like(energy))


class ResponseNetwork(nn.Module):
    """Learned detector response of showers (n, n_layers, n_cells) [MIP].

    Parameters
    ----------
    neighbours : each cell, then its six neighbours, -1 outside, (n_cells, 7)
    n_layers : layers of a shower
    n_knots : unit steps of ln(1 + e / MIP) over which the non-linearity bends
    width : neurons of the correction network
    """

    lowest: Tensor
    highest: Tensor

    def __init__(self, neighbours: Any, n_layers: int, n_knots: int, width: int) -> None:
        super().__init__()
        self.neighbourhood = Neighbourhood(neighbours)
        self.register_buffer("lowest", torch.full((n_layers + 1,), -torch.inf))
        self.register_buffer("highest", torch.full((n_layers + 1,), torch.inf))
        self.mixing = nn.Parameter(torch.zeros(n_layers))
        self.gain_shift = nn.Parameter(torch.zeros(n_layers, self.neighbourhood.n_cells))
        self.log_slope = nn.Parameter(torch.zeros(n_knots))
        self.layer_log_slope = nn.Parameter(torch.zeros(n_layers, n_knots))
        self.noise = nn.Parameter(torch.full((n_layers,), _FIRST_NOISE))
        last = nn.Linear(width, n_layers)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.correction = nn.Sequential(nn.Linear(n_layers + 1, width), nn.Tanh(), last)

    def forward(self, cells: Tensor, log_energy: Tensor, noise: Tensor) -> Tensor:
        """Refined energies before the readout's threshold, (n, n_layers, n_cells) [MIP].

        log_energy: (n,), of the incident energy in GeV; noise: standard normal, like `cells`.
        """
        scale = torch.exp(self._correction(cells, log_energy))
        bent = self.bend(torch.relu(self.mix(cells)) * self.gain() * scale[:, :, None])
        # a dead cell is silent: its noise goes with its gain
        return bent + self.noise[:, None] * noise * self.gain().clamp(max=1.0)

    def mix(self, cells: Tensor) -> Tensor:
        """Energies after each cell gave its share to each side, (n, n_layers, n_cells).

        A hexagonal convolution whose kernel is tied: 1 - 6 k_l in the middle, k_l about it, and no
        layer reads another. That is as fast as a product with the matrix of neighbours on 127
        cells, and grows with the cells, not with their square.
        """
        share = self.share()[:, None]
        taps = torch.cat([1.0 - 6.0 * share, share.expand(-1, 6)], dim=1)
        kernel = torch.diag_embed(taps.T).permute(1, 2, 0).contiguous()
        return hex_convolution(cells, kernel, None, self.neighbourhood)

    def share(self) -> Tensor:
        """Share of a cell that each neighbour receives, (n_layers,), below 8 % either way.

        A cell keeps the larger part of its energy: else a layer whose centre is dead would be
        explained by mixing that empties all of its cells.
        """
        return _LARGEST_SHARE * torch.tanh(self.mixing / _LARGEST_SHARE)

    def gain(self) -> Tensor:
        """Gain map (n_layers, n_cells), zero where a cell is dead.

        Straight through below zero, so that a cell can come back to life.
        """
        gain = 1.0 + self.gain_shift
        return gain + (torch.relu(gain) - gain).detach()

    def bend(self, energy: Tensor) -> Tensor:
        """Monotone non-linearity v_l of energies (..., n_layers, n_cells) [MIP].

        With u = ln(1 + e): v = exp(w) - 1, w = sum_k slope_lk min(max(u - k, 0), 1), the last
        step without end; all slopes are positive and start at 1.
        """
        u = torch.log1p(energy)
        change = torch.expm1(self.log_slope + self.layer_log_slope)[:, :, None]
        last = change.shape[1] - 1
        w = u
        for knot in range(last):
            w = w + change[:, knot] * (u - knot).clamp(0.0, 1.0)
        return torch.expm1(w + change[:, last] * torch.relu(u - last))

    def distance(self, refined: Tensor, cells: Tensor) -> Tensor:
        """Mean change of a cell that was hit, |ln(1 + e_refined) - ln(1 + e)|.

        The self-regularisation of arXiv:1612.07828, eq. 5, in the logarithm of the energy.
        """
        hit = cells > 0
        change = functional.l1_loss(
            torch.log1p(torch.relu(refined[hit])), torch.log1p(cells[hit]), reduction="sum"
        )
        return change / hit.sum().clamp(min=1)

    def enclose(self, cells: Tensor, log_energy: Tensor) -> None:
        """Remember the range of the correction's inputs; beyond it nothing more is corrected."""
        inputs = self._inputs(cells, log_energy)
        self.lowest.copy_(inputs.amin(dim=0))
        self.highest.copy_(inputs.amax(dim=0))

    def _correction(self, cells: Tensor, log_energy: Tensor) -> Tensor:
        inputs = self._inputs(cells, log_energy)
        inputs = torch.minimum(torch.maximum(inputs, self.lowest), self.highest)
        return _LARGEST_CORRECTION * torch.tanh(self.correction(0.3 * inputs))

    def _inputs(self, cells: Tensor, log_energy: Tensor) -> Tensor:
        layers = torch.log1p(cells.sum(dim=2)) - log_energy[:, None]
        return torch.cat([layers, log_energy[:, None]], dim=1)
