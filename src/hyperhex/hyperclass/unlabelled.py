"""Unlabelled event records searched with the classifiers of a production."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.errors import SelectionError
from hyperhex.hyperclass.blind import Found, search
from hyperhex.hyperclass.ranks import Ranking, averaged
from hyperhex.hyperclass.scores import AVERAGE, Training, cross_scored
from hyperhex.random import stream
from hyperhex.train import features
from hyperhex.train import stage as train
from hyperhex.train.classifier import Classifier
from hyperhex.train.sample import Sample
from hyperhex.train.unseen import NONE

__all__ = ["blind", "report"]

_PER_FEMTOBARN = 1000.0
_EFFICIENCIES = (0.1, 0.03, 0.01, 0.003)
_COLUMNS = ("met", "met_phi", "ht", "min_dphi", "objects", "object_type")


def blind(data: Path, production: Path, luminosity: float, experiments: int) -> Found:
    """Search in a store of event records, with fits to all theories and to background alone.

    `luminosity` [1/fb] is that of the data, which need no more than the arrays of an event record.
    """
    about, mixture = train.load(production / "train" / f"mixture_{NONE}")
    _, unsupervised = train.load(production / "train" / "unsupervised")
    background = list(_background(production, about["seed"], about["folds"]))
    if not background:
        msg = f"{production}/detect: no background, expected a finished production"
        raise SelectionError(msg)
    records = store.open(data)
    chosen = records["in_region"][:].astype(bool)
    inputs = features.inputs({name: records[name][:][chosen] for name in _COLUMNS})
    best = Training(about["unseen"], mixture, about["held_efficiency"]).best()
    passing = {
        name: _passing(background, fits, inputs)
        for name, fits in {**{name: mixture[name] for name in best}, **unsupervised}.items()
    }
    passing[AVERAGE] = (
        np.exp(-averaged([passing[name][0] for name in best])),
        np.exp(-averaged([passing[name][1] for name in best])),
    )
    names = [AVERAGE, *unsupervised]
    weight = np.concatenate([sample.weight for sample in background])
    return search(
        {name: passing[name][0] for name in names},
        {name: passing[name][1] for name in names},
        weight * _PER_FEMTOBARN * luminosity,
        _EFFICIENCIES,
        experiments,
        stream(about["seed"], "hyperclass", "blind"),
    )


def report(found: Found) -> Iterator[str]:
    """Lines that say which regions are the least likely, and how unlikely the search is."""
    yield "score                background     seen     expected   error  chance here"
    for region in found.regions:
        yield (
            f"{region.score:20} {region.efficiency:10g} {region.observed:8d}"
            f" {region.expected:12.2f} {region.error:7.2f}  {region.p_value:.2g}"
        )
    yield ""
    first = found.regions[0]
    yield (
        f"most anomalous: {first.score}, where {first.efficiency:g} of the background is;"
        f" as unlikely anywhere in {found.p_value:.2g} of {found.experiments} pseudo-experiments"
        f" ({found.significance:.2f} standard deviations)"
    )


def _background(production: Path, seed: int, folds: int) -> Iterator[Sample]:
    for path in sorted((production / "detect").glob("*.zarr")):
        if store.open(path).attributes["role"] == "background":
            yield train.read(path, seed, folds)


def _passing(
    background: Sequence[Sample], fits: Sequence[Classifier], inputs: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part of the background above each event of the data, mean over fits, and above its own."""
    score = np.concatenate([cross_scored(sample, fits) for sample in background])
    fold = np.concatenate([sample.fold for sample in background])
    ranking = Ranking(score, fold, np.concatenate([sample.weight for sample in background]))
    # data are in no fold: all fits may score them
    each = [
        ranking.passing(fit.score(inputs), np.full(len(inputs), number))
        for number, fit in enumerate(fits)
    ]
    return np.mean(each, axis=0), ranking.passing(score, fold)
