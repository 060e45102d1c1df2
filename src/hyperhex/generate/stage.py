"""Generation of a theory: its points in parts, each in a child process, then one store."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import cluster, store
from hyperhex.config import GenerateSettings, Point, Theory
from hyperhex.errors import GenerationError
from hyperhex.generate import lhe
from hyperhex.generate.assembly import shards
from hyperhex.generate.child import Job, last_resort, run
from hyperhex.generate.normalisation import Sample, combine
from hyperhex.generate.particles import Cuts
from hyperhex.generate.recipe import point_commands, point_spectrum, split, where
from hyperhex.generate.record import record, run_of
from hyperhex.generate.schema import SCHEMA
from hyperhex.provenance import digest_file, write_json
from hyperhex.random import pythia_seed
from hyperhex.spool import Spool, save_part

__all__ = ["part", "theory"]

log = logging.getLogger(__name__)

CODE = ("generate",)

_ROWS_PER_SHARD = {"event": 10_000, "particle": 1_000_000, "point": 100_000}
_EVENT_COLUMNS = ("number", "n_particles", "missing_px", "missing_py")
_PARTICLE_COLUMNS = ("pdg", "px", "py", "pz", "energy", "kind")


def theory(settings: GenerateSettings, output: Path, context: cluster.Context) -> None:
    """Generate all points of a theory and write the store `output`.

    Raises `GenerationError` that names theory, point and reason; parts that were finished stay
    for the next try.
    """
    start = time.monotonic()
    _check(settings)
    told = settings.model_dump(mode="json", exclude={"production"})
    file = None if settings.theory.lhe is None else Path(settings.theory.lhe)
    identity = {"settings": told, "lhe": None if file is None else digest_file(file)}
    spool = Spool(output, identity, CODE)
    parts = [split(settings, point) for point in settings.theory.points]
    _generate(settings, spool, parts, context)
    samples = _assemble(settings, spool, parts, output, [] if file is None else [file])
    spool.remove()
    _report(settings, samples, time.monotonic() - start)


def part(settings: GenerateSettings, point: int, part: int, output: Path) -> None:
    """Generate one part of a point in this process and write its arrays to `output` (.npz)."""
    chosen = _point(settings, point)
    name = f"{where(settings.theory, chosen)}, part {part}"
    events = split(settings, chosen)
    if not 0 <= part < len(events):
        msg = f"{name}: expected a part from 0 to {len(events) - 1}"
        raise GenerationError(msg)
    with last_resort(settings.generate.time_limit):
        try:
            arrays = _run(settings, chosen, part, events)
        except GenerationError as error:
            raise GenerationError(_named(name, str(error).split("\n"))) from error
    # two processes may make the same part after a production was killed
    temporary = output.with_name(f".{output.stem}.{os.getpid()}.npz")
    save_part(temporary, arrays)
    temporary.replace(output)


def _check(settings: GenerateSettings) -> None:
    """Raise `GenerationError` with every setting that Pythia's databases refuse."""
    from hyperhex.generate.pythia import check

    for point in settings.theory.points:
        if faults := check(point_commands(settings, point)):
            raise GenerationError(_named(where(settings.theory, point), faults))


def _point(settings: GenerateSettings, number: int) -> Point:
    points = settings.theory.points
    if not 0 <= number < len(points):
        msg = f"theory {settings.theory.name}: point {number}, expected 0 to {len(points) - 1}"
        raise GenerationError(msg)
    return points[number]


def _named(name: str, faults: Sequence[str]) -> str:
    return "\n".join(f"{name}: {fault}" for fault in faults)


def _key(point: int, part: int) -> str:
    return f"{point:04d}-{part:05d}"


def _generate(
    settings: GenerateSettings,
    spool: Spool,
    parts: Sequence[Sequence[int]],
    context: cluster.Context,
) -> None:
    """Make all parts that the spool does not hold yet."""
    file = spool.folder / "settings.json"
    write_json(file, settings.model_dump(mode="json"))
    jobs = [
        Job(
            settings=file.resolve(),
            point=number,
            part=index,
            output=spool.file(_key(number, index)).resolve(),
            time_limit=settings.generate.time_limit,
            name=f"{where(settings.theory, point)}, part {index}",
            commands=tuple(point_commands(settings, point)),
        )
        for number, point in enumerate(settings.theory.points)
        for index in range(len(parts[number]))
        if not spool.has(_key(number, index))
    ]
    total = sum(map(len, parts))
    log.info(
        "%s: %d points, %d events in %d parts, %d parts to do",
        settings.theory.name,
        len(parts),
        sum(map(sum, parts)),
        total,
        len(jobs),
    )
    with cluster.connect(context.dask, threads=context.threads, memory=context.memory) as client:
        done = cluster.compute(
            client, run, jobs, label=settings.theory.name, per_task=context.parts_per_task
        )
        for job, seconds in done:
            events = parts[job.point][job.part]
            log.info("%s: %d events, %.0f events/s", job.name, events, events / seconds)


def _run(
    settings: GenerateSettings, point: Point, part: int, events: Sequence[int]
) -> dict[str, NDArray[Any]]:
    """Arrays of one part: kept events and particles, and the bookkeeping of the run."""
    from hyperhex.generate.pythia import Generator, fixed_commands

    told = settings.generate
    seed = pythia_seed(settings.seed, "generate", settings.theory.name, point.label, part)
    files = []
    if settings.theory.lhe is not None:
        files += lhe.commands(Path(settings.theory.lhe), sum(events[:part]))
    with tempfile.NamedTemporaryFile("w", suffix=".slha") as spectrum:
        if (text := point_spectrum(settings.theory, point)) is not None:
            spectrum.write(text)
            spectrum.flush()
            files.append(f"SLHA:file = {spectrum.name}")
        fixed = fixed_commands(
            energy=told.energy, seed=seed, multiparton=told.multiparton, files=files
        )
        generator = Generator(point_commands(settings, point), fixed)
    cuts = Cuts(
        particle_pt=told.particle_pt,
        eta=told.eta,
        visible_pt=told.preselection.visible_pt,
        missing_pt=told.preselection.missing_pt,
    )
    start = time.process_time()
    arrays = record(generator, events[part], sum(events[:part]), cuts)
    # what plans are made from; no store holds it
    return arrays | {"seconds": np.array(time.process_time() - start)}


def _samples(spool: Spool, parts: Sequence[Sequence[int]]) -> list[Sample]:
    return [
        combine([run_of(spool.load(_key(point, part))) for part in range(len(events))])
        for point, events in enumerate(parts)
    ]


def _assemble(
    settings: GenerateSettings,
    spool: Spool,
    parts: Sequence[Sequence[int]],
    output: Path,
    inputs: Sequence[Path],
) -> list[Sample]:
    """Put the parts into one store, weights scaled to the cross-section of their whole point."""
    samples = _samples(spool, parts)
    name = settings.theory.name
    if (kept := sum(sample.kept for sample in samples)) == 0:
        msg = (
            f"theory {name}: none of {sum(map(sum, parts))} events passes generate.preselection;"
            " generate more, or choose harder points"
        )
        raise GenerationError(msg)
    keys = [(point, part) for point, events in enumerate(parts) for part in range(len(events))]
    particles = sum(int(spool.load(_key(*key))["n_particles"].sum()) for key in keys)
    sizes = {"event": kept, "particle": particles, "point": len(samples)}
    draft = store.create(
        output,
        SCHEMA,
        sizes=sizes,
        rows={axis: min(sizes[axis], most) for axis, most in _ROWS_PER_SHARD.items()},
        settings=settings.model_dump(mode="json"),
        attributes=_attributes(settings.theory),
        inputs=inputs,
        code=CODE,
    )
    columns = {"event": _events(spool, keys, samples), "particle": _particles(spool, keys)}
    for axis, parts_of_axis in columns.items():
        for index, shard in enumerate(shards(parts_of_axis, draft.rows[axis])):
            if not draft.finished(axis, index):
                draft.write(axis, index, shard)
    draft.write("point", 0, _points(samples))
    draft.publish()
    return samples


def _events(
    spool: Spool, keys: Sequence[tuple[int, int]], samples: Sequence[Sample]
) -> Iterator[dict[str, NDArray[Any]]]:
    first = 0
    for point, part in keys:
        arrays = spool.load(_key(point, part))
        counts = arrays["n_particles"].astype(np.int64)
        yield {
            "weight": arrays["weight"] * samples[point].scale,
            "point": np.full(len(counts), point, dtype=np.int16),
            "first_particle": first + np.cumsum(counts) - counts,
            **{name: arrays[name] for name in _EVENT_COLUMNS},
        }
        first += int(counts.sum())


def _particles(spool: Spool, keys: Sequence[tuple[int, int]]) -> Iterator[dict[str, NDArray[Any]]]:
    for key in keys:
        arrays = spool.load(_key(*key))
        yield {name: arrays[name] for name in _PARTICLE_COLUMNS}


def _points(samples: Sequence[Sample]) -> dict[str, NDArray[Any]]:
    return {
        "cross_section": np.array([sample.cross_section for sample in samples]),
        "cross_section_error": np.array([sample.cross_section_error for sample in samples]),
        "n_generated": np.array([sample.generated for sample in samples]),
        "n_kept": np.array([sample.kept for sample in samples]),
    }


def _attributes(theory: Theory) -> dict[str, Any]:
    return {
        "theory": theory.name,
        "role": theory.role,
        "group": theory.group,
        "title": theory.title,
        "points": [{"label": point.label, **point.parameters} for point in theory.points],
    }


def _report(settings: GenerateSettings, samples: Sequence[Sample], seconds: float) -> None:
    for point, sample in zip(settings.theory.points, samples, strict=True):
        log.info(
            "%s: %.4g +- %.2g pb, %d events generated, %d kept (efficiency %.3g)",
            where(settings.theory, point),
            sample.cross_section,
            sample.cross_section_error,
            sample.generated,
            sample.kept,
            sample.kept / sample.generated,
        )
    generated = sum(sample.generated for sample in samples)
    kept = sum(sample.kept for sample in samples)
    log.info(
        "theory %s: %d events generated, %d kept, in %.1f s (%.0f events/s)",
        settings.theory.name,
        generated,
        kept,
        seconds,
        generated / seconds,
    )
