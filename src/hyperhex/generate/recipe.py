"""What the generator is told for a point of a theory, and how its events are split into parts."""

from __future__ import annotations

from pathlib import Path

from hyperhex.config import GenerateSettings, Point, Theory
from hyperhex.generate import slha
from hyperhex.generate.commands import fill
from hyperhex.generate.lhe import count_events

__all__ = ["point_commands", "point_spectrum", "split", "where"]


def where(theory: Theory, point: Point) -> str:
    """How messages name a point."""
    return f"theory {theory.name}, point {point.label}"


def point_commands(settings: GenerateSettings, point: Point) -> list[str]:
    """Pythia settings of a point, parameters filled in."""
    return [fill(text, point.parameters) for text in settings.theory.settings]


def point_spectrum(theory: Theory, point: Point) -> str | None:
    """SLHA text of a point, None if the theory needs none."""
    if theory.slha is None:
        return None
    masses = {
        code: float(fill(str(mass), point.parameters)) for code, mass in theory.slha.masses.items()
    }
    decays = {
        code: [(float(channel.fraction), channel.products) for channel in channels]
        for code, channels in theory.slha.decays.items()
    }
    return slha.spectrum(masses, decays, tan_beta=theory.slha.tan_beta)


def split(settings: GenerateSettings, point: Point) -> list[int]:
    """Events of each part of a point; of a Les Houches file at most what it holds."""
    events = max(1, round(point.events * settings.generate.scale * settings.scale))
    if settings.theory.lhe is not None:
        events = min(events, count_events(Path(settings.theory.lhe)))
    size = settings.generate.events_per_part
    whole, rest = divmod(events, size)
    return [size] * whole + [rest] * (rest > 0)
