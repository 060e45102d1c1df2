"""The stage `simulate`: a library of showers, and its comparison with public numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyperhex import cluster, random, store
from hyperhex.config import Simulate, SimulateSettings
from hyperhex.detector.patch import Patch
from hyperhex.kernels.matter import Matter
from hyperhex.simulate.library import simulate
from hyperhex.simulate.materials import MATERIALS
from hyperhex.simulate.stack import Stack, Steps, build_matter
from hyperhex.simulate.straggling import most_probable_loss
from hyperhex.simulate.tables import Cuts

__all__ = ["showers", "validate"]

log = logging.getLogger(__name__)

_SCHEMA = {
    "deposits": store.Array(
        "float32", ("shower", "layer", "cell"), "GeV", "energy left in the silicon of a cell"
    ),
    "energy": store.Array("float32", ("shower",), "GeV", "kinetic energy of the particle"),
    "impact": store.Array("float32", ("shower", "xy"), "cm", "where the particle enters"),
    "leakage": store.Array("float32", ("shower",), "GeV", "energy that leaves the stack"),
}


@dataclass(frozen=True)
class _Part:
    """What a worker needs for one shard."""

    draft: store.Draft
    matter: Matter
    n_layers: int
    particle: str
    energies: tuple[float, float]
    seed: int
    index: int


def showers(
    settings: SimulateSettings, particle: str, output: Path, context: cluster.Context
) -> None:
    """Make the library of showers of one particle, one shard a task."""
    section = settings.simulate
    stack, patch = layout(section)
    matter = matter_of(section)
    draft = store.create(
        output,
        _SCHEMA,
        sizes={
            "shower": section.number,
            "layer": stack.n_layers,
            "cell": patch.n_cells,
            "xy": 2,
        },
        rows={"shower": min(section.showers_per_part, section.number)},
        settings=settings.model_dump(mode="json"),
        attributes=attributes(section, particle, settings.seed),
        code=("simulate", "kernels", "detector"),
    )
    seed = random.integer(settings.seed, "simulate", particle)
    todo = [
        _Part(draft, matter, stack.n_layers, particle, section.energy, seed, index)
        for index in range(draft.shards("shower"))
        if not draft.finished("shower", index)
    ]
    log.info("%s: %d parts of %d to do", particle, len(todo), draft.shards("shower"))
    # compile here, once, before workers would each do it
    simulate(matter, stack.n_layers, particle, section.energy, seed, np.zeros(1, dtype=np.uint64))
    with cluster.connect(context.dask, threads=context.threads, memory=context.memory) as client:
        results = cluster.compute(
            client, _simulate_part, todo, label=particle, per_task=context.parts_per_task
        )
        number = sum(results)
    draft.publish()
    log.info("%s: %d new showers", particle, number)


def validate(
    settings: SimulateSettings, showers: list[Path], output: Path, figures: Path
) -> None:
    """Compare the simulation with public numbers and draw its figures."""


def layout(section: Simulate) -> tuple[Stack, Patch]:
    """Slabs and cells of the configured calorimeter."""
    block = [(slab.material, slab.thickness) for slab in section.stack.block]
    stack = Stack.repeated(block, "silicon", section.stack.groups)
    return stack, Patch(section.stack.rings, section.stack.pitch)


def matter_of(section: Simulate) -> Matter:
    """Matter of the configured calorimeter."""
    stack, patch = layout(section)
    t = section.transport
    cuts = Cuts(t.photon_cut, t.electron_cut, t.knock_on_cut, t.straggling_cut)
    steps = Steps(t.step_loss, t.step_scattering, t.absorption)
    return build_matter(stack, patch, cuts, steps, section.stack.radius)


def attributes(section: Simulate, particle: str, seed: int) -> dict[str, Any]:
    """What the store says of its showers; `mip` is the most probable deposit in one slab [GeV]."""
    stack, _ = layout(section)
    silicon = next(s.thickness for s in section.stack.block if s.material == "silicon")
    return {
        "particle": particle,
        "seed": seed,
        "geometry": {
            **section.stack.model_dump(mode="json"),
            "radiation_lengths": float(stack.radiation_lengths[-1]),
        },
        "cuts": section.transport.model_dump(mode="json"),
        "mip": most_probable_loss(MATERIALS["silicon"], silicon),
    }


def _simulate_part(part: _Part) -> int:
    """Simulate and write one shard; returns its number of showers."""
    rows = part.draft.bounds("shower", part.index)
    numbers = np.arange(rows.start, rows.stop, dtype=np.uint64)
    made = simulate(part.matter, part.n_layers, part.particle, part.energies, part.seed, numbers)
    arrays = {
        "deposits": made.deposits,
        "energy": made.energy,
        "impact": made.impact,
        "leakage": made.leakage,
    }
    part.draft.write("shower", part.index, arrays)
    return len(numbers)
