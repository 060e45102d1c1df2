from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from hyperhex.fastsim import separation
from hyperhex.fastsim.classifiers import CLASSIFIERS, Look, look_at_cells


def gaussians(shift: float, number: int = 1500, dimensions: int = 4) -> tuple[Look, Look]:
    first, second = np.random.default_rng(3).normal(size=(2, number, dimensions))
    second[:, 0] += shift
    return Look(first.astype(np.float32)), Look(second.astype(np.float32))


def cells(mean: float, seed: int) -> Look:
    """Showers of three layers whose cells fire with that mean, apart from their conditions."""
    random = np.random.default_rng(seed)
    deposits = random.poisson(mean, size=(600, 3, 40)).astype(np.float32)
    return look_at_cells(deposits, random.normal(size=(600, 3)))


def test_area_is_the_share_of_ordered_pairs() -> None:
    random = np.random.default_rng(1)
    first, second = random.integers(0, 20, 300), random.integers(2, 22, 500)
    found = separation.under_curve(first, second)
    label = np.repeat([0, 1], [300, 500])
    assert found.auc == pytest.approx(roc_auc_score(label, np.concatenate([first, second])))


def test_error_of_an_area_is_its_scatter() -> None:
    random = np.random.default_rng(2)
    samples = random.normal(size=(400, 200)), random.normal(0.7, 1.0, size=(400, 150))
    found = [separation.under_curve(*pair) for pair in zip(*samples, strict=True)]
    scatter = np.std([area.auc for area in found])
    assert np.mean([area.error for area in found]) == pytest.approx(scatter, rel=0.15)


def test_area_of_gaussians_is_known() -> None:
    """The best classifier of two Gaussians d apart has the area Phi(d / sqrt 2)."""
    found = separation.areas(*gaussians(1.0), seed=1)
    expected = NormalDist().cdf(2.0**-0.5)
    assert set(found) == {"trees", "network"}
    for area in found.values():
        assert expected - 0.04 < area.auc < expected + 3 * area.error
        assert 0.003 < area.error < 0.02
    assert separation.best(found).auc == max(area.auc for area in found.values())


def test_like_samples_are_not_told_apart() -> None:
    for looks in (gaussians(0.0), (cells(0.3, 1), cells(0.3, 2))):
        for area in separation.areas(*looks, seed=1).values():
            assert area.auc == pytest.approx(0.5, abs=4 * area.error)


def test_classifiers_see_cells() -> None:
    for area in separation.areas(cells(0.3, 1), cells(0.36, 2), seed=1).values():
        assert area.auc > 0.7


def test_classifiers_see_single_cells_that_sums_do_not_tell() -> None:
    """Energy moved from one cell to another of its layer."""
    looks = [cells(0.3, seed) for seed in (1, 2)]
    moved = looks[1].cells.tolil()
    moved[:, 0], moved[:, 1] = moved[:, 1] + moved[:, 0], 0.0
    second = Look(looks[1].columns, sparse.csr_matrix(moved))
    for area in separation.areas(looks[0], second, seed=1).values():
        assert area.auc > 0.58


def test_same_seed_same_score() -> None:
    looks = cells(0.3, 1), cells(0.33, 2)
    first, second, other = (separation.areas(*looks, seed=seed) for seed in (1, 1, 2))
    assert first == second != other


def test_few_showers_are_all_scored_and_many_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    every = list(separation._parts(401, 1))
    assert len(every) == 4
    np.testing.assert_array_equal(
        np.sort(np.concatenate([tested for _, _, tested in every])), np.arange(401)
    )
    for parts in every:
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(401))
    monkeypatch.setattr(separation, "_ENOUGH", 100)
    assert len(list(separation._parts(401, 1))) == 1


def test_a_look_at_cells_is_sparse_and_complete() -> None:
    deposits = np.zeros((2, 2, 3), np.float32)
    deposits[0, 0, 1], deposits[0, 1, 2], deposits[1, 1, 0] = 1.0, 3.0, 7.0
    seen = look_at_cells(deposits, np.array([[5.0], [6.0]]))
    expected = np.log1p(deposits.reshape(2, -1))
    np.testing.assert_allclose(seen.cells.toarray(), expected)
    columns = [[5.0, np.log(2), np.log(4), 1, 1], [6.0, 0.0, np.log(8), 0, 1]]
    np.testing.assert_allclose(seen.columns, columns, rtol=1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_constant_columns_do_no_harm(name: str) -> None:
    first, second = (
        Look(np.column_stack([look.columns, np.full(len(look), 1e6, np.float32)]))
        for look in gaussians(2.0, 300)
    )
    assert separation._scored(first, second, CLASSIFIERS[name], 1).auc > 0.85
