"""The section of the full simulation: the stack and its transport."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hyperhex.config.section import Count, Fraction, Positive, Section

__all__ = ["CutEnergy", "Simulate", "Slab", "Stack", "Transport"]


class Slab(Section):
    """One slab of a sampling calorimeter."""

    material: str
    thickness: Positive = Field(description="along the beam [cm]")


class Stack(Section):
    """Sampling calorimeter: a block of slabs, repeated, with hexagonal cells in the silicon."""

    block: list[Slab] = Field(
        default=[
            Slab(material="tungsten", thickness=0.3),
            Slab(material="vacuum", thickness=0.3),
            Slab(material="silicon", thickness=0.03),
            Slab(material="vacuum", thickness=0.3),
        ],
        min_length=1,
        description="slabs of one block, the first one met first",
    )
    groups: list[Count] = Field(
        default=[3, 3, 3, 3, 4, 4, 4, 4],
        min_length=1,
        description="numbers of blocks whose silicon is read out as one layer",
    )
    rings: Count = Field(default=6, description="rings of cells about the central one")
    pitch: Positive = Field(default=1.2, description="flat-to-flat width of a cell [cm]")
    radius: Positive = Field(default=30.0, description="where the calorimeter ends sideways [cm]")

    @model_validator(mode="after")
    def _has_silicon(self) -> Stack:
        if not any(slab.material == "silicon" for slab in self.block):
            msg = "block has no slab of silicon, so nothing would be read out; add one"
            raise ValueError(msg)
        return self


# the tables of the transport reach from 0.06 MeV to 1 TeV
CutEnergy = Annotated[float, Field(ge=0.07e-3, le=0.01)]


_HIGHEST_ENERGY = 1000.0


class Transport(Section):
    """Cuts and steps of the transport."""

    photon_cut: CutEnergy = Field(
        default=0.1e-3, description="photons below are neither made nor followed [GeV]"
    )
    electron_cut: CutEnergy = Field(
        default=0.1e-3, description="electrons below are not followed [GeV]"
    )
    knock_on_cut: CutEnergy = Field(
        default=0.3e-3, description="softer knock-on electrons are part of the energy loss [GeV]"
    )
    straggling_cut: Positive = Field(
        default=5e-6, description="harder losses in silicon fluctuate one by one [GeV]"
    )
    absorption: float = Field(
        default=2e-3,
        ge=0,
        description="softer electrons stop where they are if their range ends in the same passive"
        " slab [GeV]",
    )
    step_loss: Fraction = Field(default=0.2, description="largest share of energy lost in a step")
    step_scattering: float = Field(
        default=1.0, gt=0, le=1, description="longest step in transport mean free paths"
    )


class Simulate(Section):
    """Full simulation of showers in a stack of slabs."""

    particles: list[Literal["photon", "electron"]] = Field(default=["photon", "electron"])
    number: Count = Field(default=5000, description="showers per particle")
    energy: tuple[Positive, Positive] = Field(
        default=(1.0, 100.0), description="range, log-uniform [GeV]"
    )
    showers_per_part: Count = Field(default=250, description="showers of one shard")
    stack: Stack = Stack()
    transport: Transport = Transport()

    @model_validator(mode="after")
    def _has_a_range(self) -> Simulate:
        low, high = self.energy
        if not 1e-3 <= low < high <= _HIGHEST_ENERGY:
            msg = f"energy {low}, {high} given; two numbers that rise from 0.001 to 1000 expected"
            raise ValueError(msg)
        return self
