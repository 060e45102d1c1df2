"""The stage `simulate`: a library of showers, and its comparison with public numbers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import cluster, provenance, random, store
from hyperhex.config import Simulate, SimulateSettings, Slab, checked
from hyperhex.detector.patch import Patch
from hyperhex.kernels.shower.matter import Matter
from hyperhex.plots import simulate as plots
from hyperhex.plots.style import save, style
from hyperhex.simulate import geant4, responses, validation
from hyperhex.simulate.cascade import HADRONS, Absorber, build_absorber
from hyperhex.simulate.convergence import SETTINGS, measure
from hyperhex.simulate.library import Showers, simulate
from hyperhex.simulate.materials import MATERIALS
from hyperhex.simulate.parts import Part, make, simulate_part
from hyperhex.simulate.stack import Stack, build_matter
from hyperhex.simulate.straggling import most_probable_loss
from hyperhex.simulate.tables import Cuts, Steps

__all__ = ["convergence", "showers", "validate"]

log = logging.getLogger(__name__)

_COMPARED = 600  # photons beside Geant4's
_BALANCED = 20  # showers whose energy is counted to the last
_BINS = 6  # of energy, in figures
_OBSERVABLES = ("visible [%]", "resolution [%]", "mean layer", "hits", "ms")

_SCHEMA = {
    "deposits": store.Array(
        "float32", ("shower", "layer", "cell"), "GeV", "energy left in the silicon of a cell"
    ),
    "energy": store.Array("float32", ("shower",), "GeV", "kinetic energy of the particle"),
    "impact": store.Array("float32", ("shower", "xy"), "cm", "where the particle enters"),
    "leakage": store.Array("float32", ("shower",), "GeV", "energy that leaves the stack"),
}

_HADRONIC_SCHEMA = {
    **_SCHEMA,
    "outside": store.Array("float32", ("shower",), "GeV", "energy in silicon beyond the cells"),
    "invisible": store.Array(
        "float32", ("shower",), "GeV", "energy of neutrinos, slow neutrons and broken nuclei"
    ),
    "electromagnetic": store.Array(
        "float32", ("shower",), "GeV", "energy of photons and electrons from collisions and decays"
    ),
}


def showers(
    settings: SimulateSettings,
    particle: str,
    output: Path,
    context: cluster.Context,
    beam: Mapping[str, Any] | None = None,
) -> None:
    """Make the library of showers of one particle, one shard a task.

    `beam` holds what differs from the settings: energy, spectrum, number, stack, transport.
    """
    settings = _changed(settings, beam or {})
    section, hadronic = settings.simulate, particle in HADRONS
    stack, patch = layout(section, hadronic=hadronic)
    number = section.showers(particle)
    draft = store.create(
        output,
        _HADRONIC_SCHEMA if hadronic else _SCHEMA,
        sizes={
            "shower": number,
            "layer": stack.n_layers,
            "cell": patch.n_cells,
            "xy": 2,
        },
        rows={"shower": min(section.showers_per_part, number)},
        settings=settings.model_dump(mode="json"),
        attributes=attributes(section, particle, settings.seed),
        code=("simulate", "kernels", "detector"),
    )
    seed = random.integer(settings.seed, "simulate", particle)
    made_in = absorber_of(section) if hadronic else matter_of(section)
    todo = [
        Part(draft, made_in, stack.n_layers, particle, section, seed, index)
        for index in range(draft.shards("shower"))
        if not draft.finished("shower", index)
    ]
    log.info("%s: %d parts of %d to do", particle, len(todo), draft.shards("shower"))
    if todo:
        # compile here, once, before workers would each do it
        make(todo[0], np.zeros(1, dtype=np.uint64))
    with cluster.connect(context.dask, threads=context.threads, memory=context.memory) as client:
        results = cluster.compute(
            client, simulate_part, todo, label=particle, per_task=context.parts_per_task
        )
        made = sum(results)
    draft.publish()
    log.info("%s: %d new showers", particle, made)


def _changed(settings: SimulateSettings, beam: Mapping[str, Any]) -> SimulateSettings:
    """Settings with what the command line says otherwise."""
    given = {key: value for key, value in beam.items() if value is not None}
    told = settings.model_dump()
    # a number that is given is that of the one particle that is made
    told["simulate"] |= given | ({"number_of": {}} if "number" in given else {})
    return checked(SimulateSettings, told)


def convergence(settings: SimulateSettings, number: int, output: Path) -> None:
    """Tabulate observables of photons of 10 GeV against the cuts and steps of the transport."""
    log.info("%-34s %15s %15s %15s %15s %8s", "", *_OBSERVABLES)
    rows = []
    for name in SETTINGS:
        point = measure(name, settings.simulate, number, _seed(settings, "convergence"))
        rows.append(point.record())
        pairs = (point.visible, point.resolution, point.depth, point.hits)
        told = (f"{value:8.3f} +- {error:.3f}" for value, error in pairs)
        log.info("%-34s %15s %15s %15s %15s %8.2f", name, *told, point.ms)
    provenance.write_json(output, rows)


def validate(settings: SimulateSettings, showers: list[Path], output: Path, figures: Path) -> None:
    """Compare the simulation with public numbers and draw its figures."""
    section = settings.simulate
    sources = {source.attributes["particle"]: source for source in map(store.open, showers)}
    rows = [*validation.material_rows(), *validation.profile_rows(_seed(settings, "profile"))]
    thickness, cuts = _sensor(section).thickness, _cuts(section)
    rows.append(validation.most_probable_row(thickness, cuts, _seed(settings, "layer")))
    for particle, source in sources.items():
        rows += validation.balance_rows(particle, _few(settings, particle))
        rows += validation.library_rows(particle, *_visible(source))
    compared = None
    if section.references:
        compared = geant4.compare(_COMPARED, _seed(settings, "geant4"))
        rows += [*_response_rows(settings), *responses.geant4_rows(compared)]
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
    with style():
        scaled = {row.quantity: (row.ours - row.reference) / row.tolerance for row in rows}
        save(plots.deviations(scaled), figures / "deviations.svg")
        if compared is not None:
            beside = (compared.shares, compared.spread, geant4.LAYER_SHARES)
            save(plots.layer_shares(*beside), figures / "layers_geant4.svg")
    failed = sum(not row.passed for row in rows)
    log.info("%d of %d comparisons within their tolerance", len(rows) - failed, len(rows))
    provenance.write_json(output, [row.record() for row in rows])


def _response_rows(settings: SimulateSettings) -> list[validation.Row]:
    """Rows of calorimeters as a whole, of muons and of pions."""
    return [
        responses.radius_row(_seed(settings, "radius")),
        responses.linearity_row(settings.simulate, _seed(settings, "linearity")),
        responses.muon_row(_seed(settings, "muon")),
        *responses.fraction_rows(_seed(settings, "fraction")),
        responses.ratio_row(_seed(settings, "ratio")),
    ]


def _few(settings: SimulateSettings, particle: str) -> Showers:
    """Some showers of a particle, made anew with all their books."""
    section = settings.simulate
    numbers = np.arange(_BALANCED, dtype=np.uint64)
    seed = _seed(settings, particle)
    n_layers = layout(section)[0].n_layers
    angle = section.stack.angle
    matter = matter_of(section)
    return simulate(matter, n_layers, particle, section.energy, seed, numbers, angle=angle)


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


def _sensor(section: Simulate) -> Slab:
    """First sensitive slab."""
    blocks = section.stack.sections[0].blocks
    return next(slab for block in blocks for slab in block.slabs if slab.sensitive)


def _cuts(section: Simulate) -> Cuts:
    t = section.transport
    return Cuts(t.photon_cut, t.electron_cut, t.knock_on_cut, t.straggling_cut)


def _seed(settings: SimulateSettings, label: str) -> int:
    """Seed of showers that are not part of a library."""
    return random.integer(settings.seed, "simulate", "validate", label)


def layout(section: Simulate, *, hadronic: bool = False) -> tuple[Stack, Patch]:
    """Slabs and cells of the configured calorimeter.

    Photons and electrons see it as far as the sections that are for hadrons only.
    """
    stack = section.stack
    sections = [part for part in stack.sections if hadronic or not part.hadrons_only]
    rings = stack.hadronic_rings if hadronic else stack.rings
    return Stack.of_sections(sections, stack.angle), Patch(rings, stack.pitch)


def matter_of(section: Simulate, *, hadronic: bool = False) -> Matter:
    """Matter of the configured calorimeter."""
    stack, patch = layout(section, hadronic=hadronic)
    t = section.transport
    steps = Steps(t.step_loss, t.step_scattering, t.absorption)
    return build_matter(stack, patch, _cuts(section), steps, section.stack.radius)


def absorber_of(section: Simulate) -> Absorber:
    """The configured calorimeter as hadrons and muons see it."""
    stack, _ = layout(section, hadronic=True)
    return build_absorber(stack, matter_of(section, hadronic=True), _cuts(section))


def attributes(section: Simulate, particle: str, seed: int) -> dict[str, Any]:
    """What the store says of its showers; `mip` is the most probable deposit in one slab [GeV]."""
    hadronic = particle in HADRONS
    stack, patch = layout(section, hadronic=hadronic)
    sensor = _sensor(section)
    return {
        "particle": particle,
        "seed": seed,
        "geometry": {
            **section.stack.model_dump(mode="json"),
            "rings": patch.rings,
            "depths": stack.sensor_depths.tolist(),
            "radiation_lengths": float(stack.radiation_lengths[-1]),
        },
        "cuts": section.transport.model_dump(mode="json"),
        "mip": most_probable_loss(MATERIALS[sensor.material], sensor.thickness),
    }
