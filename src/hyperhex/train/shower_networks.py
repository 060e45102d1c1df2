"""Networks that measure a shower: its energy, where it enters, and which particle it is.

Energy and particle are the same for a turned shower, and the entry point turns with it: the
equivariant network is so by construction, the others have to learn it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from hyperhex.detector.patch import Patch
from hyperhex.nn.group import HexConvP6M
from hyperhex.nn.hexconv import HexConv2d

__all__ = ["CellNetwork", "ShowerNetwork", "ShowerPerceptron", "SymmetricNetwork", "build"]

# correction of ln(energy), entry point x and y [cm], log-odds of the second particle
_OUTPUTS = 4
_HIDDEN = 32
# cells enter the first centroid with this power of their energy
_FIRST_POWER = 0.7


class ShowerNetwork(nn.Module):
    """Standardised inputs and what is measured of them; what the kinds of networks share.

    Inputs are ln(1 + e / MIP) of the cells (n, n_layers, n_cells), and the same of the energy and
    of the number of hits of whole layers (n, 2 n_layers), beyond the cells that are given.
    """

    cell_mean: Tensor
    cell_scale: Tensor
    layer_mean: Tensor
    layer_scale: Tensor

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        for name, number in (("cell", n_layers), ("layer", 2 * n_layers)):
            self.register_buffer(f"{name}_mean", torch.zeros(number))
            self.register_buffer(f"{name}_scale", torch.ones(number))

    def learn(self, cells: Tensor, layers: Tensor) -> None:
        """Take means and spreads of each layer from showers."""
        for name, values in (("cell", cells.transpose(1, 2).flatten(0, 1)), ("layer", layers)):
            spread, mean = torch.std_mean(values.double(), dim=0)
            getattr(self, f"{name}_mean").copy_(mean)
            getattr(self, f"{name}_scale").copy_(spread.clamp(min=1e-3))

    def forward(self, cells: Tensor, layers: Tensor) -> Tensor:
        """Correction of ln(energy), entry point x, y [cm] and log-odds of the particle, (n, 4)."""
        standard = (cells - self.cell_mean[:, None]) / self.cell_scale[:, None]
        return self.measure(cells, standard, (layers - self.layer_mean) / self.layer_scale)

    def measure(self, cells: Tensor, standard: Tensor, layers: Tensor) -> Tensor:
        """Outputs (n, 4) of cells, the same standardised, and standardised layers."""
        raise NotImplementedError


class _Head(nn.Module):
    """Energy and particle from means over the cells, entry point as a weighted mean of positions.

    point = sum_x w_x (x + v_x), w = softmax(g + a ln(1 + e)), e [MIP] summed over layers; g and v
    are linear in the features of a cell. The mean turns with the shower if g stays and v turns.
    """

    positions: Tensor

    def __init__(self, patch: Patch, channels: int, n_layers: int) -> None:
        super().__init__()
        positions = torch.from_numpy(patch.positions).float()
        self.register_buffer("positions", positions, persistent=False)
        self.weights = nn.Conv1d(channels, 1, 1)
        self.power = nn.Parameter(torch.tensor(_FIRST_POWER))
        self.whole = nn.Sequential(
            nn.Linear(channels + 2 * n_layers, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _OUTPUTS - 2)
        )

    def forward(self, features: Tensor, shift: Tensor, cells: Tensor, layers: Tensor) -> Tensor:
        """Outputs (n, 4) from features (n, channels, n_cells) and shifts v (n, 2, n_cells)."""
        power = self.power * torch.log1p(torch.expm1(cells).sum(dim=1))
        weights = torch.softmax(self.weights(features)[:, 0] + power, dim=1)
        point = ((self.positions.T + shift) * weights[:, None]).sum(dim=2)
        whole = self.whole(torch.cat([features.mean(dim=2), layers], dim=1))
        return torch.cat([whole[:, :1], point, whole[:, 1:]], dim=1)


class CellNetwork(ShowerNetwork):
    """Plain hexagonal convolutions: every direction has weights of its own."""

    def __init__(self, patch: Patch, n_layers: int, channels: Sequence[int]) -> None:
        super().__init__(n_layers)
        taps = patch.neighbourhood(1)
        layers: list[nn.Module] = []
        for before, after in pairwise([n_layers, *channels]):
            layers += [HexConv2d(before, after, taps), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.shift = nn.Conv1d(channels[-1], 2, 1)
        self.head = _Head(patch, channels[-1], n_layers)

    def measure(self, cells: Tensor, standard: Tensor, layers: Tensor) -> Tensor:
        """Outputs (n, 4), see `ShowerNetwork`."""
        features = self.body(standard)
        return self.head(features, self.shift(features), cells, layers)


class SymmetricNetwork(ShowerNetwork):
    """Convolutions that commute with the twelve symmetries (p6m, arXiv:1803.02108).

    The shift of a cell is v = sum_r F[r] r(u) with learned u (channels, 2): it turns with the cell.
    """

    matrices: Tensor

    def __init__(self, patch: Patch, n_layers: int, channels: Sequence[int]) -> None:
        super().__init__(n_layers)
        taps = patch.neighbourhood(1)
        layers: list[nn.Module] = []
        for before, after in pairwise([n_layers, *channels]):
            layers += [HexConvP6M(before, after, taps, lifting=not layers), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        matrices = torch.from_numpy(patch.symmetry_matrices).float()
        self.register_buffer("matrices", matrices, persistent=False)
        self.direction = nn.Parameter(0.1 * torch.randn(channels[-1], 2))
        self.head = _Head(patch, channels[-1], n_layers)

    def measure(self, cells: Tensor, standard: Tensor, layers: Tensor) -> Tensor:
        """Outputs (n, 4), see `ShowerNetwork`."""
        features = self.body(standard)
        turned = torch.einsum("rij,cj->icr", self.matrices, self.direction) / len(self.matrices)
        shift = turned.flatten(1) @ features.flatten(1, 2)
        return self.head(features.mean(dim=2), shift, cells, layers)


class ShowerPerceptron(ShowerNetwork):
    """Dense layers on all cells, which know neither neighbours nor positions."""

    def __init__(self, patch: Patch, n_layers: int, channels: Sequence[int]) -> None:
        super().__init__(n_layers)
        layers: list[nn.Module] = []
        for before, after in pairwise([n_layers * (patch.n_cells + 2), *channels]):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Linear(channels[-1], _OUTPUTS))

    def measure(self, cells: Tensor, standard: Tensor, layers: Tensor) -> Tensor:  # noqa: ARG002
        """Outputs (n, 4), see `ShowerNetwork`."""
        return self.body(torch.cat([standard.flatten(1), layers], dim=1))


def build(kind: str, patch: Patch, n_layers: int, channels: Sequence[int]) -> ShowerNetwork:
    """Network of a kind: `plain`, `p6m` or `perceptron`."""
    kinds = {"plain": CellNetwork, "p6m": SymmetricNetwork, "perceptron": ShowerPerceptron}
    return kinds[kind](patch, n_layers, channels)
