"""Networks that classify an event by its image on the cylinder.

Physics does not know where phi begins, nor which side is forward. Convolutions on the cylinder move
with a turned event, and moduli of Fourier modes in phi sum their features up to numbers that a turn
leaves as they are:

    z_m = sum_cells h exp(i m phi),   z_0 and |z_1|, |z_2|, ...

With h = ET the first two are the scalar and the missing transverse energy. Features enter the sums
as they are and times ET (energy flow, arXiv:1810.05165).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from hyperhex.config.train import Images
from hyperhex.detector.cylinder import Cylinder
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.nn.chebconv import ChebConv
from hyperhex.nn.hexconv import HexConv2d
from hyperhex.train.network import Perceptron

__all__ = ["HarmonicSums", "ImageNetwork", "ImagePerceptron", "build"]

# energies in the sums are in units of this [GeV]
_ENERGY = 100.0
# ln(1 + ET / GeV) in units of this
_LOGARITHM = 3.0
_SOFTENING = 1e-4
# what is seen of a cell: ln(1 + ET), ET, |eta|
_SEEN = 3


class HarmonicSums(nn.Module):
    """Sums over cells that turns about the axis leave as they are: moduli of modes in phi.

    (n, channels, cells) -> (n, channels * harmonics), as sign(z) ln(1 + |z|).

    Parameters
    ----------
    phi : of the cells, (cells,) [rad]
    harmonics : number of modes, from m = 0
    """

    modes: Tensor

    def __init__(self, phi: Tensor, harmonics: int) -> None:
        super().__init__()
        angle = torch.arange(harmonics)[:, None] * phi
        # the imaginary part of mode 0 is zero, and is kept for simplicity
        modes = torch.cat([torch.cos(angle), torch.sin(angle)]).T.contiguous()
        self.register_buffer("modes", modes.float(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Sums (n, channels * harmonics)."""
        real, imaginary = (features @ self.modes).chunk(2, dim=2)
        moduli = torch.sqrt(real[..., 1:] ** 2 + imaginary[..., 1:] ** 2 + _SOFTENING)
        sums = torch.cat([real[..., :1], moduli], dim=2)
        return (torch.sign(sums) * torch.log1p(sums.abs())).flatten(1)


class ImageNetwork(nn.Module):
    """Convolutions on the cylinder, sums over it, and dense layers on the sums.

    Parameters
    ----------
    convolution : makes a layer from numbers of channels; without, the cells alone are summed up
    grid : cells of the image
    settings : sizes
    """

    eta: Tensor

    def __init__(
        self,
        convolution: Callable[[int, int], nn.Module] | None,
        grid: Cylinder,
        settings: Images,
    ) -> None:
        super().__init__()
        eta = torch.from_numpy(abs(grid.eta) / grid.eta_max).float()
        self.register_buffer("eta", eta, persistent=False)
        widths = [_SEEN, *(settings.channels if convolution else [])]
        layers: list[nn.Module] = []
        if convolution is not None:
            for before, after in pairwise(widths):
                layers += [convolution(before, after), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.sums = HarmonicSums(torch.from_numpy(grid.phi), settings.harmonics)
        channels = widths[-1] + (_SEEN if convolution else 0)
        inputs = 2 * settings.harmonics * channels + channels
        self.dense = Perceptron(inputs, [settings.hidden], dropout=settings.dropout)

    def summary(self, images: Tensor) -> Tensor:
        """What the dense layers are told of images (n, cells) [GeV]."""
        seen = [torch.log1p(images) / _LOGARITHM, images / _ENERGY, self.eta.expand_as(images)]
        cells = torch.stack(seen, dim=1)
        features = torch.cat([cells, self.body(cells)], dim=1) if len(self.body) else cells
        flow = features * (images[:, None] / _ENERGY)
        return torch.cat([self.sums(features), self.sums(flow), features.amax(dim=2)], dim=1)

    def learn(self, images: Tensor) -> None:
        """Take means and spreads of the sums from events."""
        with torch.no_grad():
            self.dense.standard.learn(self.summary(images))

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds (n, 1)."""
        return self.dense(self.summary(images))


class ImagePerceptron(nn.Module):
    """Dense layers on the cells, which know neither neighbours nor turns.

    Aligned, each image is turned by whole cells so that the sum of its transverse energies, as
    vectors, points to phi = 0: the same for an event and the turned event, but for rounding.
    """

    direction: Tensor
    columns: Tensor

    def __init__(self, grid: Cylinder, settings: Images, *, aligned: bool) -> None:
        super().__init__()
        self.grid, self.aligned = grid, aligned
        phi = torch.from_numpy(grid.phi).float()
        direction = torch.stack([torch.cos(phi), torch.sin(phi)], dim=1)
        self.register_buffer("direction", direction, persistent=False)
        self.register_buffer("columns", torch.arange(grid.around), persistent=False)
        self.dense = Perceptron(grid.n_cells, settings.perceptron, dropout=settings.dropout)

    def learn(self, images: Tensor) -> None:
        """Learn nothing before the fit: cells are told in one unit, rarely hit ones too."""

    def summary(self, images: Tensor) -> Tensor:
        """What the dense layers are told of images (n, cells) [GeV]."""
        if self.aligned:
            x, y = (images @ self.direction).unbind(dim=1)
            turn = torch.round(torch.atan2(y, x) / self.grid.pitch).long()
            columns = (self.columns + turn[:, None, None]) % self.grid.around
            rows = images.view(len(images), self.grid.n_rows, self.grid.around)
            images = rows.gather(2, columns.expand_as(rows)).flatten(1)
        return images / _ENERGY

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds (n, 1)."""
        return self.dense(self.summary(images))


def build(kind: str, grid: Cylinder, settings: Images) -> ImageNetwork | ImagePerceptron:
    """Network of a kind: `chebyshev`, `hexagonal`, `sums`, `aligned` or `perceptron`."""
    if kind in {"perceptron", "aligned"}:
        return ImagePerceptron(grid, settings, aligned=kind == "aligned")
    if kind == "sums":
        return ImageNetwork(None, grid, settings)
    if kind == "hexagonal":
        taps = grid.neighbourhood(1)
        return ImageNetwork(lambda a, b: HexConv2d(a, b, taps), grid, settings)
    graph = Graph.from_table(grid.neighbours)
    return ImageNetwork(lambda a, b: ChebConv(a, b, settings.order, graph), grid, settings)
