"""What networks of sets of objects must do on top of what every classifier must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.config import DeepSets, Transformer
from hyperhex.errors import TrainingError
from hyperhex.hyperclass.efficiency import auc
from hyperhex.train.deep_sets import DeepSetsClassifier
from hyperhex.train.features import NAMES, SLOT_TYPES, inputs
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.module import ModuleClassifier
from hyperhex.train.transformer import TransformerClassifier, pairwise

QUICK = {"epochs": 6, "batch": 128, "dropout": 0.0}
MAKERS: dict[str, Callable[[], ModuleClassifier]] = {
    "deep_sets": lambda: DeepSetsClassifier(
        DeepSets(object_layers=[16], event_layers=[16], **QUICK)
    ),
    "transformer": lambda: TransformerClassifier(Transformer(width=8, heads=2, blocks=1, **QUICK)),
}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest) -> ModuleClassifier:
    return MAKERS[request.param]()


def events(records: ModuleType, seed: int) -> TrainingSet:
    toys = (records.BACKGROUNDS[0], records.SIGNALS[2])
    values = [inputs(records.arrays(toy, seed)) for toy in toys]
    label = np.repeat(np.arange(2), [len(v) for v in values]).astype(np.float32)
    weight = np.where(label == 1, len(values[0]) / len(values[1]), 1.0).astype(np.float32)
    held = np.random.default_rng(seed).random(len(label)) < 0.2
    return TrainingSet(np.concatenate(values), label, weight / weight.mean(), held)


def test_it_tells_toy_theories_apart(records: ModuleType, made: ModuleClassifier) -> None:
    made.fit(events(records, 1), seed=3)
    data = events(records, 2)
    score, signal = made.score(data.inputs), data.label == 1
    ones = np.ones(len(score))
    assert auc(score[signal], ones[signal], score[~signal], ones[~signal]) > 0.85


def test_the_order_of_objects_of_a_type_does_not_matter(
    records: ModuleType, made: ModuleClassifier
) -> None:
    data = events(records, 1)
    made.fit(data, seed=3)
    order = np.concatenate(
        [np.flatnonzero(np.array(SLOT_TYPES) == kind)[::-1] for kind in sorted(set(SLOT_TYPES))]
    )
    moved = data.inputs.copy()
    flat = len(SLOT_TYPES) * 4
    moved[:, :flat] = (
        data.inputs[:, :flat].reshape(-1, len(SLOT_TYPES), 4)[:, order].reshape(-1, flat)
    )
    assert not np.array_equal(moved, data.inputs)
    np.testing.assert_allclose(made.score(moved), made.score(data.inputs), rtol=1e-3, atol=1e-4)


def test_the_gradient_reaches_every_weight(records: ModuleType, made: ModuleClassifier) -> None:
    data = events(records, 1)
    module = made.empty(len(NAMES))
    module.learn(torch.from_numpy(data.inputs))
    module(*module.seen(torch.from_numpy(data.inputs[:200]))).square().sum().backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_an_event_without_objects_has_a_score(records: ModuleType, made: ModuleClassifier) -> None:
    made.fit(events(records, 1), seed=3)
    assert np.isfinite(made.score(np.zeros((2, len(NAMES)), np.float32))).all()


def test_a_saved_fit_scores_the_same(
    records: ModuleType, made: ModuleClassifier, tmp_path: Path
) -> None:
    data = events(records, 1)
    made.fit(data, seed=3)
    made.save(tmp_path, "fit")
    loaded = type(made).load(tmp_path, "fit")
    np.testing.assert_array_equal(made.score(data.inputs), loaded.score(data.inputs))


def test_other_inputs_than_the_slots_are_refused(made: ModuleClassifier) -> None:
    with pytest.raises(TrainingError, match=f"4 inputs given, expected the {len(NAMES)}"):
        made.empty(4)


def pair(*objects: tuple[float, float, float]) -> torch.Tensor:
    """Massless objects (pt, eta, phi) as the networks see them."""
    rows = [[np.log1p(pt * np.cosh(eta)), np.log1p(pt), eta, phi] for pt, eta, phi in objects]
    return torch.tensor(rows, dtype=torch.float64)


def every_pair(objects: torch.Tensor) -> torch.Tensor:
    return pairwise(objects[:, None], objects[None])


def test_pairwise_features_of_two_massless_objects() -> None:
    found = every_pair(pair((100.0, 0.0, 0.0), (50.0, 0.5, 3.0)))
    distance = np.hypot(0.5, 3.0)
    mass = 2 * 100 * 50 * (np.cosh(0.5) - np.cos(3.0))
    expected = np.log([distance, 50 * distance, 50 / 150, mass])
    np.testing.assert_allclose(found[0, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(found[0, 1], found[1, 0], rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(-10, 10), boost=st.floats(-1, 1))
def test_pairwise_features_know_neither_direction_nor_boost(angle: float, boost: float) -> None:
    objects = ((80.0, 0.3, 0.2), (60.0, -0.4, 2.5), (40.0, 1.0, -1.0))
    moved = tuple((pt, eta + boost, phi + angle) for pt, eta, phi in objects)
    off = ~torch.eye(3, dtype=torch.bool)
    np.testing.assert_allclose(
        every_pair(pair(*moved))[off], every_pair(pair(*objects))[off], rtol=1e-5, atol=1e-6
    )
