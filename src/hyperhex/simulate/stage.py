"""The stage `simulate`: a library of showers, and its comparison with public numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import cluster, provenance, random, store
from hyperhex.config import Simulate, SimulateSettings
from hyperhex.detector.patch import Patch
from hyperhex.kernels.shower.matter import Matter
from hyperhex.plots import simulate as plots
from hyperhex.plots.style import save, style
from hyperhex.simulate import validation
from hyperhex.simulate.library import Showers, simulate
from hyperhex.simulate.materials import MATERIALS
from hyperhex.simulate.stack import Stack, build_matter
from hyperhex.simulate.straggling import most_probable_loss
from hyperhex.simulate.tables import Cuts, Steps

__all__ = ["showers", "validate"]

log = logging.getLogger(__name__)

_BALANCED = 20  # showers whose energy is counted to the last
_BINS = 6  # of energy, in figures

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


def validate(settings: SimulateSettings, showers: list[Path], output: Path, figures: Path) -> None:
    """Compare the simulation with public numbers and draw its figures."""
    section = settings.simulate
    sources = {source.attributes["particle"]: source for source in map(store.open, showers)}
    rows = [*validation.material_rows(), *validation.profile_rows(_seed(settings, "profile"))]
    thickness, cuts = _silicon(section), _cuts(section)
    rows.append(validation.most_probable_row(thickness, cuts, _seed(settings, "layer")))
    for particle, source in sources.items():
        rows += validation.balance_rows(particle, _few(settings, particle))
        rows += validation.library_rows(particle, *_visible(source))
    for row in rows:
        level = logging.INFO if row.passed else logging.WARNING
        verdict = "within" if row.passed else "NOT within"
        log.log(
            level,
            "%s: %.4g, %s %.2g of %.4g",
            row.quantity,
            row.ours,
            verdict,
            row.tolerance,
            row.reference,
        )
    _draw(section, sources, figures)
    failed = sum(not row.passed for row in rows)
    log.info("%d of %d comparisons within their tolerance", len(rows) - failed, len(rows))
    provenance.write_json(output, [row.record() for row in rows])


def _few(settings: SimulateSettings, particle: str) -> Showers:
    """Some showers of a particle, made anew with all their books."""
    section = settings.simulate
    numbers = np.arange(_BALANCED, dtype=np.uint64)
    seed = _seed(settings, particle)
    n_layers = layout(section)[0].n_layers
    return simulate(matter_of(section), n_layers, particle, section.energy, seed, numbers)


def _visible(source: store.Store) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Visible and incident energies of a library [GeV], read shard by shard."""
    number, rows = source.sizes["shower"], source.rows["shower"]
    visible = [
        source["deposits"][first : first + rows].sum((1, 2), dtype=np.float64)
        for first in range(0, number, rows)
    ]
    return np.concatenate(visible), source["energy"][:].astype(np.float64)


def _draw(section: Simulate, sources: dict[str, store.Store], figures: Path) -> None:
    """Write profiles, resolutions and one event display per particle."""
    stack, patch = layout(section)
    low, high = section.energy
    edges = np.geomspace(low, high * (1 + 1e-6), _BINS + 1)
    seen = {particle: _visible(source) for particle, source in sources.items()}
    curves = {particle: validation.resolution(*both, edges) for particle, both in seen.items()}
    terms = {particle: validation.stochastic_term(*both) for particle, both in seen.items()}
    shares = {particle: _shares(source, edges[::2]) for particle, source in sources.items()}
    depth, width = stack.layer_depths
    with style():
        lines = {
            particle: {label: share / width for label, share in by_bin.items()}
            for particle, by_bin in shares.items()
        }
        save(plots.profiles(depth, lines), figures / "longitudinal_profile.svg")
        save(plots.resolutions(curves, terms), figures / "resolution.svg")
        for particle, source in sources.items():
            # the shower next to 30 GeV: enough cells to see, not all of them
            energy = source["energy"][:]
            index = int(np.argmin(np.abs(np.log(energy / 30.0))))
            title = f"{particle} of {energy[index]:.1f} GeV"
            shower = source["deposits"][index].astype(np.float64)
            figure = plots.display(patch, shower, source.attributes["mip"], title)
            save(figure, figures / f"shower_{particle}.svg")


def _shares(source: store.Store, edges: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Mean share of each layer in the visible energy, by bins of energy."""
    number, rows = source.sizes["shower"], source.rows["shower"]
    layers = np.concatenate(
        [
            source["deposits"][first : first + rows].sum(2, dtype=np.float64)
            for first in range(0, number, rows)
        ]
    )
    energy = source["energy"][:]
    shares = {}
    for low, high in pairwise(edges):
        inside = layers[(energy >= low) & (energy < high)].sum(axis=0)
        if inside.sum() > 0:
            shares[f"{low:.3g}-{high:.3g} GeV"] = inside / inside.sum()
    return shares


def _silicon(section: Simulate) -> float:
    """Thickness of one sensitive slab [cm]."""
    return next(slab.thickness for slab in section.stack.block if slab.material == "silicon")


def _cuts(section: Simulate) -> Cuts:
    t = section.transport
    return Cuts(t.photon_cut, t.electron_cut, t.knock_on_cut, t.straggling_cut)


def _seed(settings: SimulateSettings, label: str) -> int:
    """Seed of showers that are not part of a library."""
    return random.integer(settings.seed, "simulate", "validate", label)


def layout(section: Simulate) -> tuple[Stack, Patch]:
    """Slabs and cells of the configured calorimeter."""
    block = [(slab.material, slab.thickness) for slab in section.stack.block]
    stack = Stack.repeated(block, "silicon", section.stack.groups)
    return stack, Patch(section.stack.rings, section.stack.pitch)


def matter_of(section: Simulate) -> Matter:
    """Matter of the configured calorimeter."""
    stack, patch = layout(section)
    t = section.transport
    steps = Steps(t.step_loss, t.step_scattering, t.absorption)
    return build_matter(stack, patch, _cuts(section), steps, section.stack.radius)


def attributes(section: Simulate, particle: str, seed: int) -> dict[str, Any]:
    """What the store says of its showers; `mip` is the most probable deposit in one slab [GeV]."""
    stack, _ = layout(section)
    return {
        "particle": particle,
        "seed": seed,
        "geometry": {
            **section.stack.model_dump(mode="json"),
            "radiation_lengths": float(stack.radiation_lengths[-1]),
        },
        "cuts": section.transport.model_dump(mode="json"),
        "mip": most_probable_loss(MATERIALS["silicon"], _silicon(section)),
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
