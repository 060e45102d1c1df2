"""Event records in, fitted classifiers out: one folder of model files for each training.

A folder holds one fit per method and fold, `fold_<k>_<method>.*` (fitted on all folds but k), and
`model.json`, which says what it was fitted on.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyperhex import store
from hyperhex.config import TrainSettings
from hyperhex.errors import TrainingError
from hyperhex.provenance import digest_file, digest_of, read_json, write_json
from hyperhex.random import integer, stream
from hyperhex.train import features
from hyperhex.train.classifier import Classifier
from hyperhex.train.mixture import Shares, mixture_weights, training_set
from hyperhex.train.sample import Sample, backgrounds, fold_of, require, signals

__all__ = [
    "BASELINES",
    "METHODS",
    "images",
    "load",
    "mixture",
    "read",
    "regression",
    "single",
    "unsupervised",
]

log = logging.getLogger(__name__)

# cuts on one quantity that any search could make
BASELINES = ("met", "meff")
METHODS = {
    "mixture": ("xgboost", "network"),
    "single": ("xgboost",),
    "unsupervised": ("deep_svdd",),
}
_COLUMNS = ("met", "met_phi", "ht", "min_dphi", "objects", "object_type")


def mixture(
    settings: TrainSettings, events: list[Path], left_out: str, output: Path, threads: int
) -> None:
    """Fit trees and a network to the mixture of all signals but one; `none` leaves none out."""
    if left_out != "none":
        _known_signal(settings, left_out)
    samples = [s for s in _read_all(settings, events) if s.theory != left_out]
    choice: str | dict[str, float] = settings.train.mixture.weights
    if not isinstance(choice, str):
        choice = settings.train.mixture.flatten()
    described = {"kind": "mixture", "left_out": left_out}
    _fit(settings, described, samples, choice, output, threads)


def single(
    settings: TrainSettings, events: list[Path], theory: str, output: Path, threads: int
) -> None:
    """Fit trees to one signal alone."""
    _known_signal(settings, theory)
    samples = [
        s for s in _read_all(settings, events) if s.role == "background" or s.theory == theory
    ]
    described = {"kind": "single", "theory": theory}
    _fit(settings, described, samples, "per_theory", output, threads)


def unsupervised(settings: TrainSettings, events: list[Path], output: Path, threads: int) -> None:
    """Fit a Deep SVDD ensemble to the background alone."""
    samples = backgrounds(_read_all(settings, events))
    _fit(settings, {"kind": "unsupervised"}, samples, "per_theory", output, threads)


def regression(settings: TrainSettings, showers: list[Path], output: Path, figures: Path) -> None:
    """Compare networks that measure showers; `output` holds the figures of merit and the best."""
    from hyperhex.train.reconstruction import compare_on_showers

    _calm(settings.train.threads)
    compare_on_showers(settings, showers, output, figures)


def images(
    settings: TrainSettings, events: list[Path], model: Path, output: Path, figures: Path
) -> None:
    """Compare networks on event images with each other and with the mixture's classifiers.

    model : folder of the training on the mixture of all theories
    """
    from hyperhex.train.reconstruction import compare_on_images

    about, fitted = load(model)
    if about["kind"] != "mixture" or about["left_out"] != "none":
        msg = f"{model}: {about['kind']} given, expected the mixture of all theories, mixture_none"
        raise TrainingError(msg)
    _calm(settings.train.threads)
    compare_on_images(settings, _read_all(settings, events), events, fitted, output, figures)


def read(path: Path, seed: int, folds: int) -> Sample:
    """Events of a theory in the region, as classifiers take them."""
    record = store.open(path)
    chosen = record["in_region"][:].astype(bool)
    about = record.attributes
    columns = {name: record[name][:][chosen] for name in _COLUMNS}
    point = record["point"][:][chosen]
    number = record["number"][:][chosen]
    return Sample(
        theory=about["theory"],
        role=about["role"],
        group=about["group"],
        labels=tuple(one["label"] for one in about["points"]),
        inputs=features.inputs(columns),
        baselines=np.stack([columns["met"], features.effective_mass(columns)], axis=1).astype("f4"),
        weight=record["weight"][:][chosen],
        point=point,
        number=number,
        fold=fold_of(seed, about["theory"], point, number, folds),
    )


def load(folder: Path) -> tuple[dict[str, Any], dict[str, list[Classifier]]]:
    """What a folder was fitted on, and its classifiers by method, one per fold."""
    described = folder / "model.json"
    if not described.exists():
        msg = (
            f"{folder}: no model.json, so the training is not complete; `snakemake train` makes it"
        )
        raise TrainingError(msg)
    about = read_json(described)
    loaded = {
        method: [
            type(_classifier(method)).load(folder, f"fold_{fold}_{method}")
            for fold in range(about["folds"])
        ]
        for method in METHODS[about["kind"]]
    }
    return about, loaded


def _fit(
    settings: TrainSettings,
    described: Mapping[str, object],
    samples: Sequence[Sample],
    choice: str | Mapping[str, float],
    output: Path,
    threads: int,
) -> None:
    train = settings.train
    # threads change floating-point sums, so they are a setting; the command's are what is lent
    if threads < train.threads:
        log.warning("%d threads lent, train.threads asks for %d", threads, train.threads)
    background, signal = backgrounds(samples), signals(samples)
    name = "_".join(str(value) for value in described.values())
    require(background, train.minimum_events, f"{name}: background")
    if described["kind"] != "unsupervised":
        require(signal, train.minimum_events, f"{name}: signal")
    shares = mixture_weights(signal, choice) if signal else {}
    draft = output.with_name(f".{output.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for fold in range(train.folds):
        held = stream(settings.seed, "train", name, "held", fold)
        data = training_set(background, signal, shares, fold, train.validation, held)
        for method in METHODS[str(described["kind"])]:
            classifier = _classifier(method, settings, train.threads)
            classifier.fit(data, integer(settings.seed, "train", name, method, fold, bits=63))
            classifier.save(draft, f"fold_{fold}_{method}")
        log.info(
            "%s: fold %s fitted on %s background and %s signal events",
            *(name, fold, int((data.label == 0).sum()), int((data.label == 1).sum())),
        )
    write_json(draft / "model.json", _about(settings, described, background, signal, shares))
    store.manifest_path(output).unlink(missing_ok=True)
    shutil.rmtree(output, ignore_errors=True)
    draft.replace(output)
    write_json(store.manifest_path(output), _manifest(output))


def _manifest(folder: Path) -> dict[str, object]:
    """Digests of a folder's files, which say whether another training gave the same models."""
    files = {path.name: digest_file(path) for path in sorted(folder.iterdir())}
    return {"files": files, "digest": digest_of(files)}


def _about(
    settings: TrainSettings,
    described: Mapping[str, object],
    background: Sequence[Sample],
    signal: Sequence[Sample],
    shares: Shares,
) -> dict[str, object]:
    return {
        **described,
        "folds": settings.train.folds,
        "seed": settings.seed,
        "inputs": list(features.NAMES),
        "background_events": {s.theory: len(s) for s in background},
        "signal_events": {s.theory: len(s) for s in signal},
        "weights": {
            s.theory: dict(zip(s.labels, shares[s.theory].tolist(), strict=True)) for s in signal
        },
    }


def _classifier(method: str, settings: TrainSettings | None = None, threads: int = 1) -> Classifier:
    """A classifier by name; each brings its library only when it is asked for."""
    train = settings.train if settings else None
    if method == "xgboost":
        from hyperhex.train.trees import TreesClassifier

        return TreesClassifier(train.trees if train else None, threads)
    _calm(threads)
    if method == "network":
        from hyperhex.train.network import NetworkClassifier

        return NetworkClassifier(train.network if train else None)
    from hyperhex.train.svdd import DeepSvddEnsemble

    return DeepSvddEnsemble(train.deep_svdd if train else None)


def _calm(threads: int) -> None:
    """Have torch use some threads and give the same bits every time."""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)


def _read_all(settings: TrainSettings, events: Sequence[Path]) -> list[Sample]:
    samples = [read(path, settings.seed, settings.train.folds) for path in events]
    return sorted(samples, key=lambda sample: sample.theory)


def _known_signal(settings: TrainSettings, theory: str) -> None:
    known = sorted(n for n, label in settings.theories.items() if label.role == "signal")
    if theory not in known:
        msg = f"{theory}: not a signal of this production, expected one of {known}"
        raise TrainingError(msg)
