"""What an analysis loses that learns from fast showers: an energy regressor and classifiers.

Each model is trained twice with the same settings, on full and on fast showers of the same
conditions, and both are tested on full showers that neither has seen (arXiv:2603.06364).

Samples are cross-fitted: fold by fold, tested on one and trained on the others. A figure is the
mean over the folds; the folds are tested on different showers, but share training showers, so the
error of the mean of K folds is sqrt(1/K + 1/(K-1)) times their standard deviation (C. Nadeau and
Y. Bengio, Machine Learning 52 (2003) 239).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import boosted
from hyperhex.fastsim.library import Sample
from hyperhex.random import stream

__all__ = ["Pair", "compare", "worst_losses"]

_FOLDS = 5
_LEAST_SHOWERS = 10 * _FOLDS
_ENERGY_BINS = 4
_SHOWERS_OF_BIN = 20 * _FOLDS
_VISIBLE_BINS = 20
_SIGNAL = "photon"
_SIGNAL_EFFICIENCIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)

_SOURCES = ("full", "fast")
_QUESTIONS = ("all", "alike")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """As many showers of one particle of both kinds, energies and impact points drawn alike.

    Where row i of both is under the same condition, a fold has neither of the two in training.
    """

    patch: Patch
    full: Sample
    fast: Sample

    def __post_init__(self) -> None:
        if len(self.full) != len(self.fast):
            msg = (
                f"{len(self.full)} full and {len(self.fast)} fast showers, expected as many of "
                "both; sample a fast shower at the energy and impact point of each full one"
            )
            raise ValueError(msg)
        if len(self.full) < _LEAST_SHOWERS:
            msg = (
                f"{len(self.full)} showers to train and test on, expected at least "
                f"{_LEAST_SHOWERS}; enlarge the library or its held-out share"
            )
            raise ValueError(msg)

    def inputs(self, patch: Patch, layers: int) -> dict[str, NDArray[np.float32]]:
        """What models see of both samples in the first layers of a patch."""
        deposits = {"full": self.full.deposits, "fast": self.fast.deposits}
        return {name: boosted.inputs(patch, layers, part) for name, part in deposits.items()}


def compare(pairs: Mapping[str, Pair], seed: int) -> dict[str, Any]:
    """Energy regression for each particle, and photons against each other particle.

    Figures of merit with entries `full` and `fast` for where the model was trained, all tested on
    full showers; `ratio` is fast over full, `difference` fast minus full, `error` of either.
    `losses` are what limits may be put on: resolution as ratio - 1, AUC as -difference.
    """
    with threadpool_limits(1):
        energy = {name: regress(pair, seed) for name, pair in pairs.items()}
        classes = {
            f"{_SIGNAL}_{name}": classify(pairs[_SIGNAL], pair, seed)
            for name, pair in pairs.items()
            if _SIGNAL in pairs and name != _SIGNAL
        }
    found = {"conditions": _conditions(pairs, seed), "energy": energy, "classes": classes}
    return {**found, "losses": _losses(energy, classes)}


def worst_losses(report: Mapping[str, Any]) -> dict[str, float]:
    """Largest loss of `resolution` and of each `auc_photon_...` in a report, for a gate."""
    return {
        figure: max(row["loss"] for row in rows.values())
        for figure, rows in report["losses"].items()
    }


def regress(pair: Pair, seed: int) -> dict[str, Any]:
    """Bias and resolution of reconstructed energies, by energy and overall.

    With r = E_reco / E: bias = median r - 1, resolution = half of the central 68.3 % of r over its
    median, spread = rms / mean of r. Bins hold equally many showers. Overall is the geometric mean
    over the bins of resolution and spread, in which all energies count alike, and the mean of
    |bias|, so that opposite biases do not cancel.
    """
    inputs = pair.inputs(pair.patch, pair.full.deposits.shape[1])
    energy = np.asarray(pair.full.energy, np.float64)
    bins = _bins(energy, int(np.clip(len(energy) // _SHOWERS_OF_BIN, 1, _ENERGY_BINS)))
    number = bins.max() + 1
    found = {name: np.empty((_FOLDS, number, 3)) for name in _SOURCES}
    for fold, tested in enumerate(_folds(len(energy), seed, "energy")):
        for name in _SOURCES:
            known = getattr(pair, name).energy[~tested]
            model = boosted.energy_regressor(inputs[name][~tested], known, seed)
            ratio = model(inputs["full"][tested]) / energy[tested]
            found[name][fold] = [_performance(ratio[bins[tested] == k]) for k in range(number)]
    rows = [
        {
            "low": float(energy[bins == k].min()),
            "high": float(energy[bins == k].max()),
            "showers": int((bins == k).sum()),
            **_figures(*(found[name][:, k] for name in _SOURCES)),
        }
        for k in range(number)
    ]
    return {
        "showers": len(energy),
        "overall": _figures(*(_overall(found[name]) for name in _SOURCES)),
        "bins": rows,
    }


def classify(signal: Pair, other: Pair, seed: int) -> dict[str, Any]:
    """How well photons are told from another particle in the layers and cells that both have.

    Twice: `all` showers, and `alike`, showers weighted to the part of the spectrum of visible
    energy that both particles share, where the energy alone says nothing. Where both areas are
    near 1 a loss shows in `mistaken`: the share of the other particle that is taken for a photon
    at several efficiencies for photons.
    """
    if signal.patch.pitch != other.patch.pitch:
        msg = f"cells of {signal.patch.pitch} and {other.patch.pitch} cm given, expected the same"
        raise ValueError(msg)
    patch = min(signal.patch, other.patch, key=lambda patch: patch.rings)
    layers = min(pair.full.deposits.shape[1] for pair in (signal, other))
    parts = [pair.inputs(patch, layers) for pair in (signal, other)]
    inputs = {name: np.concatenate([part[name] for part in parts]) for name in _SOURCES}
    label = np.repeat([1, 0], [len(signal.full), len(other.full)])
    # of the same rows of both particles, for those may be under the same conditions
    folds = [_folds(len(pair.full), seed, "classes") for pair in (signal, other)]
    alike = _shared(boosted.visible_energy(inputs["full"]), label)
    weights = dict(zip(_QUESTIONS, (np.ones(len(label)), alike), strict=True))
    found: dict[str, dict[str, list[Floats]]] = {q: {n: [] for n in _SOURCES} for q in weights}
    for both in zip(*folds, strict=True):
        tested = np.concatenate(both)
        for name in _SOURCES:
            model = boosted.classifier(inputs[name][~tested], label[~tested], seed)
            score = model(inputs["full"][tested])
            for question, weight in weights.items():
                found[question][name].append(_power(label[tested], score, weight[tested]))
    return {
        "layers": layers,
        "cells": patch.n_cells,
        **{
            question: _powers(weight, label, *(np.stack(found[question][n]) for n in _SOURCES))
            for question, weight in weights.items()
        },
    }


def _conditions(pairs: Mapping[str, Pair], seed: int) -> dict[str, Any]:
    return {
        "showers": {name: len(pair.full) for name, pair in pairs.items()},
        "energies": {
            name: [float(pair.full.energy.min()), float(pair.full.energy.max())]
            for name, pair in pairs.items()
        },
        "trained_on": 1.0 - 1.0 / _FOLDS,
        "folds": _FOLDS,
        "model": boosted.SETTINGS,
        "seed": seed,
    }


def _losses(energy: Mapping[str, Any], classes: Mapping[str, Any]) -> dict[str, Any]:
    overall = {name: found["overall"]["resolution"] for name, found in energy.items()}
    resolution = {
        name: {"loss": entry["ratio"] - 1.0, "error": entry["error"]}
        for name, entry in overall.items()
    }
    areas = {
        f"auc_{name}": {
            question: {"loss": -entry["difference"], "error": entry["error"]}
            for question, entry in ((question, found[question]["auc"]) for question in _QUESTIONS)
        }
        for name, found in classes.items()
    }
    return {"resolution": resolution, **areas}


def _folds(number: int, seed: int, task: str) -> Iterator[NDArray[np.bool_]]:
    order = stream(seed, "fastsim", "downstream", task).permutation(number)
    for fold in range(_FOLDS):
        yield order % _FOLDS == fold


def _bins(values: Floats, number: int) -> NDArray[np.int64]:
    """Bins of about equally many values, none of them empty; fewer where values repeat."""
    edges = np.quantile(values, np.linspace(0.0, 1.0, number + 1)[1:-1])
    bins: NDArray[np.int64] = np.searchsorted(edges, values, side="right")
    return np.unique(bins, return_inverse=True)[1]


def _performance(ratio: Floats) -> tuple[float, float, float]:
    """Resolution, spread and bias of E_reco / E."""
    low, median, high = np.quantile(ratio, [0.1587, 0.5, 0.8413])
    return 0.5 * (high - low) / median, ratio.std() / ratio.mean(), median - 1.0


def _overall(found: Floats) -> Floats:
    """The same over all bins, (folds, bins, 3) -> (folds, 3)."""
    widths = np.exp(np.log(found[..., :2]).mean(axis=1))
    return np.concatenate([widths, np.abs(found[..., 2:]).mean(axis=1)], axis=1)


def _figures(full: Floats, fast: Floats) -> dict[str, dict[str, float]]:
    return {
        "resolution": _entry("ratio", full[:, 0], fast[:, 0]),
        "spread": _entry("ratio", full[:, 1], fast[:, 1]),
        "bias": _entry("difference", full[:, 2], fast[:, 2]),
    }


def _entry(kind: str, full: Floats, fast: Floats) -> dict[str, float]:
    """Means over the folds, the ratio or difference of both trainings, and its error."""
    change = fast / full if kind == "ratio" else fast - full
    error = change.std(ddof=1) * np.sqrt(1.0 / _FOLDS + 1.0 / (_FOLDS - 1.0))
    values = {"full": full.mean(), "fast": fast.mean(), kind: change.mean(), "error": error}
    return {name: float(value) for name, value in values.items()}


def _shared(visible: Floats, label: NDArray) -> Floats:
    """Weights within 0 and 1 that give both classes the lesser of their spectra, (n,).

    min(1, p_other / p) in bins of visible energy that hold equally many showers of both together.
    """
    bins = _bins(visible, int(np.clip(len(visible) // _SHOWERS_OF_BIN, 1, _VISIBLE_BINS)))
    counts = [np.bincount(bins[label == k], minlength=bins.max() + 1) for k in (0, 1)]
    shares = np.stack([count / count.sum() for count in counts])
    weights: Floats = (shares.min(axis=0) / shares.clip(1e-12))[label, bins]
    return weights


def _power(label: NDArray, score: Floats, weight: Floats) -> Floats:
    """AUC, then the share of others above the scores that keep the given shares of photons."""
    photon = label == 1
    cuts = _lower_quantiles(score[photon], weight[photon], 1.0 - np.array(_SIGNAL_EFFICIENCIES))
    passed = score[~photon][:, None] >= cuts
    mistaken = weight[~photon] @ passed / max(weight[~photon].sum(), 1e-12)
    return np.array([roc_auc_score(label, score, sample_weight=weight), *mistaken])


def _lower_quantiles(values: Floats, weight: Floats, shares: Floats) -> Floats:
    order = np.argsort(values)
    below = np.cumsum(weight[order]) - weight[order]
    found = np.searchsorted(below, shares * weight.sum(), side="right") - 1
    return values[order][found]


def _powers(weight: Floats, label: NDArray, full: Floats, fast: Floats) -> dict[str, Any]:
    """Figures of a classifier, and the weighted numbers of showers behind them."""
    return {
        "photons": float(weight[label == 1].sum()),
        "others": float(weight[label == 0].sum()),
        "auc": _entry("difference", full[:, 0], fast[:, 0]),
        "mistaken": [
            {"efficiency": efficiency} | _entry("difference", full[:, k], fast[:, k])
            for k, efficiency in enumerate(_SIGNAL_EFFICIENCIES, start=1)
        ],
    }
