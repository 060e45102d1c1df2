"""Gradient-boosted decision trees (XGBoost, arXiv:1603.02754)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import xgboost
from numpy.typing import NDArray

from hyperhex.config import Trees
from hyperhex.errors import TrainingError
from hyperhex.train.mixture import TrainingSet

__all__ = ["TreesClassifier"]

_SEED_BITS = 0x7FFFFFFF
# objects have few distinct values that matter; a coarse histogram is as good and twice as fast
_BINS = 64


class TreesClassifier:
    """Boosted trees; the score is the log-odds."""

    def __init__(self, settings: Trees | None = None, threads: int = 1) -> None:
        self.settings = settings or Trees()
        self.threads = threads
        self._booster: xgboost.Booster | None = None

    def fit(self, data: TrainingSet, seed: int) -> None:
        """Boost until the logistic loss of the held events stops falling."""
        grown = self._matrix(data, ~data.held)
        booster = xgboost.train(
            self._parameters(seed),
            grown,
            num_boost_round=self.settings.number,
            evals=[(self._matrix(data, data.held, like=grown), "held")],
            early_stopping_rounds=self.settings.patience,
            verbose_eval=False,
        )
        # only the trees up to the best are kept, so the file needs no side note
        self._booster = booster[: booster.best_iteration + 1]

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of the hyperclass, (n,)."""
        if self._booster is None:
            msg = "no trees to score with; fit them or load them first"
            raise TrainingError(msg)
        self._booster.set_param({"nthread": self.threads})
        margin = self._booster.inplace_predict(inputs, predict_type="margin")
        return np.asarray(margin, dtype=np.float64)

    def contributions(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shapley value of each input for each event's log-odds, (n, inputs) (arXiv:1802.03888)."""
        if self._booster is None:
            msg = "no trees to explain; fit them or load them first"
            raise TrainingError(msg)
        self._booster.set_param({"nthread": self.threads})
        values = self._booster.predict(xgboost.DMatrix(inputs), pred_contribs=True)
        # the last column is the mean of all events
        return np.asarray(values[:, :-1], dtype=np.float64)

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.ubj`."""
        if self._booster is None:
            msg = f"{folder / name}: no trees to save; fit them first"
            raise TrainingError(msg)
        self._booster.save_model(folder / f"{name}.ubj")

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Trees of `<name>.ubj`."""
        trees = cls()
        trees._booster = xgboost.Booster(model_file=folder / f"{name}.ubj")
        return trees

    def _parameters(self, seed: int) -> dict[str, object]:
        return {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_bin": _BINS,
            "max_depth": self.settings.depth,
            "eta": self.settings.learning_rate,
            "subsample": self.settings.rows,
            "colsample_bytree": self.settings.columns,
            "nthread": self.threads,
            "seed": seed & _SEED_BITS,
            "verbosity": 0,
        }

    def _matrix(
        self, data: TrainingSet, rows: NDArray[np.bool_], like: xgboost.DMatrix | None = None
    ) -> xgboost.QuantileDMatrix:
        return xgboost.QuantileDMatrix(
            data.inputs[rows],
            label=data.label[rows],
            weight=data.weight[rows],
            max_bin=_BINS,
            ref=like,
            nthread=self.threads,
        )
