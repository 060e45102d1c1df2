"""Events that were detected with other showers, paired with the same events as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import HyperclassSettings
from hyperhex.errors import TrainingError
from hyperhex.hyperclass.ranks import Ranking, averaged
from hyperhex.hyperclass.scores import Scores, Training, cross_scored
from hyperhex.hyperclass.storage import read_scores, write_events
from hyperhex.hyperclass.variations import SCHEMA, Varied
from hyperhex.train import stage as train
from hyperhex.train.sample import Sample

__all__ = ["read_varied", "write_varied"]

Floats = NDArray[np.float64]


class Mixture:
    """The average of a mixture's best two methods, ranked among the background as it was."""

    def __init__(
        self, left_out: str, training: Training, scores: Scores, fold: NDArray[np.integer]
    ) -> None:
        self.left_out = left_out
        self._fits = [training.fits[name] for name in training.best()]
        column = list(scores.left_out).index(left_out)
        methods = [list(scores.methods).index(f"mixture_{name}") for name in training.best()]
        self._scores = [scores.mixture[:, column, method] for method in methods]
        self._fold = fold
        rows = np.concatenate([one.rows for one in scores.backgrounds()])
        self._rankings = [
            Ranking(one[rows].astype(np.float64), fold[rows], scores.weight[rows])
            for one in self._scores
        ]

    def nominal(self, rows: NDArray[np.intp]) -> Floats:
        """Score of some events of the store of scores, (n,)."""
        return self._average([one[rows] for one in self._scores], self._fold[rows])

    def of(self, sample: Sample) -> Floats:
        """Score of the events of a sample, (n,)."""
        # as they are stored: the same event scored again has the very same rank
        scored = [cross_scored(sample, fits).astype(np.float32) for fits in self._fits]
        return self._average(scored, sample.fold)

    def _average(self, scores: Sequence[NDArray[np.float32]], fold: NDArray[np.integer]) -> Floats:
        return averaged(
            [
                ranking.passing(score.astype(np.float64), fold)
                for ranking, score in zip(self._rankings, scores, strict=True)
            ]
        )


def write_varied(
    settings: HyperclassSettings,
    scores: Path,
    events: Sequence[Path],
    models: Sequence[Path],
    output: Path,
) -> Varied:
    """Score the varied events by the mixtures in some folders, write the store `output`."""
    loaded, _ = read_scores(scores)
    opened = store.open(scores)
    mixtures, folds = _mixtures(models, loaded, opened["fold"][:])
    identity = {name: opened[name][:] for name in ("theory", "point", "number")}
    records = {path: store.open(path) for path in sorted(events)}
    variations = sorted({str(one.attributes["variation"]) for one in records.values()})
    parts = [
        _paired(
            record,
            train.read(path, settings.seed, folds),
            variations.index(record.attributes["variation"]),
            loaded,
            identity,
            mixtures,
        )
        for path, record in records.items()
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in SCHEMA}
    attributes = {
        "variations": variations,
        "theories": list(loaded.theories),
        "left_out": [one.left_out for one in mixtures],
    }
    sizes, inputs = {"left_out": len(mixtures)}, [scores, *events, *models]
    write_events(output, SCHEMA, sizes, arrays, attributes, settings, inputs)
    return read_varied(output)


def read_varied(path: Path) -> Varied:
    """Varied events of a store."""
    opened = store.open(path)
    about = opened.attributes
    arrays = {name: opened[name][:] for name in SCHEMA if name != "number"}
    return Varied(about["variations"], about["theories"], about["left_out"], **arrays)


def _mixtures(
    models: Sequence[Path], scores: Scores, fold: NDArray[np.integer]
) -> tuple[list[Mixture], int]:
    """Mixtures in some folders, and the number of their folds."""
    found, folds = [], 0
    for folder in sorted(models):
        about, fits = train.load(folder)
        if about["kind"] != "mixture" or about["left_out"] not in scores.left_out:
            msg = f"{folder}: {about['kind']} given, expected a mixture that the scores know"
            raise TrainingError(msg)
        training = Training(about["unseen"], fits, about["held_efficiency"])
        found.append(Mixture(about["left_out"], training, scores, fold))
        folds = int(about["folds"])
    return found, folds


def _paired(
    record: store.Store,
    sample: Sample,
    variation: int,
    scores: Scores,
    identity: Mapping[str, NDArray[Any]],
    mixtures: Sequence[Mixture],
) -> dict[str, NDArray[Any]]:
    """Events of one theory that are in the region with either kind of showers."""
    names = [str(one["name"]) for one in scores.theories]
    index = names.index(sample.theory)
    point, number = record["point"][:], record["number"][:]
    detected = _keys(point, number)
    order = np.argsort(detected)
    rows = np.flatnonzero(identity["theory"] == index)
    before = _keys(identity["point"][rows], identity["number"][rows])
    again = np.isin(before, detected)
    rows, before = rows[again], before[again]
    after = _keys(sample.point, sample.number)
    keys = np.union1d(before, after)
    place = order[np.searchsorted(detected, keys, sorter=order)]
    shape = (len(keys), len(mixtures))
    nominal, varied = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    for column, mixture in enumerate(mixtures):
        if sample.role == "background" or sample.theory == mixture.left_out:
            nominal[np.searchsorted(keys, before), column] = mixture.nominal(rows)
            varied[np.searchsorted(keys, after), column] = mixture.of(sample)
    return {
        "variation": np.full(len(keys), variation),
        "theory": np.full(len(keys), index),
        "point": point[place],
        "number": number[place],
        "weight": record["weight"][:][place] / np.array(record.attributes["shares"])[point[place]],
        "nominal": nominal,
        "varied": varied,
    }


def _keys(point: NDArray[np.integer], number: NDArray[np.integer]) -> NDArray[np.int64]:
    """One number for each event of a theory, (n,)."""
    return (point.astype(np.int64) << 48) + number
