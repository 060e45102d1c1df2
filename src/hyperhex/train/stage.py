"""Event records in, fitted classifiers out: one folder of model files for each training.

A folder holds one fit per method and fold, `fold_<k>_<method>.*` (fitted on all folds but k), and
`model.json`, which says what it was fitted on and with which parameters. A method is a classifier,
or a classifier and the weights of its mixture.
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
from hyperhex.random import integer
from hyperhex.train import features
from hyperhex.train.classifier import Classifier
from hyperhex.train.fold import Choice, Fold, held_efficiency
from hyperhex.train.methods import calm, classifier, kind_of, section_of
from hyperhex.train.mixture import Shares
from hyperhex.train.sample import Sample, backgrounds, fold_of, require, signals
from hyperhex.train.tuning import choose
from hyperhex.train.unseen import known_signal, members, theories_of, tuned

__all__ = [
    "BASELINES",
    "images",
    "load",
    "mixture",
    "read",
    "regression",
    "single",
    "trials",
    "tune",
    "unsupervised",
]

log = logging.getLogger(__name__)

# cuts on one quantity that any search could make
BASELINES = ("met", "meff")
# method: the classifier, and how its mixture is weighted
Methods = dict[str, tuple[str, Choice]]
_COLUMNS = ("met", "met_phi", "ht", "min_dphi", "objects", "object_type")


def tune(
    settings: TrainSettings, events: list[Path], left_out_part: int, output: Path, threads: int
) -> None:
    """Choose parameters of the mixture's methods without the theories of one part; JSON.

    The same theories, events and seed give the same file.
    """
    unseen = members(settings, left_out_part)
    _compare_threads(settings, threads)
    samples = [s for s in _read_all(settings, events) if s.theory not in unseen]
    background, signal = backgrounds(samples), signals(samples)
    least, name = settings.train.minimum_events, f"tuning without part {left_out_part}"
    require(background, least, f"{name}: background")
    require(signal, least, f"{name}: signal")
    found = choose(settings, background, signal)
    write_json(output, {"left_out_part": left_out_part, "unseen": unseen, **found})


def trials(settings: TrainSettings, tuning: list[Path], output: Path) -> None:
    """Draw what the trials of all parts reached."""
    from hyperhex.plots.tuning import trials as draw

    log.info("%s: trials of %d parts", settings.production, len(tuning))
    draw([read_json(path) for path in tuning], output)


def mixture(
    settings: TrainSettings,
    events: list[Path],
    left_out: str,
    output: Path,
    threads: int,
    tuning: Path | None = None,
) -> None:
    """Fit every supervised method to the mixture of all signals but one, or but one group.

    `left_out` is a theory, `group_<name>`, or `none`; `tuning` is what `tune` wrote without it.
    """
    unseen = theories_of(settings, left_out)
    settings = _with_tuning(settings, tuning, unseen)
    samples = [s for s in _read_all(settings, events) if s.theory not in unseen]
    train = settings.train
    chosen = train.mixture.weights
    choice: Choice = chosen if isinstance(chosen, str) else train.mixture.flatten()
    first = train.methods.mixture[0]
    methods: Methods = {str(name): (name, choice) for name in train.methods.mixture}
    methods |= {f"{first}_{weights}": (first, weights) for weights in train.methods.weights}
    described = {"kind": "mixture", "left_out": left_out, "unseen": unseen}
    _fit(settings, f"mixture_{left_out}", described, samples, methods, output, threads)


def single(
    settings: TrainSettings,
    events: list[Path],
    theory: str,
    output: Path,
    threads: int,
    tuning: Path | None = None,
) -> None:
    """Fit trees to one signal alone, with parameters that were chosen without it.

    Others that it is tried on may have had their say in `tuning`: what that is worth, a mixture has
    to beat.
    """
    known_signal(settings, theory)
    settings = _with_tuning(settings, tuning, [theory])
    samples = [
        s for s in _read_all(settings, events) if s.role == "background" or s.theory == theory
    ]
    described = {"kind": "single", "theory": theory}
    methods: Methods = {"xgboost": ("xgboost", "per_theory")}
    _fit(settings, f"single_{theory}", described, samples, methods, output, threads)


def unsupervised(settings: TrainSettings, events: list[Path], output: Path, threads: int) -> None:
    """Fit every unsupervised method to the background alone."""
    samples = backgrounds(_read_all(settings, events))
    told = settings.train.methods
    methods: Methods = {name: (name, "per_theory") for name in told.unsupervised}
    described = {
        "kind": "unsupervised",
        "combinations": list(told.combinations),
        "rare": told.rare,
        "different": told.different,
    }
    _fit(settings, "unsupervised", described, samples, methods, output, threads)


def regression(settings: TrainSettings, showers: list[Path], output: Path, figures: Path) -> None:
    """Compare networks that measure showers; `output` holds the figures of merit and the best."""
    from hyperhex.train.reconstruction import compare_on_showers

    calm(settings.train.threads)
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
    calm(settings.train.threads)
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
        cross_sections=tuple(record["cross_section"][:].tolist()),
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
            kind_of(made).load(folder, f"fold_{fold}_{method}") for fold in range(about["folds"])
        ]
        for method, made in about["methods"]
    }
    return about, loaded


def _fit(
    settings: TrainSettings,
    name: str,
    described: Mapping[str, object],
    samples: Sequence[Sample],
    methods: Methods,
    output: Path,
    threads: int,
) -> None:
    train = settings.train
    _compare_threads(settings, threads)
    background, signal = backgrounds(samples), signals(samples)
    require(background, train.minimum_events, f"{name}: background")
    if described["kind"] != "unsupervised":
        require(signal, train.minimum_events, f"{name}: signal")
    draft = output.with_name(f".{output.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    held: dict[str, list[float]] = {method: [] for method in methods}
    shares: dict[str, Shares] = {}
    for fold in range(train.folds):
        folds = Fold(settings, name, background, signal, fold)
        for method, (made, choice) in methods.items():
            shares[method] = folds.shares(made, choice)
            data = folds.data(shares[method])
            seed = integer(settings.seed, "train", name, method, fold, bits=63)
            fitted = classifier(made, train, train.threads)
            fitted.fit(data, seed)
            fitted.save(draft, f"fold_{fold}_{method}")
            if signal:
                held[method].append(held_efficiency(data, fitted))
            log.info("%s: fold %s, %s fitted on %s events", name, fold, method, len(data.label))
    about = _about(settings, described, background, signal, shares)
    about |= {
        "methods": [(name, made) for name, (made, _) in methods.items()],
        "parameters": {
            name: getattr(train, section_of(made)).model_dump()
            for name, (made, _) in methods.items()
        },
        "held_efficiency": held,
    }
    write_json(draft / "model.json", about)
    store.manifest_path(output).unlink(missing_ok=True)
    shutil.rmtree(output, ignore_errors=True)
    draft.replace(output)
    write_json(store.manifest_path(output), _manifest(output))


def _compare_threads(settings: TrainSettings, threads: int) -> None:
    # threads change floating-point sums, so they are a setting; the command's are what is lent
    wanted = settings.train.threads
    if threads < wanted:
        log.warning("%d threads lent, train.threads asks for %d", threads, wanted)


def _with_tuning(
    settings: TrainSettings, tuning: Path | None, unseen: Sequence[str]
) -> TrainSettings:
    if tuning is None:
        return settings
    return settings.model_copy(update={"train": tuned(settings, read_json(tuning), unseen)})


def _manifest(folder: Path) -> dict[str, object]:
    """Digests of a folder's files, which say whether another training gave the same models."""
    files = {path.name: digest_file(path) for path in sorted(folder.iterdir())}
    return {"files": files, "digest": digest_of(files)}


def _about(
    settings: TrainSettings,
    described: Mapping[str, object],
    background: Sequence[Sample],
    signal: Sequence[Sample],
    shares: Mapping[str, Shares],
) -> dict[str, object]:
    return {
        **described,
        "folds": settings.train.folds,
        "seed": settings.seed,
        "inputs": list(features.NAMES),
        "background_events": {s.theory: len(s) for s in background},
        "signal_events": {s.theory: len(s) for s in signal},
        # of the last fold, where they are learned
        "weights": {
            method: {
                s.theory: dict(zip(s.labels, one[s.theory].tolist(), strict=True)) for s in signal
            }
            for method, one in shares.items()
        },
    }


def _read_all(settings: TrainSettings, events: Sequence[Path]) -> list[Sample]:
    samples = [read(path, settings.seed, settings.train.folds) for path in events]
    return sorted(samples, key=lambda sample: sample.theory)
