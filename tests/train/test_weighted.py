from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hyperhex.train.weighted import auc, auc_replicas, roc


@given(seed=st.integers(0, 999), ties=st.booleans())
@settings(deadline=None, max_examples=40)
def test_area_is_that_of_scikit_learn(seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    label = np.append(random.integers(0, 2, 60), [0, 1])
    score = random.normal(label, 1.0)
    score = np.round(score) if ties else score
    weight = random.uniform(0.1, 3.0, len(label))
    expected = roc_auc_score(label, score, sample_weight=weight)
    assert auc(label, score, weight) == pytest.approx(expected, abs=1e-12)


def test_negative_weights_cancel() -> None:
    label, score = np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.5, 0.5, 0.3, 0.9])
    weight = np.array([1.0, 2.0, -2.0, 1.0, 1.0])
    assert auc(label, score, weight) == pytest.approx(1.0)
    background, signal = roc(label, score, weight)
    assert background[-1] == signal[-1] == 1.0


def test_replicas_scatter_as_the_sample_does() -> None:
    random = np.random.default_rng(1)
    label = np.repeat([0, 1], 200)
    areas = []
    for _ in range(200):
        score = random.normal(label, 1.0)
        areas.append(auc(label, score, np.ones(400)))
    replicas = auc_replicas(label, score, np.ones(400), 200, np.random.default_rng(2))
    assert replicas.std() == pytest.approx(np.std(areas), rel=0.3)
    again = auc_replicas(label, score, np.ones(400), 200, np.random.default_rng(2))
    np.testing.assert_array_equal(replicas, again)
