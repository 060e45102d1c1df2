"""How networks that read event images compare with each other and with the event record.

The classes are those of the mixture training, background by cross-section and points by their
shares, and every event is scored by fits on the other folds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression

from hyperhex.config.train import Images, Train
from hyperhex.detector.cylinder import Cylinder
from hyperhex.provenance import read_json, write_json
from hyperhex.random import integer, stream
from hyperhex.train.classifier import Classifier
from hyperhex.train.image_networks import ImageNetwork, ImagePerceptron, build
from hyperhex.train.mixture import Shares, TrainingSet, training_set
from hyperhex.train.module import fit_odds
from hyperhex.train.sample import Sample, backgrounds, signals
from hyperhex.train.weighted import auc, auc_replicas, roc

__all__ = [
    "NETWORKS",
    "REFERENCE",
    "Comparison",
    "ImageClassifier",
    "compare",
    "fit",
    "load",
    "odds",
    "save",
]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
ImageClassifier = ImageNetwork | ImagePerceptron

NETWORKS = ("chebyshev", "hexagonal", "sums", "aligned", "perceptron")
# the method that differences are taken from
REFERENCE = "chebyshev"
# background efficiencies at which the signal's is given
_WORKING_POINTS = (1e-1, 1e-2)
# a method of the record, with the reference's score beside its own
_AND_IMAGE = "_and_image"
_BLOCK = 500


@dataclass(frozen=True)
class Comparison:
    """Rows of figures, ROC curves by method, and the fits of each network by fold."""

    rows: list[dict[str, Any]]
    curves: dict[str, tuple[Floats, Floats]]
    fits: dict[str, list[ImageClassifier]]

    def auc(self, method: str) -> float:
        """Area under the ROC curve of a method."""
        return next(float(row["auc"]) for row in self.rows if row["method"] == method)


def compare(
    kinds: Mapping[str, Sequence[Sample]],
    shares: Shares,
    fitted: Mapping[str, Sequence[Classifier]],
    grid: Cylinder,
    train: Train,
    seed: int,
) -> Comparison:
    """Fit the networks to images and set them beside classifiers of the record.

    kinds : the same events with inputs of kind `record` and `image`
    fitted : classifiers of the record by method, one a fold, fitted on the mixture of all theories
    """
    ordered = {kind: [*backgrounds(known), *signals(known)] for kind, known in kinds.items()}
    label, weight, fold = _tested(ordered["image"], shares)
    scores: dict[str, Floats] = {}
    change: dict[str, float] = {}
    fits: dict[str, list[ImageClassifier]] = {name: [] for name in NETWORKS}
    for k in range(train.folds):
        told = {kind: _told(known, shares, k, train, seed) for kind, known in ordered.items()}
        asked = {
            kind: np.concatenate([s.inputs[s.fold == k] for s in known])
            for kind, known in ordered.items()
        }
        scorers: dict[str, tuple[str, Callable[[Any], Floats]]] = {}
        for name in fitted:
            scorers[name] = ("record", fitted[name][k].score)
        for name in NETWORKS:
            drawn = integer(seed, "train", "images", name, k, bits=63)
            model = fit(name, told["image"], grid, train.images, drawn)
            fits[name].append(model)
            scorers[name] = ("image", partial(odds, model))
            change[name] = max(change.get(name, 0.0), _change(model, asked["image"], grid))
            log.info("images: %s fitted, fold %d", name, k)
        held = {
            name: score(told[kind].inputs[told[kind].held])
            for name, (kind, score) in scorers.items()
        }
        found = {name: score(asked[kind]) for name, (kind, score) in scorers.items()}
        for name in fitted:
            found[f"{name}{_AND_IMAGE}"] = _together((name, REFERENCE), held, found, told["image"])
        for name, values in found.items():
            scores.setdefault(name, np.zeros(len(label)))[fold == k] = values
    rows = _rows(label, scores, weight, train.images.bootstrap, seed)
    for row in rows:
        row["turned_change"] = change.get(row["method"])
    curves = {name: roc(label, score, weight) for name, score in scores.items()}
    return Comparison(rows, curves, fits)


def fit(
    name: str, data: TrainingSet, grid: Cylinder, settings: Images, seed: int
) -> ImageClassifier:
    """Fit one of `NETWORKS` to images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(name, grid, settings)
        model.learn(torch.from_numpy(data.inputs[~data.held]))
        fit_odds(model, (torch.from_numpy(data.inputs),), data, settings, "images")
    return model.eval()


def odds(model: ImageClassifier, images: NDArray[np.float32]) -> Floats:
    """Log-odds of images (n, cells) [GeV], (n,)."""
    with torch.inference_mode():
        parts = [
            model(torch.from_numpy(images[first : first + _BLOCK]))[:, 0]
            for first in range(0, len(images), _BLOCK)
        ]
    return torch.cat(parts).double().numpy()


def save(model: ImageClassifier, name: str, grid: Cylinder, settings: Images, file: Path) -> None:
    """Write `<file>.safetensors` and `<file>.json`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), file.with_suffix(".safetensors"))
    cells = {"around": grid.around, "eta_max": grid.eta_max}
    card = {"kind": name, "grid": cells, "settings": settings.model_dump()}
    write_json(file.with_suffix(".json"), card)


def load(file: Path) -> ImageClassifier:
    """Network of `<file>.safetensors` and `<file>.json`."""
    card = read_json(file.with_suffix(".json"))
    grid = Cylinder(card["grid"]["around"], card["grid"]["eta_max"])
    model = build(card["kind"], grid, Images.model_validate(card["settings"]))
    model.load_state_dict(load_file(file.with_suffix(".safetensors")))
    return model.eval()


def _told(
    known: Sequence[Sample], shares: Shares, fold: int, train: Train, seed: int
) -> TrainingSet:
    """Events that are not of a fold; held are those that stopped the fits of the record too."""
    held = stream(seed, "train", "mixture_none", "held", fold)
    return training_set(backgrounds(known), signals(known), shares, fold, train.validation, held)


def _tested(
    known: Sequence[Sample], shares: Shares
) -> tuple[NDArray[np.int64], Floats, NDArray[np.uint8]]:
    """Label, weight and fold of all events; weights keep their sign, each class sums to one."""
    weights = []
    for sample in known:
        weight = sample.weight
        if sample.role == "signal":
            total = np.bincount(sample.point, weight, minlength=len(sample.labels))
            weight = weight * (shares[sample.theory] / np.where(total > 0, total, 1))[sample.point]
        weights.append(weight)
    label = np.concatenate([np.full(len(s), int(s.role == "signal")) for s in known])
    weight_all = np.concatenate(weights)
    for value in (0, 1):
        weight_all[label == value] /= weight_all[label == value].sum()
    return label, weight_all, np.concatenate([s.fold for s in known])


def _together(
    names: tuple[str, ...],
    held: Mapping[str, Floats],
    found: Mapping[str, Floats],
    data: TrainingSet,
) -> Floats:
    """Log-odds by two scores at once: logistic regression on events that neither was fitted to."""
    told, asked = (np.stack([scores[name] for name in names], axis=1) for scores in (held, found))
    model = LogisticRegression().fit(told, data.label[data.held], data.weight[data.held])
    return np.asarray(model.decision_function(asked), dtype=np.float64)


def _change(model: ImageClassifier, images: NDArray[np.float32], grid: Cylinder) -> float:
    """How much a score changes if events are turned by a quarter, rms, in its own spread."""
    rows = images[:_BLOCK].reshape(-1, grid.n_rows, grid.around)
    turned = np.ascontiguousarray(np.roll(rows, grid.around // 4, axis=2))
    before, after = odds(model, images[:_BLOCK]), odds(model, turned.reshape(len(turned), -1))
    return float(np.sqrt(np.mean((after - before) ** 2)) / max(before.std(), 1e-9))


def _rows(
    label: NDArray[np.int64],
    scores: Mapping[str, Floats],
    weight: Floats,
    replicas: int,
    seed: int,
) -> list[dict[str, Any]]:
    """AUC with its error and its lead over another method, and signal efficiencies."""
    drawn = {
        name: auc_replicas(
            label, score, weight, replicas, stream(seed, "train", "images", "bootstrap")
        )
        for name, score in scores.items()
    }
    rows = []
    for name, score in scores.items():
        background, signal = roc(label, score, weight)
        against = name.removesuffix(_AND_IMAGE) if name.endswith(_AND_IMAGE) else REFERENCE
        rows.append(
            {
                "method": name,
                "auc": auc(label, score, weight),
                "auc_error": float(drawn[name].std()),
                "against": against,
                "lead": auc(label, score, weight) - auc(label, scores[against], weight),
                "lead_error": float((drawn[name] - drawn[against]).std()),
                "efficiency": {
                    f"{point:g}": float(signal[np.searchsorted(background, point, "right") - 1])
                    for point in _WORKING_POINTS
                },
            }
        )
    return rows
