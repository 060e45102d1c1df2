"""The section of the full simulation: the stack and its transport."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from hyperhex.config.section import Count, Fraction, Name, Particle, Positive, Section

__all__ = ["Block", "CutEnergy", "Simulate", "Slab", "Stack", "StackSection", "Transport"]

_STACKS = Path(__file__).parent / "stacks"


MaterialName = Literal[
    "air",
    "aluminium",
    "copper",
    "copper_tungsten",
    "epoxy",
    "g10",
    "iron",
    "kapton",
    "lead",
    "silicon",
    "steel",
    "tungsten",
    "vacuum",
]


class Slab(Section):
    """One slab of a calorimeter."""

    material: MaterialName
    thickness: Positive = Field(description="along the normal [cm]")
    sensitive: bool = Field(default=False, description="whether it is read out in cells")


class Block(Section):
    """Slabs that are met one after the other, several times over."""

    slabs: list[Slab] = Field(min_length=1, description="the first one met first")
    repeat: Count = 1


class StackSection(Section):
    """A section of a calorimeter and the grouping of its sensitive slabs for the readout."""

    name: Name
    blocks: list[Block] = Field(min_length=1)
    groups: list[Count] = Field(
        min_length=1, description="numbers of sensitive slabs that are read out as one layer"
    )
    hadrons_only: bool = Field(
        default=False, description="photons and electrons are not followed into this section"
    )

    @model_validator(mode="after")
    def _reads_all(self) -> StackSection:
        number = sum(
            block.repeat * sum(slab.sensitive for slab in block.slabs) for block in self.blocks
        )
        if number == 0:
            msg = "no slab is sensitive, so nothing would be read out; give one `sensitive: true`"
            raise ValueError(msg)
        if sum(self.groups) != number:
            msg = f"groups add up to {sum(self.groups)}, expected {number}, its sensitive slabs"
            raise ValueError(msg)
        return self


def _siw_sections() -> list[StackSection]:
    return [StackSection.model_validate(section) for section in shipped_stack("siw")["sections"]]


class Stack(Section):
    """Sampling calorimeter: slabs, with hexagonal cells in those that are sensitive.

    Given by the name of a stack of the package (siw, hgcal), the path of a YAML file, or in place.
    """

    sections: list[StackSection] = Field(
        default_factory=_siw_sections, min_length=1, description="from the front to the back"
    )
    pitch: Positive = Field(default=1.2, description="flat-to-flat width of a cell [cm]")
    rings: Count = Field(default=6, description="rings of cells about the central one")
    hadronic_rings: Count = Field(default=12, description="the same, for hadrons and muons")
    radius: Positive = Field(default=30.0, description="where the calorimeter ends sideways [cm]")
    angle: float = Field(
        default=0.0,
        ge=0.0,
        le=1.2,
        description="of the particles to the normal [rad]; the cells of each layer are counted from"
        " where the particle's line meets it",
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return shipped_stack(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_seen_by_all(self) -> Stack:
        if self.sections[0].hadrons_only:
            msg = "the first section is hadrons_only, so that photons and electrons meet nothing"
            raise ValueError(msg)
        return self


def shipped_stack(name: str) -> dict[str, Any]:
    """Stack of the package by its name, or that of a YAML file by its path."""
    path = _STACKS / f"{name}.yaml" if name.isidentifier() else Path(name)
    if not path.is_file():
        known = sorted(path.stem for path in _STACKS.glob("*.yaml"))
        msg = f"one of {known} or the path of a YAML file"
        raise ValueError(msg)
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


# the tables of the transport reach from 0.06 MeV to 1 TeV
CutEnergy = Annotated[float, Field(ge=0.07e-3, le=0.01)]


_HIGHEST_ENERGY = 1000.0


# What `transport: precise` stands for; see the table of `hyperhex simulate convergence`.
_PRECISE = {
    "electron_cut": 0.07e-3,
    "knock_on_cut": 0.1e-3,
    "absorption": 0.5e-3,
    "step_loss": 0.1,
    "step_scattering": 0.3,
}
_PRESETS: dict[str, dict[str, float]] = {"default": {}, "precise": _PRECISE}


class Transport(Section):
    """Cuts and steps of the transport, or the name of a preset: default or precise."""

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

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in _PRESETS:
            msg = f"one of {sorted(_PRESETS)} or single settings"
            raise ValueError(msg)
        return _PRESETS[value]


class Simulate(Section):
    """Full simulation of showers in a stack of slabs."""

    particles: list[Particle] = Field(
        default=["photon", "electron"],
        description="whose showers are simulated and learned; detection draws those of photons and"
        " electrons",
    )
    number: Count = Field(default=5000, description="showers per particle")
    number_of: dict[Particle, Count] = Field(
        default={}, description="showers of a particle, instead of as many as of all"
    )
    energy: tuple[Positive, Positive] = Field(
        default=(1.0, 100.0), description="range of kinetic energies [GeV]"
    )
    spectrum: Literal["log", "flat"] = Field(
        default="log", description="energies uniform in their logarithm, or uniform"
    )
    showers_per_part: Count = Field(default=250, description="showers of one shard")
    references: bool = Field(
        default=True,
        description="validate whole calorimeters, hadrons and muons too, a minute's work",
    )
    stack: Stack = Stack()
    transport: Transport = Transport()

    @model_validator(mode="after")
    def _has_a_range(self) -> Simulate:
        low, high = self.energy
        if not 1e-3 <= low < high <= _HIGHEST_ENERGY:
            msg = f"energy {low}, {high} given; two numbers that rise from 0.001 to 1000 expected"
            raise ValueError(msg)
        return self

    def showers(self, particle: str) -> int:
        """How many showers of a particle."""
        own = {str(name): number for name, number in self.number_of.items()}
        return own.get(particle, self.number)
