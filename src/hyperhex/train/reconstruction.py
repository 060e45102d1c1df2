"""Reconstruction networks as steps of the stage: stores in, comparison, best networks, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hyperhex import store
from hyperhex.config import TrainSettings
from hyperhex.detector.cylinder import Cylinder
from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.provenance import write_json
from hyperhex.refine.showers import Showers, join
from hyperhex.train import image_comparison, learning_curve
from hyperhex.train.classifier import Classifier
from hyperhex.train.mixture import mixture_weights
from hyperhex.train.sample import Sample, backgrounds, require, signals

__all__ = ["compare_on_images", "compare_on_showers"]


_ROLES = ("background", "signal")


def compare_on_showers(
    settings: TrainSettings, showers: Sequence[Path], output: Path, figures: Path
) -> None:
    """Write `comparison.json`, the network that won, and figures."""
    from hyperhex.plots.train import learning_curves, rotation

    libraries = [store.open(path) for path in showers]
    geometry = libraries[0].attributes["geometry"]
    if any(library.attributes["geometry"] != geometry for library in libraries):
        msg = f"{[str(path) for path in showers]}: showers of several geometries, expected one"
        raise StoreError(msg)
    known = join([_showers(library, index) for index, library in enumerate(libraries)])
    patch = Patch(geometry["rings"], geometry["pitch"])
    report, best = learning_curve.compare(known, patch, settings.train.regression, settings.seed)
    best.save(output)
    write_json(output / "comparison.json", report)
    learning_curves(report["curve"], figures / "learning_curve.svg")
    rotation(report["rotation"], figures / "rotation.svg")


def compare_on_images(
    settings: TrainSettings,
    records: Sequence[Sample],
    events: Sequence[Path],
    fitted: Mapping[str, Sequence[Classifier]],
    output: Path,
    figures: Path,
) -> None:
    """Write `comparison.json`, the network on images by fold, and the figure.

    records : events of the stores in the region; fitted : the mixture's classifiers of them
    """
    from hyperhex.plots.train import roc_curves

    train = settings.train
    stores = {opened.attributes["theory"]: opened for opened in map(store.open, events)}
    grid = _grid(stores)
    seen = [replace(sample, inputs=_images(stores[sample.theory])) for sample in records]
    signal = signals(records)
    require(backgrounds(records), train.minimum_events, "images: background")
    require(signal, train.minimum_events, "images: signal")
    listed = train.mixture.flatten() or str(train.mixture.weights)
    found = image_comparison.compare(
        {"record": records, "image": seen},
        mixture_weights(signal, listed),
        fitted,
        grid,
        train,
        settings.seed,
    )
    best = max(image_comparison.NETWORKS, key=found.auc)
    for fold, model in enumerate(found.fits[best]):
        file = output / f"fold_{fold}"
        image_comparison.save(model, best, grid, train.images, file)
    events_of = {role: sum(len(s) for s in records if s.role == role) for role in _ROLES}
    report = {"events": events_of, "best": best, "methods": found.rows}
    write_json(output / "comparison.json", report)
    roc_curves(found.curves, {row["method"]: row["auc"] for row in found.rows}, figures / "roc.svg")


def _showers(library: store.Store, index: int) -> Showers:
    return Showers(
        cells=library["deposits"][:] / np.float32(library.attributes["mip"]),
        energy=library["energy"][:].astype(np.float64),
        impact=library["impact"][:].astype(np.float64),
        particle=np.full(library.sizes["shower"], index),
    )


def _images(record: store.Store) -> np.ndarray:
    """Images of the events in the region, (n, cells) [GeV]."""
    return record["image"][:][record["in_region"][:].astype(bool)]


def _grid(stores: Mapping[str, store.Store]) -> Cylinder:
    """Cells of the images, one cylinder for all theories."""
    described = {name: opened.attributes["image"] for name, opened in stores.items()}
    first = next(iter(described.values()))
    if any(one != first for one in described.values()):
        msg = f"images on several grids, expected one: {described}; detect all theories again"
        raise StoreError(msg)
    return Cylinder(int(first["around"]), float(first["eta_max"]))
