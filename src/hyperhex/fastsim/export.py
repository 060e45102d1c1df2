"""What other programs can use: files of showers, and the generator as a program.

A fast and a full simulation are written alike, with the same threshold, so that a judge of both
sees nothing but the showers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.errors import ConfigError, StoreError
from hyperhex.fastsim.shower_file import ENERGIES, IMPACTS, LAYERS, SHOWERS, write
from hyperhex.random import integer, stream

if TYPE_CHECKING:
    from hyperhex.fastsim.simulation import Scale

__all__ = ["drawn", "library", "program"]

MEV = 1000.0

_BLOCK = 2048
# energies drawn at random end a little inside their range
_EDGE = 1.05

Block = Mapping[str, NDArray[Any]]


def drawn(
    model: Path,
    output: Path,
    energies: tuple[float, float] | None,
    number: int,
    seed: int,
    *,
    flat: bool = False,
) -> None:
    """Write showers of a trained generator, energies log-uniform or flat, impact as in training.

    Without `energies` [GeV] they are those that the generator was trained for.
    """
    from hyperhex.fastsim.simulation import load_generator

    fast_simulation = load_generator(model)
    scale, patch = fast_simulation.scale, fast_simulation.patch
    faults = [*_output_faults(output, (".hdf5", ".h5")), *_number_faults(number)]
    faults += _beam_faults(model, scale, energies)
    if faults:
        raise ConfigError(faults)
    kind, (low, high) = scale.particle, energies or scale.energies

    def blocks() -> Iterator[Block]:
        for block, start in enumerate(range(0, number, _BLOCK)):
            random = stream(seed, "fastsim", "export", kind, block)
            count = min(_BLOCK, number - start)
            energy = _energies(random, low, high, count, flat=flat)
            impact = _points(random, patch.pitch, count)
            part = integer(seed, "fastsim", "export", kind, block)
            yield _block(energy, impact, fast_simulation.sample(energy, impact, part))

    layers = [patch.n_cells] * fast_simulation.generator.n_layers
    about = {"simulation": "fast", "seed": seed}
    threshold = scale.threshold * scale.mip
    write(output, number, blocks(), _attributes(kind, layers, threshold, patch.pitch) | about)


def library(showers: Path, output: Path, threshold: float, number: int | None) -> None:
    """Write showers of the full simulation, the last `number` of a store or all.

    The last are those that training holds out (`fastsim.held_out`). Cells below the threshold [MIP]
    are set to zero, as those of the fast simulation are.
    """
    from hyperhex.fastsim.library import thresholded

    found = store.open(showers)
    attributes = found.attributes
    if missing := {"particle", "mip", "geometry"} - set(attributes):
        msg = f"{showers}: says nothing of {sorted(missing)}, expected a store of `simulate`"
        raise StoreError(msg)
    energy, impact, deposits = (found[name] for name in ("energy", "impact", "deposits"))
    there = energy.shape[0]
    faults = [*_output_faults(output, (".hdf5", ".h5")), *_number_faults(number or there, there)]
    if not (math.isfinite(threshold) and threshold >= 0):
        faults.append(f"--threshold: {threshold} given, expected zero or more [MIP]")
    if faults:
        raise ConfigError(faults)
    chosen, mip, pitch = number or there, attributes["mip"], attributes["geometry"]["pitch"]

    def blocks() -> Iterator[Block]:
        for start in range(there - chosen, there, _BLOCK):
            rows = slice(start, min(start + _BLOCK, there))
            cells = thresholded(deposits[rows], mip, threshold) * np.float32(mip)
            yield _block(energy[rows], impact[rows], cells)

    layers = [found.sizes["cell"]] * found.sizes["layer"]
    known = _attributes(str(attributes["particle"]), layers, threshold * mip, pitch)
    write(output, chosen, blocks(), known | {"simulation": "full", "digest": found.digest})


def program(model: Path, output: Path) -> None:
    """Write a trained generator with its sampler as a program of PyTorch (`torch.export`)."""
    from hyperhex.fastsim.portable import save_program
    from hyperhex.fastsim.simulation import load_generator

    fast_simulation = load_generator(model)
    if faults := list(_output_faults(output, (".pt2",))):
        raise ConfigError(faults)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.stem}.partial{output.suffix}")
    try:
        save_program(fast_simulation, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _output_faults(output: Path, endings: tuple[str, ...]) -> Iterator[str]:
    if output.is_dir():
        yield f"--output: {output} is a folder, expected the name of a new file"
    elif output.exists():
        yield f"--output: {output} is there already; delete it or choose another name"
    elif output.suffix not in endings:
        yield f"--output: {output.name} given, expected a name that ends in {' or '.join(endings)}"
    elif any(parent.exists() and not parent.is_dir() for parent in output.parents):
        yield f"--output: {output} would lie below a file; choose another folder"


def _number_faults(number: int, most: int | None = None) -> Iterator[str]:
    if number < 1 or number > (most or number):
        allowed = f"1 to {most}, as many as there are" if most else "at least 1"
        yield f"--number: {number} given, expected {allowed}"


def _beam_faults(model: Path, scale: Scale, energies: tuple[float, float] | None) -> Iterator[str]:
    least, most = scale.energies[0] / _EDGE, scale.energies[1] * _EDGE
    if energies and not least <= energies[0] <= energies[1] <= most:
        low, high = energies
        yield (
            f"--energy: {low:g}:{high:g} GeV given, the generator in {model} was trained for"
            f" {scale.energies[0]:.4g}:{scale.energies[1]:.4g} GeV"
        )


def _energies(
    random: np.random.Generator, low: float, high: float, number: int, *, flat: bool
) -> NDArray[np.float64]:
    if flat:
        return random.uniform(low, high, number)
    return np.exp(random.uniform(math.log(low), math.log(high), number))


def _points(random: np.random.Generator, pitch: float, number: int) -> NDArray[np.float64]:
    """Points uniform in the central hexagon, which three rhombi from its centre tile, [cm]."""
    angles = np.pi / 6 + np.arange(4) * 2 * np.pi / 3
    corners = pitch / math.sqrt(3.0) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rhombus, sides = random.integers(0, 3, number), random.random((number, 2))
    return sides[:, :1] * corners[rhombus] + sides[:, 1:] * corners[rhombus + 1]


def _block(energy: NDArray[Any], impact: NDArray[Any], deposits: NDArray[Any]) -> Block:
    """Rows of the datasets from energies [GeV], points [cm] and deposits [GeV]."""
    return {
        ENERGIES: np.asarray(energy)[:, None] * MEV,
        SHOWERS: deposits.reshape(len(deposits), -1) * np.float32(MEV),
        IMPACTS: impact,
    }


def _attributes(particle: str, layers: list[int], threshold: float, pitch: float) -> dict[str, Any]:
    units = f"{ENERGIES} and {SHOWERS} [MeV], {IMPACTS} and pitch [cm], threshold [MeV]"
    known = {"particle": particle, LAYERS: layers, "threshold": threshold * MEV, "pitch": pitch}
    return known | {"units": units}
