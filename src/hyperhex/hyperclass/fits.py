"""All classifiers of a production, checked: same seed, same folds, and nothing seen in secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hyperhex.errors import TrainingError
from hyperhex.hyperclass.scores import Training
from hyperhex.train import features
from hyperhex.train import stage as train
from hyperhex.train.classifier import Classifier

__all__ = ["Fits", "load_fits"]


@dataclass
class Fits:
    """Mixtures by what they left out, other classifiers by name, and how they were fitted."""

    mixtures: dict[str, Training] = field(default_factory=dict)
    fixed: dict[str, list[Classifier]] = field(default_factory=dict)
    combinations: list[str] = field(default_factory=list)
    rare: str = ""
    different: str = ""
    folds: int = 0


def load_fits(models: Sequence[Path], seed: int) -> Fits:
    """Everything in folders of trained classifiers.

    Raises `TrainingError` for fits of another seed, other inputs or other folds than the rest, and
    for a mixture that saw what it was to leave out.
    """
    found = Fits()
    for folder in sorted(models):
        described, fits = train.load(folder)
        if described["inputs"] != list(features.NAMES) or described["seed"] != seed:
            msg = f"{folder}: fitted with another seed or other inputs; train it again"
            raise TrainingError(msg)
        if found.folds not in {0, described["folds"]}:
            msg = f"{folder}: {described['folds']} folds, others {found.folds}; train it again"
            raise TrainingError(msg)
        found.folds = described["folds"]
        if described["kind"] == "mixture":
            _check_unseen(described, folder)
            unseen, areas = described["unseen"], described["held_efficiency"]
            found.mixtures[described["left_out"]] = Training(unseen, fits, areas)
        elif described["kind"] == "single":
            found.fixed[f"single_{described['theory']}"] = fits["xgboost"]
        else:
            found.fixed |= fits
            found.combinations = described["combinations"]
            found.rare, found.different = described["rare"], described["different"]
    if not found.mixtures or not found.fixed:
        numbers = f"{len(found.mixtures)} mixtures and {len(found.fixed)} other models"
        msg = f"{numbers} given, some of both needed"
        raise TrainingError(msg)
    return found


def _check_unseen(described: Mapping[str, Any], folder: Path) -> None:
    seen = sorted({described["left_out"], *described["unseen"]} & set(described["signal_events"]))
    if seen:
        msg = f"{folder}: {', '.join(seen)} was to be left out and is in the training"
        raise TrainingError(msg)
