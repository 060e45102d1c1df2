"""How networks compare on showers: accuracy against training-set size, and a test of rotation.

The rotation test shows networks only showers that enter in one wedge of 30 degrees of the central
cell, and asks them about the eleven other wedges. Showers are symmetric, so turning one into the
wedge gives another shower of the same simulation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.config.train import Regression
from hyperhex.detector.patch import Patch
from hyperhex.errors import SelectionError
from hyperhex.fastsim.symmetry import move, wedge
from hyperhex.random import stream
from hyperhex.refine.showers import Showers, split
from hyperhex.train.regression import NETWORKS, Fitted, Measured, classical, fit, judge, turned

__all__ = ["compare"]

log = logging.getLogger(__name__)

Method = Callable[[Showers], Measured]

_CLASSICAL = "classical"
_BINS = 4
# showers that each symmetry is asked about
_ASKED = 1000


def compare(
    showers: Showers, patch: Patch, settings: Regression, seed: int
) -> tuple[dict[str, Any], Fitted]:
    """Rows of the learning curve and of the rotation test, and the network that won.

    The winner has the best entry point at the largest size: there networks differ most.
    """
    known, asked = split(showers, settings.held_out, stream(seed, "train", "regression", "split"))
    _require(len(known), settings)
    edges = np.geomspace(showers.energy.min(), showers.energy.max() * (1 + 1e-6), _BINS + 1)
    read = Patch(settings.rings, patch.pitch)
    fitted: dict[tuple[str, int], Fitted] = {}
    rows: list[dict[str, Any]] = []
    for size in settings.sizes:
        tries: dict[str, list[dict[str, Any]]] = {}
        for repetition in range(settings.repetitions):
            told = _drawn(known, size, seed, repetition)
            for name in (_CLASSICAL, *NETWORKS):
                method = _method(name, told, patch, read, settings, seed + repetition)
                tries.setdefault(name, []).append(judge(method(asked), asked, edges.tolist()))
                if isinstance(method, Fitted) and repetition == 0:
                    fitted[name, size] = method
        rows += [{"method": name, "showers": size, **_mean(found)} for name, found in tries.items()]
        log.info("learning curve: %d showers, %s", size, _words(rows, size))
    turns = _rotation(known, asked, patch, read, settings, seed, fitted)
    most = settings.sizes[-1]
    last = [row for row in rows if row["showers"] == most and row["method"] in NETWORKS]
    best = str(min(last, key=lambda row: float(row["impact_resolution"]))["method"])
    report = {
        "parameters": {name: fitted[name, most].parameters for name in NETWORKS},
        "asked": len(asked),
        "repetitions": settings.repetitions,
        "curve": rows,
        "rotation": turns,
        "best": best,
    }
    return report, fitted[best, most]


def _rotation(
    known: Showers,
    asked: Showers,
    patch: Patch,
    read: Patch,
    settings: Regression,
    seed: int,
    fitted: Mapping[tuple[str, int], Fitted],
) -> list[dict[str, Any]]:
    """Figures for each of the twelve symmetries by networks that saw one wedge, or all showers.

    fitted : networks that have seen these showers, by name and number
    """
    asked = _in_wedge(asked.pick(np.arange(min(_ASKED, len(asked)))), patch)
    edges = [float(asked.energy.min()), float(asked.energy.max()) * (1 + 1e-6)]
    moved = [turned(asked, patch, symmetry) for symmetry in range(len(patch.symmetries))]
    told = _drawn(known, settings.rotation_showers, seed, 0)
    rows = []
    for trained, showers in (("wedge", _in_wedge(told, patch)), ("everywhere", told)):
        for name in NETWORKS:
            same = fitted.get((name, len(told))) if showers is told else None
            network = same or fit(name, showers, read, settings, seed)
            found = [judge(network(one), one, edges) for one in moved]
            columns = {key: [row[key] for row in found] for key in found[0]}
            rows.append({"method": name, "trained": trained, "showers": len(showers), **columns})
    return rows


def _method(
    name: str, told: Showers, patch: Patch, read: Patch, settings: Regression, seed: int
) -> Method:
    if name == _CLASSICAL:
        return classical(told, patch)
    return fit(name, told, read, settings, seed)


def _in_wedge(showers: Showers, patch: Patch) -> Showers:
    """Showers moved so that all enter at angles of 0 to 30 degrees."""
    operation, impact = wedge(patch, showers.impact)
    cells = move(patch, showers.cells, operation)
    return Showers(cells, showers.energy, impact, showers.particle)


def _drawn(known: Showers, size: int, seed: int, repetition: int) -> Showers:
    """Showers of a training; a smaller size is part of a larger one."""
    order = stream(seed, "train", "regression", "size", repetition).permutation(len(known))
    return known.pick(order[:size])


def _mean(found: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Means over repetitions and, where there are several, their standard deviations."""
    columns: dict[str, float | None] = {}
    for key in found[0]:
        values: NDArray[np.float64] = np.array([row[key] for row in found], dtype=np.float64)
        told = bool(np.isfinite(values).all())
        columns[key] = float(values.mean()) if told else None
        columns[f"{key}_spread"] = float(values.std(ddof=1)) if told and len(values) > 1 else None
    return columns


def _words(rows: Sequence[Mapping[str, Any]], size: int) -> str:
    return ", ".join(
        f"{row['method']} {100 * row['energy_resolution']:.2f} % {row['impact_resolution']:.3f} mm"
        for row in rows
        if row["showers"] == size
    )


def _require(known: int, settings: Regression) -> None:
    most = max(*settings.sizes, settings.rotation_showers)
    if most > known:
        msg = (
            f"{most} showers to learn from asked for, {known} there are: lower train.regression"
            " sizes and rotation_showers, or raise simulate.number"
        )
        raise SelectionError(msg)
