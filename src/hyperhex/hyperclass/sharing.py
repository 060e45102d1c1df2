"""From which theories a left-out theory borrows its discovery: events that they share.

A mixture that never saw a theory selects some of its events, because they look like those of
theories that it was trained on. Which ones they are the trees say that were trained on one theory
alone: what part of the selected events each would select too, at the same background efficiency.
What is above the same part of the background that the mixture selects is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import SelectionError
from hyperhex.hyperclass.efficiency import cuts
from hyperhex.hyperclass.scores import AVERAGE, Scores

__all__ = ["EFFICIENCY", "Part", "Shared", "overlap", "passing", "sharing"]

Floats = NDArray[np.float64]

# part of the background that every selection lets pass
EFFICIENCY = 0.01
_SINGLE = "single_"


@dataclass(frozen=True)
class Part:
    """Part of the selected events that a theory's own classifier selects too, and its error.

    `background` is the same part of the selected background.
    """

    theory: str
    part: float
    error: float
    background: float


@dataclass(frozen=True)
class Shared:
    """What a mixture without a theory selects of it, and who else would.

    `efficiency` is the part of its events that are selected, `events` their number; `parts` are by
    theory in the order of their groups, `lender` the other theory with the largest part.
    """

    theory: str
    group: str
    efficiency: float
    events: int
    parts: tuple[Part, ...]
    lender: str


def sharing(scores: Scores) -> list[Shared]:
    """Shared events of every theory that has some selected, theories of a group in a row."""
    groups = {
        str(one["name"]): str(one["group"]) for one in scores.theories if one["role"] == "signal"
    }
    ordered = sorted(groups, key=lambda name: (groups[name], name))
    background = np.concatenate([events.rows for events in scores.backgrounds()])

    def selected(score: Floats) -> Floats:
        return passing(score, scores.weight, background, EFFICIENCY)

    alone = {
        name: selected(scores.of(_SINGLE + name))
        for name in ordered
        if _SINGLE + name in scores.names
    }
    found = []
    for name in ordered:
        rows = np.concatenate([one.rows for one in scores.signals() if one.theory == name])
        mixture = selected(scores.of_mixture(AVERAGE, name))
        weight = scores.weight[rows]
        accepted = float((weight * mixture[rows]).sum())
        if accepted > 0.0:
            parts = tuple(
                Part(
                    other,
                    *overlap(mixture[rows], passed[rows], weight),
                    overlap(mixture[background], passed[background], scores.weight[background])[0],
                )
                for other, passed in alone.items()
            )
            number = int(np.count_nonzero(mixture[rows]))
            told = (accepted / float(weight.sum()), number, parts, _lender(name, parts))
            found.append(Shared(name, groups[name], *told))
    return found


def passing(score: Floats, weight: Floats, background: NDArray[np.intp], part: float) -> Floats:
    """Part of each event that a cut lets pass which lets `part` of the background pass, (n,).

    One or zero but for events that lie on the cut.
    """
    cut = cuts(score[background], weight[None, background], np.array([part]))
    threshold, share = float(cut.threshold[0, 0]), float(cut.share[0, 0])
    return np.where(score > threshold, 1.0, np.where(score == threshold, share, 0.0))


def overlap(first: Floats, second: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted part of what passes the first that passes the second too, and its error.

    Both (n,) are parts of events that pass; the error is that of a ratio of sums,
    sqrt(sum w^2 a^2 (b - p)^2) / sum w a.
    """
    both = np.minimum(first, second)
    total = float((weight * first).sum())
    if not total > 0.0:
        msg = f"selected events of {len(weight)} weigh {total:g} pb, expected more than 0"
        raise SelectionError(msg)
    part = float((weight * both).sum()) / total
    return part, float(np.sqrt(np.sum((weight * (both - part * first)) ** 2))) / total


def _lender(name: str, parts: Sequence[Part]) -> str:
    others = [one for one in parts if one.theory != name]
    return max(others, key=lambda one: one.part).theory if others else ""
