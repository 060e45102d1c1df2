"""Detection of a theory's events: read the particles, reconstruct, write the event records."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import cluster, store
from hyperhex.config import Detect, DetectSettings
from hyperhex.detect.calorimeter import transverse
from hyperhex.detect.particles import Particles, from_momenta
from hyperhex.detect.reconstruct import Detector, Seen, detect, reconstruct
from hyperhex.detect.record import COMPONENTS, SLOTS
from hyperhex.detect.region import effective_number
from hyperhex.detect.schema import CARRIED, SCHEMA
from hyperhex.detect.share import choose
from hyperhex.detect.showers import ShowerSource
from hyperhex.detect.source import PARTICLES, Models, load_source
from hyperhex.detector.cylinder import Cylinder
from hyperhex.errors import SelectionError
from hyperhex.random import integer, stream

__all__ = ["display", "events", "variation"]

log = logging.getLogger(__name__)

CODE = ("detect", "fastsim", "refine", "detector", "kernels")

# the folders of the networks also hold figures and timings, which no record depends on
_GENERATOR = ("generator.safetensors", "generator.json")
_REFINER = ("refiner.safetensors", "refiner.json")
_MOMENTUM = ("px", "py", "pz", "energy")


@dataclass(frozen=True)
class _Part:
    """One shard of events, with all that a worker needs to reconstruct it.

    `index` is its place in what is written, `shard` among all events of the theory.
    """

    index: int
    shard: int
    draft: store.Draft
    settings: DetectSettings
    events: Path
    models: Models


def events(
    settings: DetectSettings,
    events: Path,
    generators: Path,
    refiner: Path,
    output: Path,
    context: cluster.Context,
) -> None:
    """Detect and reconstruct all events of a theory and write the store `output`."""
    source, models = store.open(events), Models(generators, refiner)
    told = settings.model_dump(mode="json", exclude={"production"})
    inputs = [events, *_files(models)]
    draft = _draft(settings, source, source.sizes["event"], told, {}, inputs, output)
    shards = range(draft.shards("event"))
    _detect(settings, source, models, draft, shards, context)


def variation(
    settings: DetectSettings,
    events: list[Path],
    generators: Path,
    refiner: Path,
    showers: list[Path],
    variation: str,
    share: float,
    output: Path,
    context: cluster.Context,
) -> None:
    """Detect a share of the events of theories with other showers; stores in the folder `output`.

    Same generated events and same random streams as of `events`: what differs is the showers. One
    process for all theories, most of which take less time than to start one.
    """
    models = Models(generators, refiner, variation, tuple(showers))
    for path in events:
        _vary(settings, path, models, share, output / path.name, context)


def display(
    settings: DetectSettings,
    events: Path,
    generators: Path,
    refiner: Path,
    number: int,
    output: Path,
) -> None:
    """Draw one event, row `number` of the store, on the cells of the detector."""
    from hyperhex.plots.detect import event_display

    source = store.open(events)
    rows, part = source.sizes["event"], settings.detect.events_per_part
    if not 0 <= number < rows:
        msg = f"{events}: event {number} given, expected 0 to {rows - 1}"
        raise SelectionError(msg)
    index, place = divmod(number, part)
    shard = slice(index * part, min((index + 1) * part, rows))
    seen, record = _run(settings, source, shard, index, Models(generators, refiner))
    detector = Detector.of(settings.detect)
    event_display(
        (detector.image, record["image"][place]),
        (detector.towers, seen.towers.image(detector.towers)[place]),
        (detector.cells, transverse(seen.cells, place, detector.cells)),
        record["objects"][place],
        record["object_type"][place],
        (float(record["met"][place]), float(record["met_phi"][place])),
        f"{source.attributes['theory']}, event {number}",
        output,
    )


def _vary(
    settings: DetectSettings,
    events: Path,
    models: Models,
    share: float,
    output: Path,
    context: cluster.Context,
) -> None:
    source = store.open(events)
    rows = min(settings.detect.events_per_part, source.sizes["event"])
    shards, shares = choose(source["point"][:], rows, source.sizes["point"], share)
    number = sum(min(rows, source.sizes["event"] - shard * rows) for shard in shards)
    told = settings.model_dump(mode="json", exclude={"production"})
    told |= {"variation": models.variation, "shards": shards}
    about = {"variation": models.variation, "shares": shares}
    inputs = [events, *_files(models), *models.showers]
    draft = _draft(settings, source, number, told, about, inputs, output)
    _detect(settings, source, models, draft, shards, context)


def _draft(
    settings: DetectSettings,
    source: store.Store,
    number: int,
    told: dict[str, Any],
    about: dict[str, Any],
    inputs: list[Path],
    output: Path,
) -> store.Draft:
    """Store of the records of `number` events."""
    image = Detector.of(settings.detect).image
    sizes = {
        "event": number,
        "point": source.sizes["point"],
        "object": SLOTS,
        "component": len(COMPONENTS),
        "image_cell": image.n_cells,
    }
    rows = min(settings.detect.events_per_part, source.sizes["event"])
    return store.create(
        output,
        SCHEMA,
        sizes=sizes,
        rows={"event": rows, "point": sizes["point"]},
        settings=told,
        attributes={**source.attributes, "image": _describe(image), **about},
        inputs=inputs,
        code=CODE,
    )


def _detect(
    settings: DetectSettings,
    source: store.Store,
    models: Models,
    draft: store.Draft,
    shards: Sequence[int],
    context: cluster.Context,
) -> None:
    """Reconstruct what is not finished of some shards of the events, and publish the store."""
    start = time.monotonic()
    parts = [
        _Part(index, shard, draft, settings, source.path, models)
        for index, shard in enumerate(shards)
        if not draft.finished("event", index)
    ]
    with cluster.connect(context.dask, threads=context.threads, memory=context.memory) as client:
        for _ in cluster.compute(
            client,
            _reconstruct,
            parts,
            label=f"detect {source.attributes['theory']}",
            per_task=context.parts_per_task,
        ):
            pass
    if not draft.finished("point", 0):
        carried = [name for name, array in CARRIED.items() if array.axes == ("point",)]
        draft.write("point", 0, {name: source[name][:] for name in carried})
    draft.publish()
    _report(draft.path, len(parts), time.monotonic() - start)


def _describe(grid: Cylinder) -> dict[str, float | int]:
    return {"around": grid.around, "rows": grid.n_rows, "eta_max": grid.eta_max}


def _reconstruct(part: _Part) -> int:
    """Write the records of one shard; its number of events."""
    source = store.open(part.events)
    size, bounds = part.draft.rows["event"], part.draft.bounds("event", part.index)
    rows = slice(part.shard * size, part.shard * size + bounds.stop - bounds.start)
    _, record = _run(part.settings, source, rows, part.shard, part.models)
    carried = [name for name, array in CARRIED.items() if array.axes == ("event",)]
    part.draft.write(
        "event", part.index, {**record, **{name: source[name][rows] for name in carried}}
    )
    return rows.stop - rows.start


def _run(
    settings: DetectSettings,
    source: store.Store,
    rows: slice,
    index: int,
    models: Models,
) -> tuple[Seen, dict[str, NDArray[Any]]]:
    """What the detector sees of some events, and their records."""
    told, number = settings.detect, rows.stop - rows.start
    detector = _detector(told)
    labels = ("detect", str(source.attributes["theory"]), index)

    def streams(name: str) -> np.random.Generator:
        return stream(settings.seed, *labels, name)

    particles = _read(source, rows)
    seen = detect(
        particles,
        number,
        told,
        detector,
        _source(models),
        lambda particle, block: integer(settings.seed, *labels, particle, block, bits=63),
        streams,
    )
    return seen, reconstruct(seen, particles, number, told, detector, streams)


def _read(source: store.Store, rows: slice) -> Particles:
    """Particles of some events."""
    number = source["n_particles"][rows]
    first = int(source["first_particle"][rows.start])
    chosen = slice(first, first + int(number.sum(dtype=np.int64)))
    event = np.repeat(np.arange(len(number), dtype=np.int32), number)
    momentum = np.stack([source[name][chosen] for name in _MOMENTUM], axis=1)
    return from_momenta(event, source["pdg"][chosen], source["kind"][chosen], momentum)


@lru_cache(maxsize=2)
def _detector(settings: Detect) -> Detector:
    return Detector.of(settings)


def _source(models: Models) -> ShowerSource:
    read = [*_files(models), *map(store.manifest_path, models.showers)]
    changed = max((file.stat().st_mtime_ns for file in read if file.exists()), default=0)
    folders = (models.generators.resolve(), models.refiner.resolve())
    return _load(Models(*folders, models.variation, models.showers), changed)


def _files(models: Models) -> list[Path]:
    folders = [models.generators / particle for particle in PARTICLES]
    networks = [folder / name for folder in folders for name in _GENERATOR]
    return networks + [models.refiner / name for name in _REFINER]


@lru_cache(maxsize=1)
def _load(models: Models, changed: int) -> ShowerSource:  # noqa: ARG001
    return load_source(models)


def _report(output: Path, parts: int, seconds: float) -> None:
    made = store.open(output)
    weight, inside = made["weight"][:], made["in_region"][:]
    log.info(
        "%s: %d events, %d in the region with effective number %.0f and %.4g pb,"
        " %d parts in %.1f s, %.0f events/s",
        made.attributes["theory"],
        len(weight),
        int(inside.sum()),
        effective_number(weight[inside]),
        float(weight[inside].sum()),
        parts,
        seconds,
        len(weight) / seconds,
    )
