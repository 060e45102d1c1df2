"""Fast simulation as a stage: stores in, a network, its figures of merit and a gate out."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperhex import store
from hyperhex.config import FastsimSettings, GateSettings, SimulateSettings
from hyperhex.detector.patch import Patch
from hyperhex.errors import GateError, StoreError, TrainingError
from hyperhex.fastsim.limits import decisive, departures, misses, table
from hyperhex.provenance import read_json, versions, write_json
from hyperhex.random import integer, stream
from hyperhex.spool import Spool

if TYPE_CHECKING:
    from hyperhex.fastsim.course import Course
    from hyperhex.fastsim.generator import FastSimulation, Generator, Scale
    from hyperhex.fastsim.library import Sample

__all__ = ["fit", "gate", "validate"]

log = logging.getLogger(__name__)

_BATCHES = (1, 256)
_TIMED = 1024
_TIMED_ONE = 64
_SIMULATED = 30
_GLANCED = 500
_REPORTS_TO_AN_AREA = 8
_CODE = ("detector", "fastsim")
_DIVERGED = ("diverged.json", "diverged.svg")


def fit(settings: FastsimSettings, showers: Sequence[Path], output: Path, threads: int) -> None:
    """Train the generator on a library; write generator.safetensors, generator.json, training.json.

    The number of threads is that of the settings, because it changes floating-point sums; the
    command's `threads` only says what the machine lends. Killed, the same command goes on from the
    last report and ends with the same network. Raises `TrainingError` if it diverges twice, with
    its curves in diverged.json and diverged.svg.
    """
    import torch

    from hyperhex.fastsim.adversarial import Trainer
    from hyperhex.fastsim.calibration import calibrate
    from hyperhex.fastsim.course import follow
    from hyperhex.fastsim.generator import FastSimulation, Generator
    from hyperhex.fastsim.library import prepare, split

    chosen, seed = settings.fastsim, settings.seed
    if threads < chosen.threads:
        log.warning("%d threads lent, fastsim.threads asks for %d", threads, chosen.threads)
    torch.set_num_threads(chosen.threads)
    stores = _open(showers)
    samples, scale = _read(stores, chosen.threshold)
    patch = Patch(scale.rings, scale.pitch)
    parts = {name: split(sample, chosen.held_out) for name, sample in samples.items()}
    template, spectrum, together = prepare(patch, [part[0] for part in parts.values()])
    log.info("%d showers to train on: %s", len(together), ", ".join(samples))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "fastsim", "generator", bits=63))
        generator = Generator(template, chosen.noise, tuple(chosen.generator_widths))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(generator, spectrum, together, patch, chosen, seed, device)
    told = settings.model_dump(mode="json")
    inputs = {name: found.digest for name, found in stores.items()}
    identity = {"settings": told, "inputs": inputs, "versions": versions(), "device": device}
    spool = Spool(output / "generator", identity, _CODE)
    held_out = {name: part[1].rows(slice(_GLANCED)) for name, part in parts.items()}

    def look(average: Generator, iteration: int) -> dict[str, dict[str, Any]]:
        fast_simulation = FastSimulation(copy.deepcopy(average).cpu(), spectrum, scale)
        every = _REPORTS_TO_AN_AREA * chosen.report_every
        area = iteration % every == 0 or iteration == chosen.iterations
        return {
            name: _glance(fast_simulation, name, full, seed, area=area)
            for name, full in held_out.items()
        }

    course = follow(trainer, spool, look)
    if course.failed:
        spool.remove()
        _give_up(course, output)
    average = trainer.average.cpu()
    calibrate(patch, average, spectrum, together, stream(seed, "fastsim", "calibrate"))
    FastSimulation(average, spectrum, scale).save(output, {"settings": told})
    write_json(output / "training.json", asdict(course))
    for left in _DIVERGED:
        (output / left).unlink(missing_ok=True)
    spool.remove()


def _glance(
    fast_simulation: FastSimulation, particle: str, full: Sample, seed: int, *, area: bool
) -> dict[str, Any]:
    """Figures of merit during training, before the calibration, on few showers.

    With `area` also the AUC, which takes far longer than the others.
    """
    from hyperhex.fastsim.judge import glance
    from hyperhex.fastsim.separation import auc_of_observables

    patch, fast = fast_simulation.patch, _generated(fast_simulation, particle, full, seed)
    found = glance(patch, full, fast)
    by_energy = [row["response"]["ratio"] for row in found["energies"]]
    figures = {"response_by_energy": by_energy, **departures(found)}
    if area:
        figures["auc_high"] = auc_of_observables(full.matrix(patch), fast.matrix(patch), seed)
    return figures


def _give_up(course: Course, output: Path) -> None:
    """Leave the curves of a training that diverged twice, and say so."""
    from hyperhex.plots.training import draw_course

    curves, figure = (output / name for name in _DIVERGED)
    write_json(curves, asdict(course))
    draw_course(asdict(course), figure)
    first, second = (found["reason"] for found in course.divergences)
    msg = (
        f"{second}\nbefore that, with other noise and at twice the rates: {first}\n"
        "lower fastsim.generator_rate and fastsim.critic_rate, or raise fastsim.penalty;"
        f" curves: {curves} and {figure}"
    )
    raise TrainingError(msg)


def validate(
    settings: FastsimSettings, showers: Sequence[Path], model: Path, output: Path, figures: Path
) -> None:
    """Compare generated with held-out full showers; write validation.json and the figures."""
    import torch

    from hyperhex.fastsim.generator import load_generator
    from hyperhex.fastsim.judge import compare
    from hyperhex.fastsim.library import split
    from hyperhex.plots.fastsim import draw_figures
    from hyperhex.plots.training import draw_course

    chosen, seed = settings.fastsim, settings.seed
    torch.set_num_threads(1)
    fast_simulation = load_generator(model)
    stores = _open(showers)
    samples, scale = _read(stores, chosen.threshold)
    _check_scale(model, fast_simulation.scale, scale)
    patch = fast_simulation.patch
    particles: dict[str, Any] = {}
    pairs: dict[str, tuple[Sample, Sample]] = {}
    for particle, sample in samples.items():
        other, full = split(sample, chosen.held_out)
        fast = _generated(fast_simulation, particle, full, seed)
        found = compare(patch, full, fast, other, seed)
        areas = tuple(found[f"auc_{name}"] for name in ("high", "low", "floor"))
        log.info("%s: AUC %.3f on observables, %.3f on cells, floor %.3f", particle, *areas)
        particles[particle] = found | _speed(fast_simulation, full, stores[particle])
        pairs[particle] = full, fast
    draw_figures(patch, particles, pairs, figures)
    draw_course(read_json(model / "training.json"), figures / "training.svg")
    write_json(output, {"particles": particles})


def _open(paths: Sequence[Path]) -> dict[str, store.Store]:
    """Stores by particle, in the order of the paths."""
    stores = [store.open(Path(path)) for path in paths]
    return {str(found.attributes["particle"]): found for found in stores}


def _read(stores: Mapping[str, store.Store], threshold: float) -> tuple[dict[str, Sample], Scale]:
    """Thresholded showers by particle, and what their numbers mean."""
    from hyperhex.fastsim.generator import Scale
    from hyperhex.fastsim.library import Sample, thresholded

    scales = {name: _scale(found.attributes) for name, found in stores.items()}
    if len(set(scales.values())) != 1:
        msg = f"showers of different detectors (rings, pitch, mip): {scales}; simulate them alike"
        raise StoreError(msg)
    rings, pitch, mip = next(iter(scales.values()))
    samples = {
        name: Sample(
            thresholded(found["deposits"][:], mip, threshold),
            np.asarray(found["energy"][:], np.float64),
            np.asarray(found["impact"][:], np.float64),
        )
        for name, found in stores.items()
    }
    energies = np.concatenate([sample.energy for sample in samples.values()])
    span = float(energies.min()), float(energies.max())
    return samples, Scale(rings, pitch, mip, threshold, span, tuple(samples))


def _scale(attributes: Mapping[str, Any]) -> tuple[int, float, float]:
    geometry = attributes["geometry"]
    return geometry["rings"], geometry["pitch"], attributes["mip"]


def _check_scale(model: Path, trained: Scale, read: Scale) -> None:
    if trained != read:
        msg = f"{model}: trained for {trained}, the showers are of {read}; train it again"
        raise StoreError(msg)


def _generated(fast_simulation: FastSimulation, particle: str, like: Sample, seed: int) -> Sample:
    """Fast showers under the conditions of others, cells in [MIP]."""
    from hyperhex.fastsim.library import Sample

    drawn = fast_simulation.sample(
        particle, like.energy, like.impact, integer(seed, "fastsim", "judge", particle)
    )
    return Sample(drawn / fast_simulation.scale.mip, like.energy, like.impact)


def _speed(fast_simulation: FastSimulation, full: Sample, library: store.Store) -> dict[str, Any]:
    """Showers per second of one thread, and how many times that is the full simulation's speed.

    Both are processor times of this process, for showers of the library's own energies.
    """
    particle = str(library.attributes["particle"])
    slow = full_time(library)
    rates: dict[str, float] = {}
    for batch in _BATCHES:
        chosen = full.rows(np.arange(max(_TIMED, batch) if batch > 1 else _TIMED_ONE) % len(full))
        start = time.process_time()
        fast_simulation.sample(particle, chosen.energy, chosen.impact, 1, batch)
        rates[str(batch)] = len(chosen) / (time.process_time() - start)
    best = rates[str(_BATCHES[-1])]
    conditions = {
        "energies": f"{full.energy.min():.3g}-{full.energy.max():.3g} GeV, as in the library",
        "mean_energy": float(full.energy.mean()),
        "cuts": library.attributes.get("cuts", {}),
        "threads": 1,
        "batch": _BATCHES[-1],
        "full_ms": 1e3 * slow,
    }
    return {
        "showers_per_second": best,
        "showers_per_second_by_batch": rates,
        "speed_up": best * slow,
        "speed_up_conditions": conditions,
    }


def full_time(library: store.Store) -> float:
    """Processor time of the full simulation per shower [s], from some of the library's showers.

    They are simulated again, evenly chosen in energy, so that their mean energy is the library's.
    """
    from hyperhex.simulate.library import simulate
    from hyperhex.simulate.stage import matter_of

    settings = SimulateSettings.model_validate(library.manifest["settings"])
    section, particle = settings.simulate, str(library.attributes["particle"])
    order = np.argsort(library["energy"][:], kind="stable")
    chosen = order[((np.arange(_SIMULATED) + 0.5) * len(order) / _SIMULATED).astype(int)]
    seed = integer(settings.seed, "simulate", particle)
    task = matter_of(section), library.sizes["layer"], particle, section.energy, seed
    simulate(*task, np.zeros(1, np.uint64))
    start = time.process_time()
    simulate(*task, chosen.astype(np.uint64))
    return (time.process_time() - start) / _SIMULATED


def gate(settings: GateSettings, validation: Path, output: Path) -> None:
    """Write passed.json, or raise `GateError` with a table of what missed its limit."""
    particles = read_json(validation)["particles"]
    missed = misses(particles, settings.fastsim.limits)
    if missed:
        msg = (
            f"{validation}: the fast simulation misses its limits, so nothing after it may use it\n"
            f"{table(missed)}\n"
            "train longer (fastsim.iterations), on more showers (simulate.number), or accept it"
            " (fastsim.limits)"
        )
        raise GateError(msg)
    figures = {particle: decisive(found) for particle, found in particles.items()}
    limits = settings.fastsim.limits.model_dump()
    write_json(output, {"passed": True, "figures": figures, "limits": limits})
