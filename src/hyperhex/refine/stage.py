"""Refinement as a stage: data showers, a fitted refiner, and what it gains."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import RefineSettings
from hyperhex.errors import StoreError
from hyperhex.provenance import read_json, write_json
from hyperhex.random import integer, stream
from hyperhex.refine.comparison import auc, judge, reconstruct
from hyperhex.refine.refiner import Refiner, Scale, load_refiner
from hyperhex.refine.response import (
    Pattern,
    apply_threshold,
    detector_pattern,
    respond,
    saturate,
)
from hyperhex.refine.showers import Showers, join, split
from hyperhex.refine.training import Fitted, alternatives, refine, train

__all__ = ["data", "fit", "validate"]

log = logging.getLogger(__name__)

_SHOWERS_PER_SHARD = 500
# where a cell's response is shown [MIP]
_SHOWN_ENERGY = 30.0

SCHEMA = {
    "deposits": store.Array(
        "float32", ("shower", "layer", "cell"), "GeV", "energy read by the real detector"
    ),
    "energy": store.Array("float32", ("shower",), "GeV", "energy of the particle"),
    "impact": store.Array("float32", ("shower", "axis"), "cm", "entry point in the central cell"),
    "particle": store.Array("uint8", ("shower",), "", "index of the particle"),
    "number": store.Array("int64", ("shower",), "", "row of the shower in its library"),
}


def data(settings: RefineSettings, showers: Sequence[Path], output: Path) -> None:
    """Pass the even showers of the libraries through the detector response, into a store."""
    libraries = [store.open(path) for path in showers]
    scale = _scale(libraries, settings)
    sizes = [-(-library.sizes["shower"] // 2) for library in libraries]
    pattern = _pattern(settings, scale)
    attributes = {**libraries[0].attributes, "particles": [path.stem for path in showers]}
    draft = store.create(
        output,
        SCHEMA,
        sizes={
            "shower": sum(sizes),
            "layer": scale.n_layers,
            "cell": scale.patch.n_cells,
            "axis": 2,
        },
        rows={"shower": _SHOWERS_PER_SHARD},
        settings=settings.data.model_dump(mode="json"),
        attributes=attributes,
        inputs=list(showers),
        code=("refine", "detector"),
    )
    rows = _rows(sizes)
    for shard in range(draft.shards("shower")):
        if not draft.finished("shower", shard):
            chosen = rows[draft.bounds("shower", shard)]
            random = stream(settings.seed, "refine", "response", shard)
            draft.write(
                "shower", shard, _read_data(libraries, chosen, settings, scale, pattern, random)
            )
    draft.publish()
    log.info(
        "%d data showers, %d of %d cells dead", sum(sizes), (~pattern.alive).sum(),
        pattern.alive.size,
    )  # fmt: skip


def fit(
    settings: RefineSettings, showers: Sequence[Path], data: Path, output: Path, threads: int
) -> None:
    """Fit the refiner, its baselines and its calibration to unpaired showers.

    The number of threads is that of the settings, because it changes floating-point sums; the
    command's `threads` only says what the machine lends.
    """
    chosen = settings.refine
    if threads < chosen.threads:
        log.warning("%d threads lent, refine.threads asks for %d", threads, chosen.threads)
    torch.set_num_threads(chosen.threads)
    simulated, real, scale, _ = _samples(settings, showers, data)
    log.info("%d simulated and %d data showers to learn from", len(simulated[0]), len(real[0]))
    fitted = train(simulated[0], real[0], scale, chosen, settings.seed)
    fitted.baseline.save(output, {}, "baseline")
    record = {
        "settings": settings.model_dump(mode="json"),
        "layer_scale": fitted.layer_scale.tolist(),
        "distances": fitted.distances[:: max(1, len(fitted.distances) // 100)],
    }
    fitted.refiner.save(output, record)


def validate(
    settings: RefineSettings,
    showers: Sequence[Path],
    data: Path,
    model: Path,
    output: Path,
    figures: Path,
) -> None:
    """Compare energy reconstruction trained on raw, refined and data showers; draw figures."""
    from hyperhex.plots.refine import draw_figures

    torch.set_num_threads(1)
    fitted = _load(model)
    simulated, real, scale, particles = _samples(settings, showers, data)
    if scale != fitted.refiner.scale:
        msg = f"{model}: fitted to {fitted.refiner.scale}, the showers are {scale}; fit it again"
        raise StoreError(msg)
    training, held_out = (
        alternatives(fitted, sample, integer(settings.seed, "refine", "apply", part))
        for part, sample in enumerate(simulated)
    )
    found = reconstruct(
        {**training, "oracle": real[0]}, real[1], particles, settings.refine, settings.seed
    )
    aucs = {
        name: auc(sample, real[1], scale.patch, settings.seed) for name, sample in held_out.items()
    }
    checks = judge(found, aucs["raw"], aucs["refined"])
    report = {
        **{reconstruction.method: reconstruction.summary() for reconstruction in found},
        "auc_before": aucs["raw"],
        "auc_after": aucs["refined"],
        "auc_baselines": {name: aucs[name] for name in ("layer_scale", "discrepancy")},
        "showers": {"training": len(real[0]), "held_out": len(real[1])},
        "showers_per_second": _speed(fitted.refiner, simulated[1], settings.seed),
        "checks": checks,
        "passed": all(row["passed"] for row in checks.values()),
    }
    write_json(output, report)
    _log_report(report, [reconstruction.method for reconstruction in found])
    pattern = _pattern(settings, scale)
    true = saturate(_SHOWN_ENERGY * pattern.gain * pattern.alive, settings.data.saturation)
    draw_figures(
        figures,
        scale.patch,
        {reconstruction.method: reconstruction.performance.bins for reconstruction in found},
        {**held_out, "data": real[1]},
        fitted.refiner.response(_SHOWN_ENERGY),
        true / _SHOWN_ENERGY,
    )


def _rows(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Library and row (n, 2) of every data shower: the even rows of each library in turn."""
    parts = [
        np.stack([np.full(size, index), 2 * np.arange(size)], axis=1)
        for index, size in enumerate(sizes)
    ]
    return np.concatenate(parts)


def _read_data(
    libraries: Sequence[store.Store],
    rows: NDArray[np.int64],
    settings: RefineSettings,
    scale: Scale,
    pattern: Pattern,
    random: np.random.Generator,
) -> dict[str, NDArray[Any]]:
    """Arrays of one shard."""
    parts: list[dict[str, NDArray[Any]]] = []
    for index in np.unique(rows[:, 0]):
        number = rows[rows[:, 0] == index, 1]
        span = slice(int(number[0]), int(number[-1]) + 1)
        found = {name: libraries[index][name][span][::2] for name in ("energy", "impact")}
        cells = libraries[index]["deposits"][span][::2].astype(np.float64) / scale.mip
        cells = respond(cells, settings.data, pattern, scale.patch.neighbours, random)
        found |= {"deposits": cells * scale.mip, "number": number}
        parts.append({**found, "particle": np.full(len(number), index)})
    return {name: np.concatenate([part[name] for part in parts]) for name in SCHEMA}


def _samples(
    settings: RefineSettings, showers: Sequence[Path], data: Path
) -> tuple[tuple[Showers, Showers], tuple[Showers, Showers], Scale, list[str]]:
    """Simulated (odd) and data (even) showers, each to learn from and held out."""
    libraries = [store.open(path) for path in showers]
    scale = _scale(libraries, settings)
    real = store.open(data)
    particles = [path.stem for path in showers]
    if real.attributes["particles"] != particles:
        msg = f"{data}: made of {real.attributes['particles']}, showers of {particles} given"
        raise StoreError(msg)
    simulated = join(
        [
            _showers(library, slice(1, None, 2), scale, index)
            for index, library in enumerate(libraries)
        ]
    )
    measured = _showers(real, slice(None), scale, real["particle"][:])
    pairs = [
        split(sample, settings.refine.held_out, stream(settings.seed, "refine", "held_out", name))
        for name, sample in (("simulated", simulated), ("data", measured))
    ]
    return pairs[0], pairs[1], scale, particles


def _showers(
    source: store.Store, rows: slice, scale: Scale, particle: int | NDArray[np.integer]
) -> Showers:
    energy = source["energy"][:][rows].astype(np.float64)
    cells = source["deposits"][:][rows] / np.float32(scale.mip)
    return Showers(
        apply_threshold(cells, scale.threshold).astype(np.float32),
        energy,
        source["impact"][:][rows].astype(np.float64),
        np.broadcast_to(np.asarray(particle, dtype=np.int64), energy.shape),
    )


def _load(model: Path) -> Fitted:
    record = read_json(model / "refiner.json")
    return Fitted(
        load_refiner(model),
        load_refiner(model, "baseline"),
        np.array(record["layer_scale"]),
        record["distances"],
    )


def _speed(refiner: Refiner, sample: Showers, seed: int) -> float:
    """Showers refined in a second by one thread."""
    start = perf_counter()
    refine(refiner, sample, seed)
    return len(sample) / (perf_counter() - start)


def _scale(libraries: Sequence[store.Store], settings: RefineSettings) -> Scale:
    """What the cells are, the same for all libraries."""
    scales = [
        Scale(
            library.sizes["layer"],
            int(library.attributes["geometry"]["rings"]),
            float(library.attributes["geometry"]["pitch"]),
            float(library.attributes["mip"]),
            settings.data.threshold,
        )
        for library in libraries
    ]
    if any(scale != scales[0] for scale in scales):
        msg = f"the libraries differ in their cells, {scales}; simulate them with one geometry"
        raise StoreError(msg)
    return scales[0]


def _pattern(settings: RefineSettings, scale: Scale) -> Pattern:
    cells = (scale.n_layers, scale.patch.n_cells)
    return detector_pattern(settings.data, settings.seed, *cells)


def _log_report(report: dict[str, Any], methods: Sequence[str]) -> None:
    for method in methods:
        row = report[method]
        log.info(
            "%-12s |bias| %.2f +- %.2f %%, resolution %.2f +- %.2f %%", method,
            *(100.0 * row[key] for key in
              ("bias", "bias_error", "resolution", "resolution_error")),
        )  # fmt: skip
    log.info("AUC %.3f before, %.3f after", report["auc_before"], report["auc_after"])
    for name, row in report["checks"].items():
        if not row["passed"]:
            log.warning(
                "refinement does not improve %s: %.4f before, %.4f after; raise"
                " refine.iterations or simulate.number",
                name, row["before"], row["after"],
            )  # fmt: skip
