"""What the cuts and the steps of the transport change: a table of observables and of the cost."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hyperhex.config import Simulate
from hyperhex.simulate.library import simulate
from hyperhex.simulate.materials import SILICON
from hyperhex.simulate.straggling import most_probable_loss

__all__ = ["SETTINGS", "Point", "measure"]

_FINEST = {
    "photon_cut": 0.07e-3,
    "electron_cut": 0.07e-3,
    "knock_on_cut": 0.07e-3,
    "absorption": 0.0,
    "step_loss": 0.1,
    "step_scattering": 0.2,
}


def _cuts(photon: float, electron: float, knock_on: float) -> dict[str, float]:
    """Cuts in MeV, with the default's steps."""
    cuts = {"photon_cut": photon, "electron_cut": electron, "knock_on_cut": knock_on}
    return {name: 1e-3 * value for name, value in cuts.items()}


# what differs from the default
SETTINGS: dict[str, Any] = {
    "finest": _FINEST,
    "precise": "precise",
    "cuts 0.1/0.1/0.1 MeV": _cuts(0.1, 0.1, 0.1),
    "default: cuts 0.1/0.1/0.3 MeV": "default",
    "cuts 0.3/0.3/0.3 MeV": _cuts(0.3, 0.3, 0.3),
    "cuts 0.3/1/1 MeV": _cuts(0.3, 1.0, 1.0),
    "cuts 1/1/1 MeV": _cuts(1.0, 1.0, 1.0),
    "no absorption in place": {"absorption": 0.0},
    "steps of 0.1 of the energy": {"step_loss": 0.1},
    "steps of 0.3 scattering lengths": {"step_scattering": 0.3},
    "steps of 0.1 scattering lengths": {"step_scattering": 0.1},
}


@dataclass(frozen=True)
class Point:
    """Observables of photons of 10 GeV with some settings, each with its statistical error.

    visible [%], resolution [%], mean layer, cells above half a MIP; milliseconds a shower.
    """

    settings: str
    visible: tuple[float, float]
    resolution: tuple[float, float]
    depth: tuple[float, float]
    hits: tuple[float, float]
    ms: float

    def record(self) -> dict[str, Any]:
        """Row of the JSON file."""
        return asdict(self)


def measure(name: str, section: Simulate, number: int, seed: int) -> Point:
    """Simulate with the settings of that name in the stack of the section."""
    from hyperhex.simulate.stage import layout, matter_of

    told = {**section.model_dump(exclude={"transport"}), "transport": SETTINGS[name]}
    section = Simulate.model_validate(told)
    task = matter_of(section), layout(section)[0].n_layers, "photon", (10.0, 10.0 + 1e-8), seed
    simulate(*task, np.zeros(1, dtype=np.uint64))
    start = time.process_time()
    made = simulate(*task, np.arange(number, dtype=np.uint64), angle=section.stack.angle)
    spent = time.process_time() - start
    layers = made.deposits.sum(2)
    visible = layers.sum(1)
    depth = layers @ np.arange(1.0, layers.shape[1] + 1.0) / visible
    hits = (made.deposits > 0.5 * most_probable_loss(SILICON, 0.03)).sum((1, 2))
    root = np.sqrt(number)
    spread = visible.std() / visible.mean()
    return Point(
        name,
        (10.0 * visible.mean(), 10.0 * visible.std() / root),
        (100.0 * spread, 100.0 * spread / np.sqrt(2.0 * number)),
        (depth.mean(), depth.std() / root),
        (hits.mean(), hits.std() / root),
        1e3 * spent / number,
    )
