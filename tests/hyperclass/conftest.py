from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest

from hyperhex.hyperclass import stage
from hyperhex.train import stage as train


@dataclass(frozen=True)
class Production:
    folder: Path
    toys: tuple
    events: list[Path]
    models: list[Path]

    @property
    def scores(self) -> Path:
        return self.folder / "scores.zarr"


@pytest.fixture(scope="session")
def production(records: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """Event stores of toy theories, one of them without events, all trainings and scores."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("production")
    empty = records.Toy("vanished", events=0)
    # two of a group, which is left out together, and others that are alone in theirs
    groups = {"gluino": "coloured", "leptoquark": "coloured"}
    signals = [replace(toy, group=groups.get(toy.name, toy.name)) for toy in records.SIGNALS]
    toys = (*records.BACKGROUNDS, *signals, empty)
    events = [records.write(folder, toy) for toy in toys]
    settings = records.train_settings(
        toys,
        trees={"number": 30},
        network={"layers": [32], "epochs": 6},
        deep_svdd={"targets": [1.0], "dimensions": [5], "layers": [16], "epochs": 3},
        kde={"components": 3, "events": 300},
        methods={
            "unsupervised": ["deep_svdd", "kde"],
            "combinations": ["and", "or", "average", "product"],
            "rare": "kde",
        },
        leave_out=["theory", "group"],
    )
    models = []
    for theory in ("none", "vanished", "group_coloured", *(toy.name for toy in signals)):
        models.append(folder / f"mixture_{theory}")
        train.mixture(settings, events, theory, models[-1], 1)
    for toy in signals:
        models.append(folder / f"single_{toy.name}")
        train.single(settings, events, toy.name, models[-1], 1)
    models.append(folder / "unsupervised")
    train.unsupervised(settings, events, models[-1], 1)
    made = Production(folder, toys, events, models)
    stage.scores(records.hyperclass_settings(toys), events, models, made.scores)
    return made
