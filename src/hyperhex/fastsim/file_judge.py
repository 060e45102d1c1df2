"""Any two files of showers compared, whoever made them.

The first file is the reference. Nothing is known of the voxels but, if told, their layers, so that
a judge who knows the geometry may tell apart what is told apart here no more. Each figure has its
floor beside it: one half of the reference against the other. Showers are compared under all
incident energies together, hence different energies count as different showers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import ConfigError, StoreError
from hyperhex.fastsim import separation
from hyperhex.fastsim.classifiers import Look, look_at_cells
from hyperhex.fastsim.distances import frechet_distance, kernel_distance, separation_power
from hyperhex.fastsim.shower_file import LAYERS, SHOWERS, ShowerFile, read
from hyperhex.fastsim.voxels import columns, hit_edges, matrix, observables
from hyperhex.provenance import write_json

__all__ = ["compare", "judge", "report"]

log = logging.getLogger(__name__)

_LEAST_P_VALUE = 1e-3
_LISTED = 12


def judge(
    paths: Sequence[Path],
    layers: Sequence[int] | None,
    threshold: float,
    most: int,
    seed: int,
    output: Path,
) -> dict[str, Any]:
    """Compare two files; write the figures of merit to `output` and a figure beside it.

    `layers` are the voxels of each layer, or one number of equal layers; without it they are what
    the files say. Voxels below `threshold` [MeV] are set to zero.
    """
    import torch

    from hyperhex.plots.shower_files import draw_comparison

    torch.set_num_threads(1)
    if output.suffix != ".json" or output.is_dir():
        msg = f"--output: {output} given, expected the name of a file that ends in .json"
        raise ConfigError([msg])
    if not threshold >= 0 or most < 1:
        msg = f"--threshold {threshold}, --number {most} given, expected >= 0 [MeV] and >= 1"
        raise ConfigError([msg])
    files = [read(path, most, seed) for path in paths]
    first, second = (_thresholded(file, threshold) for file in _alike(*files, layers=layers))
    log.info("%s: %d showers, %s: %d", first.path, len(first), second.path, len(second))
    found = compare(first, second, seed)
    write_json(output, found | {"threshold": threshold, "seed": seed})
    draw_comparison((first, second), hit_edges(first.voxels), output.with_suffix(".svg"))
    return found


def compare(first: ShowerFile, second: ShowerFile, seed: int) -> dict[str, Any]:
    """Figures of merit of the second file against the first."""
    number = min(len(first), len(second))
    first, second = _rows(first, slice(number)), _rows(second, slice(number))
    # neighbouring rows, so that halves of a sorted file are alike
    even, odd = (_rows(first, slice(k, number - number % 2, 2)) for k in (0, 1))
    edges = hit_edges(first.voxels)
    figures, powers = _told_apart(first, second, edges, seed), _powers(first, second, edges)
    floors, floor_powers = _told_apart(even, odd, edges, seed), _powers(even, odd, edges)
    return {
        "files": [str(first.path), str(second.path)],
        "showers": number,
        "voxels": first.voxels.shape[1],
        "layers": list(first.layers or ()),
        "incident_energies": _incident_energies(first, second),
        **figures,
        **{f"{name}_floor": value for name, value in floors.items()},
        "observables": {
            name: row | {"separation_power_floor": floor_powers[name]["separation_power"]}
            for name, row in powers.items()
        },
    }


def report(found: Mapping[str, Any]) -> Iterator[str]:
    """The table that a reader wants to see first, line by line."""
    energies = found["incident_energies"]
    yield f"{found['files'][1]} against {found['files'][0]}, {found['showers']} showers each"
    for name, row in energies["files"].items():
        yield f"{name}: {row['low']:.5g} to {row['high']:.5g} MeV, mean {row['mean']:.5g}"
    if energies["p_value"] < _LEAST_P_VALUE:
        yield (
            f"The incident energies differ (Kolmogorov-Smirnov p = {energies['p_value']:.1g}):"
            " so do the showers, for that reason alone."
        )
    if not found["layers"]:
        yield "No layers known: give --layers for observables along the shower."
    yield ""
    yield f"{'figure':<28}{'value':>10}{'floor':>10}"
    names = {
        "auc_high": "AUC on observables",
        "auc_low": "AUC on voxels",
        "fpd": "Frechet distance",
        "kpd": "kernel distance",
    }
    for name, words in names.items():
        yield f"{words:<28}{found[name]:>10.4f}{found[f'{name}_floor']:>10.4f}"
    yield ""
    yield (
        f"{'observable':<28}{'first':>10}{'second':>10}{'ratio':>8}{'separation':>12}{'floor':>10}"
    )
    rows = found["observables"]
    several = [name for name in rows if name.endswith("]")]
    worst = sorted(several, key=lambda name: -rows[name]["separation_power"])[:_LISTED]
    for name in [*(name for name in rows if name not in several), *worst]:
        row = rows[name]
        ratio = "n/a" if row["ratio"] is None else f"{row['ratio']:.3f}"
        yield (
            f"{name:<28}{row['first']:>10.4g}{row['second']:>10.4g}{ratio:>8}"
            f"{row['separation_power']:>12.4f}{row['separation_power_floor']:>10.4f}"
        )
    if len(several) > len(worst):
        yield f"and {len(several) - len(worst)} more of layers and bins, all separated less"


def _alike(
    first: ShowerFile, second: ShowerFile, *, layers: Sequence[int] | None
) -> tuple[ShowerFile, ShowerFile]:
    """Files with the same voxels and layers, or `StoreError`."""
    voxels = first.voxels.shape[1]
    if second.voxels.shape[1] != voxels:
        msg = (
            f"{second.path}: dataset {SHOWERS!r} has {second.voxels.shape[1]} voxels, that of"
            f" {first.path} has {voxels}; expected showers of the same detector"
        )
        raise StoreError(msg)
    if layers:
        shared = _layers(layers, voxels)
        return replace(first, layers=shared), replace(second, layers=shared)
    for file in (first, second):
        if file.layers and (sum(file.layers) != voxels or min(file.layers) < 1):
            msg = f"{file.path}: attribute {LAYERS!r} is {file.layers}, expected {voxels} voxels"
            raise StoreError(msg)
    if first.layers and second.layers and first.layers != second.layers:
        msg = (
            f"{second.path}: attribute {LAYERS!r} is {second.layers}, that of {first.path} is"
            f" {first.layers}; give --layers if both are the same detector"
        )
        raise StoreError(msg)
    shared = first.layers or second.layers or ()
    return replace(first, layers=shared or None), replace(second, layers=shared or None)


def _layers(given: Sequence[int], voxels: int) -> tuple[int, ...]:
    if len(given) == 1 and given[0] > 0 and voxels % given[0] == 0:
        return (voxels // given[0],) * given[0]
    if len(given) > 1 and min(given) > 0 and sum(given) == voxels:
        return tuple(given)
    msg = (
        f"--layers: {','.join(map(str, given))} given, expected a number that divides the {voxels}"
        " voxels, or the voxels of each layer, which sum to them"
    )
    raise ConfigError([msg])


def _thresholded(file: ShowerFile, threshold: float) -> ShowerFile:
    if not threshold:
        return file
    voxels = np.where(file.voxels < threshold, np.float32(0.0), file.voxels)
    if not voxels.any():
        msg = f"{file.path}: no voxel of dataset {SHOWERS!r} reaches --threshold {threshold:g} MeV"
        raise StoreError(msg)
    return replace(file, voxels=voxels)


def _rows(file: ShowerFile, rows: slice) -> ShowerFile:
    return replace(file, energy=file.energy[rows], voxels=file.voxels[rows])


def _look(file: ShowerFile, edges: NDArray) -> dict[str, NDArray[np.float64]]:
    return observables(file.voxels, file.energy, edges, file.layers)


def _told_apart(
    first: ShowerFile, second: ShowerFile, edges: NDArray, seed: int
) -> dict[str, float]:
    """AUC on observables and on voxels, Frechet and kernel distance of the observables."""
    high = [matrix(_look(file, edges), file.energy) for file in (first, second)]
    # a typical hit for the unit
    unit = np.float32(np.median(first.voxels[first.voxels > 0]))
    low = [
        look_at_cells(file.voxels[:, None] / unit, np.log(file.energy)[:, None])
        for file in (first, second)
    ]
    columns = [Look(np.asarray(part, np.float32)) for part in high]
    areas = {
        "auc_high": separation.areas(columns[0], columns[1], seed),
        "auc_low": separation.areas(low[0], low[1], seed),
    }
    found = {
        **{name: separation.best(area).auc for name, area in areas.items()},
        "fpd": frechet_distance(high[0], high[1], seed),
        "kpd": kernel_distance(high[0], high[1], seed).value,
    }
    log.info("AUC %.3f on observables, %.3f on voxels", found["auc_high"], found["auc_low"])
    return found


def _powers(first: ShowerFile, second: ShowerFile, edges: NDArray) -> dict[str, dict[str, Any]]:
    """Means and separation power of every observable."""
    seen = [columns(_look(file, edges)) for file in (first, second)]
    rows: dict[str, dict[str, Any]] = {}
    for name, values in seen[0].items():
        means = float(values.mean()), float(seen[1][name].mean())
        rows[name] = {
            "first": means[0],
            "second": means[1],
            "ratio": means[1] / means[0] if means[0] else None,
            "separation_power": separation_power(values, seen[1][name]),
        }
    return rows


def _incident_energies(first: ShowerFile, second: ShowerFile) -> dict[str, Any]:
    """Ranges and means [MeV], and the p-value that both are of one distribution."""
    from scipy.stats import ks_2samp

    ranges = {
        str(file.path): {
            "low": float(file.energy.min()),
            "mean": float(file.energy.mean()),
            "high": float(file.energy.max()),
        }
        for file in (first, second)
    }
    found = ks_2samp(first.energy, second.energy)
    return {"files": ranges, "distance": float(found.statistic), "p_value": float(found.pvalue)}
