"""Fast simulation as a stage: stores in, a network, its figures of merit and a gate out."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperhex.config import FastsimNetwork, FastsimSettings, GateSettings, SimulateSettings
from hyperhex.detector.patch import Patch
from hyperhex.errors import GateError, StoreError, TrainingError
from hyperhex.fastsim.limits import decisive, departures, losses, misses, table
from hyperhex.provenance import read_json, versions, write_json
from hyperhex.random import integer
from hyperhex.spool import Spool

if TYPE_CHECKING:
    from hyperhex.fastsim.course import Course
    from hyperhex.fastsim.crossings import Crossings
    from hyperhex.fastsim.density import LayerDensity
    from hyperhex.fastsim.generator import Generator
    from hyperhex.fastsim.library import Sample, Showers
    from hyperhex.fastsim.reading import Library
    from hyperhex.fastsim.simulation import FastSimulation, Scale

__all__ = ["downstream", "fit", "floors", "gate", "study", "validate"]

log = logging.getLogger(__name__)

_MEASURED = 20_000  # showers from which profiles and crossings are taken
_REPORTS_TO_AN_AREA = 8
_CODE = ("detector", "fastsim")
_TOLERATED = {"resolution": 0.05, "auc_photon_pi+": 0.01, "auc_photon_electron": 0.01}
_DIVERGED = ("diverged.json", "diverged.svg")


def fit(settings: FastsimSettings, showers: Path, output: Path, threads: int) -> None:
    """Train on the library of a particle; write generator.safetensors, .json, training.json.

    The number of threads is that of the settings, because it changes floating-point sums; the
    command's `threads` only says what the machine lends. Killed, the same command goes on from the
    last report and ends with the same network. Raises `TrainingError` if it diverges twice, with
    its curves in diverged.json and diverged.svg.
    """
    import torch

    from hyperhex.fastsim.adversarial import Trainer
    from hyperhex.fastsim.calibration import calibrate
    from hyperhex.fastsim.course import follow
    from hyperhex.fastsim.library import prepare
    from hyperhex.fastsim.reading import open_library
    from hyperhex.fastsim.simulation import FastSimulation, Networks

    library = open_library(showers, settings)
    chosen, scale, patch, seed = library.settings, library.scale, library.patch, library.seed
    if threads < chosen.threads:
        log.warning("%d threads lent, fastsim.threads asks for %d", threads, chosen.threads)
    torch.set_num_threads(chosen.threads)
    together = prepare(patch, library.training())
    log.info("%d showers of %s to train on", len(together), scale.particle)
    told = settings.model_dump(mode="json")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    identity = {
        "settings": told,
        "inputs": library.store.digest,
        "versions": versions(),
        "device": device,
    }
    spool = Spool(output / "generator", identity, _CODE)
    start = time.monotonic()
    density, generator, crossings = _begin(patch, scale, together, chosen, seed)
    tables = crossings.tables()
    spent = time.monotonic() - start
    log.info("density of the layers and crossings of the cells: %.0f s", spent)
    trainer = Trainer(generator, tables, together, patch, chosen, seed, device)
    glanced = library.judging(chosen.glanced)

    def look(average: Generator, iteration: int) -> dict[str, dict[str, Any]]:
        networks = Networks(density, copy.deepcopy(average).cpu(), tables)
        every = _REPORTS_TO_AN_AREA * chosen.report_every
        area = iteration % every == 0 or iteration in (chosen.report_every, chosen.iterations)
        return {scale.particle: _glance(FastSimulation(networks, scale), glanced, seed, area=area)}

    course = follow(trainer, spool, look, spent / 60.0)
    if course.failed:
        spool.remove()
        _give_up(course, output)
    average = trainer.average.cpu()
    tables = calibrate(patch, average, crossings, together, seed)
    FastSimulation(Networks(density, average, tables), scale).save(output, {"settings": told})
    write_json(output / "training.json", asdict(course))
    for left in _DIVERGED:
        (output / left).unlink(missing_ok=True)
    spool.remove()


def _begin(
    patch: Patch,
    scale: Scale,
    showers: Showers,
    chosen: FastsimNetwork,
    seed: int,
) -> tuple[LayerDensity, Generator, Crossings]:
    """What is fitted without an adversary, and the generator before its training."""
    import torch

    from hyperhex.fastsim.calibration import calibrate_layers, drawn_about_template
    from hyperhex.fastsim.conditions import fit_conditions
    from hyperhex.fastsim.crossings import find_crossings
    from hyperhex.fastsim.generator import Generator
    from hyperhex.fastsim.groups import groups
    from hyperhex.fastsim.likelihood import fit_density
    from hyperhex.fastsim.template import fit_template

    conditions = fit_conditions(showers.log_energy, showers.layers, patch.pitch, chosen.threshold)
    density = fit_density(conditions, showers, chosen, seed)
    calibrate_layers(density, showers, seed)
    some = slice(_MEASURED)
    deposits = showers.deposits[some].numpy()
    template = fit_template(patch, deposits, showers.impact[some].numpy())
    energy = showers.log_energy[some].exp().numpy()
    crossings = find_crossings(patch, deposits, energy, chosen.threshold, chosen.hit_draws)
    crossings = drawn_about_template(template, crossings, showers, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "fastsim", "generator", bits=63))
        shape = chosen.noise, chosen.generator_widths, chosen.secondaries
        known = template, conditions, groups(patch), scale.depths
        generator = Generator(*known, *shape)
    return density, generator, crossings


def _glance(
    fast_simulation: FastSimulation, full: Sample, seed: int, *, area: bool
) -> dict[str, Any]:
    """Figures of merit during training, before the calibration, on few showers.

    With `area` also the AUC, which takes far longer than the others.
    """
    from hyperhex.fastsim.judge import glance
    from hyperhex.fastsim.reading import generated
    from hyperhex.fastsim.separation import auc_of_observables

    patch, fast = fast_simulation.patch, generated(fast_simulation, full, seed)
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


def floors(settings: FastsimSettings, showers: Path, output: Path) -> None:
    """Judge the full simulation against itself; write floors.json."""
    import torch

    from hyperhex.fastsim import judge
    from hyperhex.fastsim.reading import open_library

    torch.set_num_threads(1)
    library = open_library(showers, settings)
    particle, pair = library.scale.particle, (library.judging(), library.training())
    found = judge.floors(library.patch, *pair, library.settings.classified, library.seed)
    areas = found["auc_high_floor"], found["auc_low_floor"]
    log.info("%s: AUC %.3f on observables, %.3f on cells", particle, *areas)
    write_json(output, {"particle": particle, **found})


def validate(
    settings: FastsimSettings,
    showers: Path,
    model: Path,
    floors: Path,
    output: Path,
    figures: Path,
) -> None:
    """Compare generated with held-out full showers; write validation.json and the figures.

    `floors` is the file that the function of this name writes of the same library.
    """
    import torch

    from hyperhex.fastsim import speed
    from hyperhex.fastsim.judge import compare
    from hyperhex.fastsim.reading import drawn_often, generated, open_library
    from hyperhex.plots.fastsim import draw_figures
    from hyperhex.plots.training import draw_course

    torch.set_num_threads(1)
    library = open_library(showers, settings)
    fast_simulation, scale, seed = library.generator(model), library.scale, library.seed
    full = library.judging()
    floor = read_json(floors)
    if (of := floor.pop("particle")) != scale.particle:
        msg = f"{floors}: floors of {of}, the showers are of {scale.particle}"
        raise StoreError(msg)
    fast = generated(fast_simulation, full, seed)
    most = library.settings.classified
    often = drawn_often(fast_simulation, full, seed)
    found = compare(fast_simulation.patch, full, fast, floor, most, seed, often)
    areas = tuple(found[f"auc_{name}"] for name in ("high", "low", "floor"))
    log.info("%s: AUC %.3f on observables, %.3f on cells, floor %.3f", scale.particle, *areas)
    found |= speed.measure(fast_simulation, full, library.store)
    if library.settings.single_energies:
        found["single_energies"] = list(_single_energies(fast_simulation, library))
    pair = {scale.particle: (full, fast)}
    patches = {scale.particle: fast_simulation.patch}
    draw_figures(patches, {scale.particle: found}, pair, figures)
    draw_course(read_json(model / "training.json"), figures / "training.svg")
    write_json(output, {"particles": {scale.particle: found}})


def downstream(
    settings: FastsimSettings,
    showers: Sequence[Path],
    generators: Path,
    output: Path,
    figures: Path,
) -> None:
    """Measure what models lose that learn from fast showers; write downstream.json and figures.

    `generators` is the folder with the fast simulation of each particle.
    """
    import torch

    from hyperhex.fastsim.downstream import Pair, compare, worst_losses
    from hyperhex.fastsim.reading import generated, open_library
    from hyperhex.plots.downstream import draw_figures

    torch.set_num_threads(1)
    pairs: dict[str, Pair] = {}
    for path in showers:
        library = open_library(path, settings)
        particle = library.scale.particle
        fast_simulation, full = library.generator(generators / particle), library.judging()
        seed = integer(settings.seed, "fastsim", particle, "downstream")
        pairs[particle] = Pair(library.patch, full, generated(fast_simulation, full, seed))
        log.info("%s: %d showers of both kinds", particle, len(full))
    found = compare(pairs, integer(settings.seed, "fastsim", "downstream"))
    for name, loss in worst_losses(found).items():
        log.info("largest loss of %s: %.4f", name, loss)
    draw_figures(found, _TOLERATED, figures)
    write_json(output, found)


def _single_energies(fast_simulation: FastSimulation, library: Library) -> Iterator[dict[str, Any]]:
    """Figures of merit at each of `fastsim.single_energies`, of full showers made for them."""
    from hyperhex.fastsim.full_simulation import showers_at, transport_of
    from hyperhex.fastsim.judge import at_energy
    from hyperhex.fastsim.reading import generated

    scale, chosen = library.scale, library.settings
    section = SimulateSettings.model_validate(library.store.manifest["settings"]).simulate
    transport = transport_of(section, scale.particle)
    for energy in chosen.single_energies:
        part = integer(library.seed, "fastsim", "single", repr(energy))
        full = showers_at(transport, scale, energy, chosen.single_number, part)
        fast = generated(fast_simulation, full, part)
        found = at_energy(fast_simulation.patch, full, fast, part)
        areas = energy, found["auc_high"], found["auc_low"]
        log.info("at %g GeV: AUC %.3f on observables, %.3f on cells", *areas)
        yield found


def gate(
    settings: GateSettings, validations: Sequence[Path], downstream: Path, output: Path
) -> None:
    """Write passed.json, or raise `GateError` with a table of what missed its limit."""
    particles: dict[str, Any] = {}
    for path in validations:
        particles |= read_json(path)["particles"]
    figures = {particle: decisive(found) for particle, found in particles.items()}
    for what, found in losses(read_json(downstream)).items():
        figures[what] = figures.get(what, {}) | found
    missed = misses(figures, settings.fastsim)
    if missed:
        listed = ", ".join(map(str, validations))
        msg = (
            f"{listed}: the fast simulation misses its limits, so nothing after it may use it\n"
            f"{table(missed)}\n"
            "train longer (fastsim.iterations), on more showers (simulate.number), or accept it"
            " (fastsim.limits)"
        )
        raise GateError(msg)
    limits = {name: settings.fastsim.asked(name) for name in figures}
    write_json(output, {"passed": True, "figures": figures, "limits": limits})


def study(settings: GateSettings, validations: Sequence[Path], output: Path, figures: Path) -> None:
    """Compare fast simulations of seeds and variants; write study.json, study.txt and a figure.

    `validations` lie beside their models.
    """
    from hyperhex.fastsim.study import gather, lines
    from hyperhex.plots.study import draw_study

    found = gather(validations)
    limits = {particle: settings.fastsim.asked(particle) for particle in found["seeds"]}
    table = list(lines(found, limits))
    for line in table:
        log.info("%s", line)
    draw_study(found, limits, figures)
    output.with_suffix(".txt").write_text("\n".join(table) + "\n")
    write_json(output, found)
