"""Geometry of a sampling calorimeter as slabs along z, and the matter that the kernel needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Slab, StackSection
from hyperhex.detector.patch import Patch
from hyperhex.kernels.shower.matter import Matter
from hyperhex.simulate.materials import MATERIALS, VACUUM, Material
from hyperhex.simulate.tables import Cuts, Steps, lepton_table, photon_table

__all__ = ["Stack", "build_matter"]


@dataclass(frozen=True)
class Stack:
    """Slabs in order of z from zero: materials, thicknesses [cm], readout layer or -1.

    `angle` is that of the particles to the normal [rad]: the cells of a slab are counted from where
    the line from the origin meets it.
    """

    materials: tuple[str, ...]
    thicknesses: tuple[float, ...]
    sensors: tuple[int, ...]
    angle: float = 0.0

    @classmethod
    def of_sections(cls, sections: Sequence[StackSection], angle: float = 0.0) -> Stack:
        """Stack of sections from the front to the back; layers are numbered through them all."""
        slabs: list[Slab] = []
        layers: list[int] = []
        for section in sections:
            for block in section.blocks:
                slabs += block.slabs * block.repeat
            first = layers[-1] + 1 if layers else 0
            layers += np.repeat(first + np.arange(len(section.groups)), section.groups).tolist()
        waiting = iter(layers)
        return cls(
            tuple(slab.material for slab in slabs),
            tuple(slab.thickness for slab in slabs),
            tuple(next(waiting) if slab.sensitive else -1 for slab in slabs),
            angle,
        )

    @property
    def solids(self) -> list[str]:
        """Names of the materials in the order of their tables; vacuum has none."""
        return sorted({name for name in self.materials if name != VACUUM})

    @property
    def n_layers(self) -> int:
        """Number of readout layers."""
        return max(self.sensors) + 1

    @property
    def planes(self) -> NDArray[np.float64]:
        """Bounds of the slabs (n + 1) [cm]."""
        return np.concatenate([[0.0], np.cumsum(self.thicknesses)])

    @property
    def radiation_lengths(self) -> NDArray[np.float64]:
        """Depth of the bounds (n + 1) [X0]."""
        depths = [
            0.0 if name == VACUUM else width / MATERIALS[name].radiation_length
            for name, width in zip(self.materials, self.thicknesses, strict=True)
        ]
        return np.concatenate([[0.0], np.cumsum(depths)])

    @property
    def layer_depths(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centres and widths of the readout layers (n_layers) [X0].

        A layer reaches from the sensitive slab before its first one to its own last one.
        """
        depths, sensors = self.radiation_lengths, np.array(self.sensors)
        last = np.array([depths[1:][sensors == layer].max() for layer in range(self.n_layers)])
        first = np.concatenate([[0.0], last[:-1]])
        return 0.5 * (first + last), last - first

    @property
    def sensor_depths(self) -> NDArray[np.float64]:
        """Mean depth of the sensitive slabs of each readout layer (n_layers) [cm]."""
        middles, sensors = 0.5 * (self.planes[1:] + self.planes[:-1]), np.array(self.sensors)
        return np.array([middles[sensors == layer].mean() for layer in range(self.n_layers)])


def build_matter(stack: Stack, patch: Patch, cuts: Cuts, steps: Steps, radius: float) -> Matter:
    """Matter of the transport kernel; `radius` bounds the world sideways [cm]."""
    names = stack.solids
    tables = [_tables(MATERIALS[name], cuts, steps) for name in names]
    return Matter(
        planes=stack.planes,
        materials=np.array([-1 if m == VACUUM else names.index(m) for m in stack.materials]),
        sensors=np.array(stack.sensors),
        shifts=0.5 * (stack.planes[1:] + stack.planes[:-1]) * np.tan(stack.angle),
        photons=np.stack([photons for photons, _ in tables]),
        leptons=np.stack([leptons for _, leptons in tables]),
        **_elements([MATERIALS[name] for name in names]),
        cells=patch.table,
        pitch=patch.pitch,
        radius=radius,
        photon_cut=cuts.photon,
        electron_cut=cuts.electron,
        knock_on_cut=cuts.knock_on,
        straggling_cut=cuts.straggling,
        rejection=steps.rejection,
    )


def _elements(materials: Sequence[Material]) -> dict[str, NDArray[np.float64]]:
    """Charges of the elements of each material and their cumulative shares in 1/X0, (m, k)."""
    most = max(len(material.components) for material in materials)
    Z, shares = np.ones((len(materials), most)), np.ones((len(materials), most))
    for i, material in enumerate(materials):
        number = len(material.components)
        Z[i, :number] = [element.Z for element, _ in material.components]
        # the last share stays exactly one
        shares[i, : number - 1] = np.cumsum(material.stopping_shares)[:-1]
    return {"Z": Z, "shares": shares}


@cache
def _tables(
    material: Material, cuts: Cuts, steps: Steps
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Photon table (points, 3) and lepton tables (2, points, N_LEPTON) of a material."""
    leptons = [lepton_table(material, cuts, steps, positron=positron) for positron in (False, True)]
    return photon_table(material), np.stack(leptons)
