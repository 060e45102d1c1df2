"""What all parts of a config share: frozen, and strict about keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Count", "Fraction", "Name", "Particle", "Positive", "Section", "Threads"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="letters, digits and _")]


Particle = Literal["photon", "electron", "pi+"]
"""Whose showers are simulated and learned."""


Positive = Annotated[float, Field(gt=0)]


Fraction = Annotated[float, Field(gt=0, lt=1)]


Count = Annotated[int, Field(gt=0)]


Threads = Annotated[
    int, Field(ge=1, le=64, description="threads of the training; changes floating-point sums")
]


class Section(BaseModel):
    """A frozen part of the config in which unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
