"""The section of the tuning, and which theories have no say in it together."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from hyperhex.config.methods import Supervised
from hyperhex.config.section import Count, Section

__all__ = ["Tuning", "dealt"]


class Tuning(Section):
    """Hyperparameters chosen on theories that the training does not leave out."""

    trials: dict[Supervised, Count] = Field(
        default={"xgboost": 12, "network": 5, "deep_sets": 4, "transformer": 3},
        description="choices that are tried by method, the configured one first; a method that is"
        " absent keeps what is configured",
    )
    parts: int = Field(
        default=2,
        ge=2,
        le=10,
        description="parts of the theories; each has parameters that the other parts chose",
    )
    splits: int = Field(
        default=2, ge=2, le=10, description="parts of those others; fits of the rest judge each"
    )
    events: Count = Field(default=20_000, description="most events that one fit is given")


def dealt(groups: Mapping[str, str], parts: int) -> dict[str, int]:
    """Part of each theory, 0 to parts - 1, by the groups of theories.

    Whole groups, the largest first, each to the part that has fewest theories.
    """
    members: dict[str, list[str]] = {}
    for theory, group in sorted(groups.items()):
        members.setdefault(group, []).append(theory)
    theories: list[list[str]] = [[] for _ in range(parts)]
    for group in sorted(members, key=lambda name: (-len(members[name]), name)):
        min(theories, key=len).extend(members[group])
    return {theory: part for part, names in enumerate(theories) for theory in names}
