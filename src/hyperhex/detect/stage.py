"""Detection of a theory's events: read the particles, reconstruct, write the event records."""

from __future__ import annotations

import logging
import time
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
from hyperhex.detect.showers import ShowerSource
from hyperhex.detector.cylinder import Cylinder
from hyperhex.errors import SelectionError
from hyperhex.random import integer, stream

__all__ = ["display", "events"]

log = logging.getLogger(__name__)

CODE = ("detect", "fastsim", "refine", "detector", "kernels")

# the folders of the networks also hold figures and timings, which no record depends on
_GENERATOR = ("generator.safetensors", "generator.json")
_REFINER = ("refiner.safetensors", "refiner.json")
_MOMENTUM = ("px", "py", "pz", "energy")


@dataclass(frozen=True)
class _Part:
    """One shard of events, with all that a worker needs to reconstruct it."""

    index: int
    draft: store.Draft
    settings: DetectSettings
    events: Path
    generator: Path
    refiner: Path


def events(
    settings: DetectSettings,
    events: Path,
    generator: Path,
    refiner: Path,
    output: Path,
    context: cluster.Context,
) -> None:
    """Detect and reconstruct all events of a theory and write the store `output`."""
    start = time.monotonic()
    source = store.open(events)
    draft = _draft(settings, source, [events, *_models(generator, refiner)], output)
    parts = [
        _Part(index, draft, settings, events, generator, refiner)
        for index in range(draft.shards("event"))
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
    _report(output, len(parts), time.monotonic() - start)


def display(
    settings: DetectSettings,
    events: Path,
    generator: Path,
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
    seen, record = _run(settings, source, shard, index, generator, refiner)
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


def _draft(
    settings: DetectSettings, source: store.Store, inputs: list[Path], output: Path
) -> store.Draft:
    told = settings.detect
    rows = source.sizes["event"]
    image = Detector.of(told).image
    sizes = {
        "event": rows,
        "point": source.sizes["point"],
        "object": SLOTS,
        "component": len(COMPONENTS),
        "image_cell": image.n_cells,
    }
    return store.create(
        output,
        SCHEMA,
        sizes=sizes,
        rows={"event": min(told.events_per_part, rows), "point": sizes["point"]},
        settings=settings.model_dump(mode="json", exclude={"production"}),
        attributes={**source.attributes, "image": _describe(image)},
        inputs=inputs,
        code=CODE,
    )


def _describe(grid: Cylinder) -> dict[str, float | int]:
    return {"around": grid.around, "rows": grid.n_rows, "eta_max": grid.eta_max}


def _reconstruct(part: _Part) -> int:
    """Write the records of one shard; its number of events."""
    source = store.open(part.events)
    rows = part.draft.bounds("event", part.index)
    _, record = _run(part.settings, source, rows, part.index, part.generator, part.refiner)
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
    generator: Path,
    refiner: Path,
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
        _source(generator, refiner),
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


def _source(generator: Path, refiner: Path) -> ShowerSource:
    models = [file for file in _models(generator, refiner) if file.exists()]
    changed = max((file.stat().st_mtime_ns for file in models), default=0)
    return _load(generator.resolve(), refiner.resolve(), changed)


def _models(generator: Path, refiner: Path) -> list[Path]:
    return [generator / name for name in _GENERATOR] + [refiner / name for name in _REFINER]


@lru_cache(maxsize=1)
def _load(generator: Path, refiner: Path, changed: int) -> ShowerSource:  # noqa: ARG001
    from hyperhex.detect.source import load_source

    return load_source(generator, refiner)


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
