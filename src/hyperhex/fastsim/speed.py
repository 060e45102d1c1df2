"""How fast the fast simulation is beside the full one, on the showers that it is judged with."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hyperhex import store
from hyperhex.config import SimulateSettings
from hyperhex.fastsim.full_simulation import transport_of
from hyperhex.fastsim.library import Sample
from hyperhex.fastsim.simulation import FastSimulation
from hyperhex.random import integer

__all__ = ["full_time", "measure"]

_BATCHES = (1, 256, 1024)
_TIMED = 2048
_TIMED_ONE = 64
_SIMULATED = 30


def measure(fast_simulation: FastSimulation, full: Sample, library: store.Store) -> dict[str, Any]:
    """Showers per second of one thread, and how many times that is the full simulation's speed.

    Both are processor times of this process, for showers of the library's own energies.
    """
    slow = full_time(library)
    rates: dict[str, float] = {}
    for batch in _BATCHES:
        chosen = full.rows(np.arange(_TIMED if batch > 1 else _TIMED_ONE) % len(full))
        warm = chosen.rows(slice(batch))
        fast_simulation.sample(warm.energy, warm.impact, 1, batch)
        start = time.process_time()
        fast_simulation.sample(chosen.energy, chosen.impact, 1, batch)
        rates[str(batch)] = len(chosen) / (time.process_time() - start)
    best = max(rates, key=lambda batch: rates[batch])
    conditions = {
        "energies": f"{full.energy.min():.3g}-{full.energy.max():.3g} GeV, as in the library",
        "mean_energy": float(full.energy.mean()),
        "cuts": library.attributes.get("cuts", {}),
        "threads": 1,
        "batch": int(best),
        "full_ms": 1e3 * slow,
    }
    return {
        "showers_per_second": rates[best],
        "showers_per_second_by_batch": rates,
        "speed_up": rates[best] * slow,
        "speed_up_conditions": conditions,
    }


def full_time(library: store.Store) -> float:
    """Processor time of the full simulation per shower [s], from some of the library's showers.

    They are simulated again, evenly chosen in energy, so that their mean energy is the library's.
    """
    settings = SimulateSettings.model_validate(library.manifest["settings"])
    section, particle = settings.simulate, str(library.attributes["particle"])
    order = np.argsort(library["energy"][:], kind="stable")
    chosen = order[((np.arange(_SIMULATED) + 0.5) * len(order) / _SIMULATED).astype(int)]
    transport = transport_of(section, particle)
    beam = section.energy, integer(settings.seed, "simulate", particle)
    transport(*beam, np.zeros(1, np.uint64))
    start = time.process_time()
    transport(*beam, chosen.astype(np.uint64))
    return (time.process_time() - start) / _SIMULATED
