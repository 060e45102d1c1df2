"""Theories, and the section of the Monte Carlo generation."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from hyperhex.config.section import Count, Fraction, Name, Positive, Section

__all__ = ["Decay", "Generate", "Point", "Preselection", "Spectrum", "Theory"]

# a parameter in a theory's setting
_NAME = re.compile(r"\{([A-Za-z]\w*)\}")


class Point(Section):
    """One choice of a theory's parameters."""

    label: Name
    parameters: dict[str, float] = Field(
        default={}, description="values that replace {name} in the settings [GeV where a mass]"
    )
    events: Count = Field(default=1000, description="events to generate, before `scale`")


class Decay(Section):
    """A decay channel of a sparticle."""

    fraction: Fraction | Literal[1] = Field(default=1, description="branching fraction")
    products: list[int] = Field(min_length=2, max_length=4, description="particle codes")


class Spectrum(Section):
    """A simplified supersymmetric spectrum; what is not named is decoupled."""

    masses: dict[int, float | str] = Field(
        min_length=1, description="sparticle code: mass [GeV], or {name} of a parameter"
    )
    decays: dict[int, list[Decay]] = Field(
        default={}, description="sparticle code: its channels; without, it is stable"
    )
    tan_beta: Positive = 10.0


class Theory(Section):
    """A hypothesis about nature: a generator with its settings and a grid of parameters."""

    name: Name
    title: str
    role: Literal["background", "signal"]
    group: Name = Field(description="family of theories, left out together")
    paper: str = Field(default="", description="where the theory is defined, arXiv number")
    settings: list[str] = Field(default=[], description="Pythia 8 settings, one `Key = value` each")
    lhe: str | None = Field(
        default=None,
        description="Les Houches file (plain or .gz) whose events Pythia showers instead",
    )
    slha: Spectrum | None = Field(
        default=None, description="supersymmetric spectrum, written as an SLHA file for Pythia"
    )
    points: list[Point] = Field(min_length=1)

    def faults(self) -> list[str]:
        """What does not fit together: labels, parameters, where the events come from."""
        found: list[str] = []
        if not self.settings and self.lhe is None:
            found.append("settings: none given, expected Pythia settings, or a file as `lhe`")
        labels = [point.label for point in self.points]
        found += [
            f"points.{label}: label given {labels.count(label)} times, expected once"
            for label in sorted({label for label in labels if labels.count(label) > 1})
        ]
        masses = [] if self.slha is None else self.slha.masses.values()
        used = {
            name for text in (*self.settings, *map(str, masses)) for name in _NAME.findall(text)
        }
        for point in self.points:
            given = set(point.parameters)
            if used != given:
                found.append(
                    f"points.{point.label}.parameters: {sorted(given)} given,"
                    f" the settings use {sorted(used)}"
                )
        return found


class Preselection(Section):
    """Loose selection of generated events, looser than any region of reconstructed events."""

    visible_pt: float = Field(
        default=350.0, ge=0, description="least scalar sum of the visible particles' pT [GeV]"
    )
    missing_pt: float = Field(
        default=100.0, ge=0, description="least pT of the sum of the invisible particles [GeV]"
    )


class Generate(Section):
    """Monte Carlo generation."""

    energy: Positive = Field(default=13000.0, description="centre-of-mass energy [GeV]")
    multiparton: bool = Field(
        default=False,
        description="multiparton interactions; off, for they cost 4 to 7 times the rest of an"
        " event and add soft particles that a search at high HT and missing energy does not see",
    )
    scale: Positive = Field(default=1.0, description="multiplies the events of every point")
    events_per_part: Count = Field(
        default=20_000,
        description="events of one child process: the unit of resume and of randomness",
    )
    time_limit: Positive = Field(default=600.0, description="longest life of a child process [s]")
    preselection: Preselection = Preselection()
    particle_pt: float = Field(
        default=0.3,
        ge=0,
        description="least pT of a stored visible particle [GeV]; 0.3 leaves out 1 % of the"
        " scalar sum and a third of the particles",
    )
    eta: Positive = Field(default=5.0, description="largest |eta| of a visible particle")
