from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hyperhex.config import DeepSets, Network, Transformer
from hyperhex.hyperclass.gradients import Background, contributions, integrated_gradients
from hyperhex.train.deep_sets import DeepSetsClassifier
from hyperhex.train.features import NAMES, SLOT_TYPES, inputs
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.module import EventModule, ModuleClassifier
from hyperhex.train.network import NetworkClassifier
from hyperhex.train.transformer import TransformerClassifier

QUICK = {"epochs": 4, "batch": 128}
METHODS: dict[str, ModuleClassifier] = {
    "network": NetworkClassifier(Network(layers=[16], **QUICK)),
    "deep_sets": DeepSetsClassifier(DeepSets(object_layers=[16], event_layers=[16], **QUICK)),
    "transformer": TransformerClassifier(Transformer(width=8, heads=2, blocks=1, **QUICK)),
}


class Formula(EventModule):
    """3 x_0 + x_1 x_2 of each event."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(3.0))

    def learn(self, events: Tensor) -> None:
        """Nothing to learn."""

    def forward(self, events: Tensor) -> Tensor:
        return self.factor * events[:, 0] + events[:, 1] * events[:, 2]


def toys(records: ModuleType) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of background and of a signal."""
    background, signal = (
        inputs(records.arrays(toy, 1)) for toy in (records.BACKGROUNDS[0], records.SIGNALS[2])
    )
    return background, signal


def test_a_formula_has_the_integrals_of_its_derivatives() -> None:
    event, baseline = torch.tensor([[2.0, 3.0, 5.0, 7.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    found = integrated_gradients(Formula(), event, baseline)[0]
    # of x y between (1, 0) and (3, 5): x (y from 0 to 5) / 2 and the rest
    np.testing.assert_allclose(found, [3.0, 2.0 * 2.5, 5.0 * 2.0, 0.0], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_contributions_sum_to_the_score_less_that_of_the_background(
    method: str, records: ModuleType
) -> None:
    background, signal = toys(records)
    label = np.repeat([0, 1], [len(background), len(signal)]).astype(np.float32)
    held = np.random.default_rng(1).random(len(label)) < 0.2
    made = METHODS[method]
    both = np.concatenate([background, signal])
    made.fit(TrainingSet(both, label, np.ones_like(label), held), seed=2)
    told = Background.of(background, np.ones(len(background)))
    found = contributions(made.module, signal, told)
    assert found.shape == (len(signal), len(NAMES) + 1)
    expected = made.score(signal) - made.score(told.reference).mean()
    difference = found.sum(axis=1) - expected
    assert np.sqrt(np.mean(difference**2)) < 0.02 * expected.std()
    # without the presence of objects something is missing
    assert np.abs(found[:, :-1].sum(axis=1) - expected).mean() > 5 * np.abs(difference).mean()
    # what is nowhere adds nothing
    flat = signal[:, : 4 * len(SLOT_TYPES)].reshape(len(signal), -1, 4)
    absent = np.repeat(flat[..., 1] == 0, 4, axis=1)
    assert (found[:, : absent.shape[1]][absent] == 0.0).all()
    assert np.abs(found[:, : absent.shape[1]][~absent]).mean() > 0.0


def test_the_baseline_is_the_mean_of_the_background_with_the_same_objects(
    records: ModuleType,
) -> None:
    background, signal = toys(records)
    weight = np.random.default_rng(3).uniform(0.5, 1.5, len(background))
    weight[:100] = -1.0
    told = Background.of(background, weight)
    baseline = told.baseline(signal)
    kept = weight > 0
    column = NAMES.index("log_met")
    mean = np.average(background[kept, column], weights=weight[kept])
    np.testing.assert_allclose(baseline[:, column], mean, rtol=1e-5)
    column = NAMES.index("jet_2_log_pt")
    there = kept & (background[:, column] > 0)
    mean = np.average(background[there, column], weights=weight[there])
    has = signal[:, column] > 0
    assert 0 < has.sum() < len(signal)
    np.testing.assert_allclose(baseline[has, column], mean, rtol=1e-5)
    assert (baseline[~has, column] == 0).all()
    assert np.isfinite(baseline).all()


def test_an_object_that_no_background_has_is_its_own_baseline(records: ModuleType) -> None:
    background, signal = toys(records)
    columns = [NAMES.index(f"muon_1_{name}") for name in ("log_energy", "log_pt", "eta", "dphi")]
    background[:, columns] = 0.0
    told = Background.of(background, np.ones(len(background)))
    np.testing.assert_array_equal(told.baseline(signal)[:, columns], signal[:, columns])


def test_objects_on_top_of_each_other_have_a_gradient(records: ModuleType) -> None:
    """The distance of an object from itself has a root at zero."""
    background, signal = toys(records)
    made = METHODS["transformer"]
    label = np.arange(len(background)) % 2
    data = TrainingSet(
        background, label.astype(np.float32), np.ones(len(label), np.float32), label < 0
    )
    data.held[::7] = True
    made.fit(data, seed=1)
    found = contributions(made.module, signal, Background.of(background, np.ones(len(label))))
    assert np.isfinite(found).all()
