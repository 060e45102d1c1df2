"""What every classifier must do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from hyperhex.config import (
    Autoencoder,
    DeepSvdd,
    Density,
    Flow,
    Forest,
    Network,
    Trees,
    VariationalAutoencoder,
)
from hyperhex.errors import TrainingError
from hyperhex.hyperclass.efficiency import auc
from hyperhex.train.autoencoder import AutoencoderClassifier
from hyperhex.train.classifier import Classifier
from hyperhex.train.flow import FlowClassifier
from hyperhex.train.isolation_forest import IsolationForestClassifier
from hyperhex.train.kde import KernelDensityClassifier
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.network import NetworkClassifier
from hyperhex.train.svdd import DeepSvddEnsemble
from hyperhex.train.trees import TreesClassifier
from hyperhex.train.vae import VariationalClassifier

Maker = Callable[[], Classifier]
SHIFT = 1.2
QUICK = {"epochs": 12, "batch": 128}
MAKERS = {
    "trees": lambda: TreesClassifier(Trees(number=60)),
    "network": lambda: NetworkClassifier(Network(layers=[32, 32], epochs=10)),
    "svdd": lambda: DeepSvddEnsemble(
        DeepSvdd(targets=[0.0, 4.0], dimensions=[5, 13], layers=[32], epochs=15)
    ),
    "autoencoder": lambda: AutoencoderClassifier(Autoencoder(layers=[16], latent=2, **QUICK)),
    "vae": lambda: VariationalClassifier(VariationalAutoencoder(layers=[16], latent=2, **QUICK)),
    "flow": lambda: FlowClassifier(Flow(transforms=1, layers=[16], **QUICK)),
    "forest": lambda: IsolationForestClassifier(Forest(trees=50, events=64)),
    "kde": lambda: KernelDensityClassifier(Density(components=3, events=250)),
}
UNSUPERVISED = sorted(set(MAKERS) - {"trees", "network"})


def gaussians(n: int, seed: int, inputs: int = 4) -> TrainingSet:
    """Two unit Gaussians, apart by SHIFT in the first input; the last input is constant."""
    generator = np.random.default_rng(seed)
    label = np.repeat([0, 1], n).astype(np.float32)
    values = generator.normal(size=(2 * n, inputs)).astype(np.float32)
    values[:, 0] += SHIFT * label
    values[:, -1] = 7.0
    return TrainingSet(values, label, np.ones(2 * n, np.float32), generator.random(2 * n) < 0.2)


def area(classifier: Classifier, data: TrainingSet) -> float:
    score = classifier.score(data.inputs)
    signal, background = score[data.label == 1], score[data.label == 0]
    return auc(signal, np.ones(len(signal)), background, np.ones(len(background)))


@pytest.fixture(params=MAKERS)
def maker(request: pytest.FixtureRequest) -> Maker:
    return MAKERS[request.param]


@pytest.mark.parametrize("name", ["trees", "network"])
def test_a_supervised_classifier_comes_close_to_the_likelihood_ratio(name: str) -> None:
    classifier = MAKERS[name]()
    classifier.fit(gaussians(2000, 1), seed=3)
    best = norm.cdf(SHIFT / np.sqrt(2))
    assert best - 0.03 < area(classifier, gaussians(4000, 2)) < best + 0.015


@pytest.mark.parametrize("name", ["trees", "network"])
def test_the_score_is_the_log_odds_and_weights_shift_it(name: str) -> None:
    data = gaussians(2000, 4)
    plain, weighted = MAKERS[name](), MAKERS[name]()
    plain.fit(data, seed=1)
    heavy = np.where(data.label == 1, np.float32(np.e), np.float32(1.0))
    weighted.fit(TrainingSet(data.inputs, data.label, heavy, data.held), seed=1)
    values = gaussians(3000, 5).inputs
    exact = SHIFT * values[:, 0] - SHIFT**2 / 2
    assert np.corrcoef(plain.score(values), exact)[0, 1] > 0.95
    assert np.mean(weighted.score(values) - plain.score(values)) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("name", UNSUPERVISED)
def test_background_alone_finds_what_is_far_from_it(name: str) -> None:
    data = gaussians(800, 1)
    ensemble = MAKERS[name]()
    ensemble.fit(data, seed=3)
    far = gaussians(500, 2).inputs[:500]
    far[:, :3] *= 4.0
    near = gaussians(500, 3).inputs[:500]
    ones = np.ones(500)
    assert auc(ensemble.score(far), ones, ensemble.score(near), ones) > 0.8


@pytest.mark.parametrize("name", UNSUPERVISED)
def test_unsupervised_fit_never_looks_at_signal(name: str) -> None:
    data = gaussians(200, 1)
    changed = data.inputs.copy()
    changed[data.label == 1] = 1e6
    first, second = MAKERS[name](), MAKERS[name]()
    first.fit(data, seed=3)
    second.fit(TrainingSet(changed, data.label, data.weight, data.held), seed=3)
    np.testing.assert_array_equal(first.score(data.inputs), second.score(data.inputs))


def test_same_seed_same_fit_and_another_seed_another(maker: Maker) -> None:
    # more events than a kernel density keeps, so that the seed chooses
    data = gaussians(300, 1)
    scores = []
    for seed in (3, 3, 4):
        classifier = maker()
        classifier.fit(data, seed=seed)
        scores.append(classifier.score(data.inputs))
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_a_saved_fit_scores_the_same(maker: Maker, tmp_path: Path) -> None:
    data = gaussians(300, 1)
    classifier = maker()
    classifier.fit(data, seed=3)
    classifier.save(tmp_path, "fit")
    loaded = type(classifier).load(tmp_path, "fit")
    np.testing.assert_array_equal(classifier.score(data.inputs), loaded.score(data.inputs))
    assert {path.suffix for path in tmp_path.iterdir()} <= {".ubj", ".safetensors", ".json"}


def test_a_fit_takes_nothing_from_the_global_random_state(maker: Maker) -> None:
    import torch

    data = gaussians(100, 1)
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    maker().fit(data, seed=3)
    assert torch.equal(torch.rand(3), expected)


def test_without_a_fit_there_is_a_clear_error(maker: Maker, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="fit"):
        maker().score(np.zeros((1, 4), np.float32))
    with pytest.raises(TrainingError, match="fit"):
        maker().save(tmp_path, "fit")
