"""Fast simulation as a stage: stores in, a network, its figures of merit and a gate out."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperhex import store
from hyperhex.config import FastsimSettings, SimulateSettings
from hyperhex.detector.patch import Patch
from hyperhex.errors import GateError, StoreError
from hyperhex.fastsim.limits import decisive, misses, table
from hyperhex.provenance import read_json, write_json
from hyperhex.random import integer, stream

if TYPE_CHECKING:
    from hyperhex.fastsim.adversarial import Progress, Trainer
    from hyperhex.fastsim.generator import FastSimulation, Scale
    from hyperhex.fastsim.library import Sample

__all__ = ["fit", "gate", "validate"]

log = logging.getLogger(__name__)

_BATCHES = (1, 256)
_TIMED = 1024
_TIMED_ONE = 64
_SIMULATED = 30


def fit(settings: FastsimSettings, showers: Sequence[Path], output: Path, threads: int) -> None:
    """Train the generator on a library and write generator.safetensors and generator.json.

    The number of threads is that of the settings, because it changes floating-point sums; the
    command's `threads` only says what the machine lends.
    """
    import torch

    from hyperhex.fastsim.adversarial import Trainer
    from hyperhex.fastsim.calibration import calibrate
    from hyperhex.fastsim.generator import FastSimulation, Generator
    from hyperhex.fastsim.library import prepare, split

    chosen = settings.fastsim
    if threads < chosen.threads:
        log.warning("%d threads lent, fastsim.threads asks for %d", threads, chosen.threads)
    torch.set_num_threads(chosen.threads)
    samples, scale = _read(_open(showers), chosen.threshold)
    patch = Patch(scale.rings, scale.pitch)
    training = [split(sample, chosen.held_out)[0] for sample in samples.values()]
    template, spectrum, together = prepare(patch, training)
    log.info("%d showers to train on: %s", len(together), ", ".join(samples))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(settings.seed, "fastsim", "generator", bits=63))
        generator = Generator(template, chosen.noise, tuple(chosen.generator_widths))
    trainer = Trainer(generator, spectrum, together, patch, chosen, settings.seed)
    curve = _follow(trainer, chosen.iterations)
    random = stream(settings.seed, "fastsim", "calibrate")
    calibrate(patch, trainer.average, spectrum, together, random)
    # the limits belong to the gate, and a change of them is no reason to train again
    made = settings.model_dump(mode="json", exclude={"fastsim": {"limits"}})
    record = {"settings": made, "training": curve}
    FastSimulation(trainer.average, spectrum, scale).save(output, record)


def _follow(trainer: Trainer, iterations: int) -> list[dict[str, float]]:
    """Training curve, logged on the way."""
    curve, start = [], time.monotonic()
    for progress in trainer.run():
        spent = time.monotonic() - start
        _log(progress, spent, iterations)
        curve.append(asdict(progress))
    return curve


def _log(progress: Progress, spent: float, iterations: int) -> None:
    done = progress.iteration
    log.info(
        "iteration %d/%d: critic %.3f, generator %.3f, penalty %.3f, distance %.4f;"
        " %.1f /s, %.0f s left",
        done, iterations, progress.critic, progress.generator, progress.penalty,
        progress.distance, done / spent, spent / done * (iterations - done),
    )  # fmt: skip


def validate(
    settings: FastsimSettings, showers: Sequence[Path], model: Path, output: Path, figures: Path
) -> None:
    """Compare generated with held-out full showers; write validation.json and the figures."""
    import torch

    from hyperhex.fastsim.generator import load_generator
    from hyperhex.fastsim.judge import compare
    from hyperhex.fastsim.library import split
    from hyperhex.plots.fastsim import draw_figures

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
    missed = misses(particles, chosen.limits)
    draw_figures(patch, particles, pairs, figures)
    limits = chosen.limits.model_dump()
    report = {"particles": particles, "limits": limits, "missed": [asdict(m) for m in missed]}
    write_json(output, report | {"passed": not missed})


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


def gate(settings: FastsimSettings, validation: Path, output: Path) -> None:
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
