from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hyperhex.config.train import Regression
from hyperhex.detector.patch import Patch
from hyperhex.errors import SelectionError
from hyperhex.fastsim.symmetry import wedge
from hyperhex.refine.showers import Showers
from hyperhex.train import learning_curve
from hyperhex.train.regression import NETWORKS, classical, fit, judge, load, turned
from hyperhex.train.shower_networks import build

PATCH = Patch(3, 1.2)
LAYERS = 3


def toy_showers(number: int, seed: int) -> Showers:
    """Exponential showers about the entry point, with Poisson hits of 20 per GeV."""
    random = np.random.default_rng(seed)
    energy = np.exp(random.uniform(0.0, np.log(100.0), number))
    impact = np.stack(
        [random.uniform(-0.6, 0.6, number), random.uniform(-0.6, 0.6, number)], axis=1
    )
    distance = np.linalg.norm(PATCH.positions - impact[:, None], axis=2)
    particle = random.integers(0, 2, number)
    depth = np.stack([0.2 + 0.1 * particle, np.full(number, 0.5), 0.3 - 0.1 * particle], axis=1)
    shape = np.exp(-distance / 0.6)
    shape /= shape.sum(axis=1, keepdims=True)
    mean = 20.0 * energy[:, None, None] * depth[:, :, None] * shape[:, None, :]
    return Showers(random.poisson(mean).astype(np.float32), energy, impact, particle)


SMALL = Regression(
    sizes=[50, 200], repetitions=2, rotation_showers=150, rings=2, plain=[6], p6m=[2],
    perceptron=[16], steps=60, batch=32,
)  # fmt: skip


def test_equivariant_network_turns_the_entry_point_and_nothing_else() -> None:
    torch.manual_seed(1)
    model = build("p6m", PATCH, LAYERS, [2, 2]).double()
    cells = torch.rand(4, LAYERS, PATCH.n_cells, dtype=torch.float64)
    layers = torch.rand(4, 2 * LAYERS, dtype=torch.float64)
    there = model(cells, layers)
    assert (there[:, 1:3].norm(dim=1) > 1e-3).all()
    for symmetry in range(12):
        matrix = torch.from_numpy(PATCH.symmetry_matrices[symmetry])
        here = model(cells[..., torch.from_numpy(PATCH.symmetries[symmetry])], layers)
        torch.testing.assert_close(here[:, [0, 3]], there[:, [0, 3]])
        # positions and matrices are float32 in the network
        torch.testing.assert_close(here[:, 1:3], there[:, 1:3] @ matrix.T, rtol=1e-5, atol=1e-6)


def test_plain_network_does_not() -> None:
    torch.manual_seed(1)
    model = build("plain", PATCH, LAYERS, [4, 4])
    cells, layers = torch.rand(4, LAYERS, PATCH.n_cells), torch.rand(4, 2 * LAYERS)
    moved = model(cells[..., torch.from_numpy(PATCH.symmetries[1])], layers)
    matrix = torch.from_numpy(PATCH.symmetry_matrices[1]).float()
    assert (moved[:, 1:3] - model(cells, layers)[:, 1:3] @ matrix.T).abs().max() > 1e-2


@pytest.mark.parametrize("name", NETWORKS)
def test_fit_learns_and_is_the_same_every_time(name: str, tmp_path: Path) -> None:
    known, asked = toy_showers(300, 1), toy_showers(300, 2)
    edges = [1.0, 10.0, 100.1]
    network = fit(name, known, Patch(2, 1.2), SMALL, 7)
    measured = network(asked)
    figures = judge(measured, asked, edges)
    # the cell's own spread is 3.7 mm in a coordinate
    assert figures["impact_resolution"] < 3.0
    assert figures["energy_resolution"] < 0.2
    again = fit(name, known, Patch(2, 1.2), SMALL, 7)(asked)
    np.testing.assert_array_equal(again.impact, measured.impact)
    network.save(tmp_path / name)
    loaded = load(tmp_path / name)(asked)
    np.testing.assert_array_equal(loaded.energy, measured.energy)
    np.testing.assert_array_equal(loaded.odds, measured.odds)


def test_judge_knows_the_truth() -> None:
    showers = toy_showers(4000, 3)
    random = np.random.default_rng(4)
    measured = classical(showers.pick(np.arange(200)), PATCH)(showers)
    assert measured.odds is None
    exact = type(measured)(
        showers.energy * (1 + 0.1 * random.normal(size=4000)),
        showers.impact + 0.05 * random.normal(size=(4000, 2)),
        showers.particle + random.normal(size=4000),
    )
    figures = judge(exact, showers, [1.0, 10.0, 100.1])
    assert figures["energy_resolution"] == pytest.approx(0.1, rel=0.05)
    # 68.3 % of a two-dimensional Gaussian lie within 1.516 sigma
    assert figures["impact_resolution"] == pytest.approx(1.516 * 0.5, rel=0.05)
    # Phi(1 / sqrt 2)
    assert figures["particle_auc"] == pytest.approx(0.760, abs=0.02)


def test_turned_showers_keep_their_truth() -> None:
    showers = toy_showers(500, 5)
    centroid = classical(showers, PATCH)
    for symmetry in range(12):
        moved = turned(showers, PATCH, symmetry)
        expected = centroid(showers).impact @ PATCH.symmetry_matrices[symmetry].T
        np.testing.assert_allclose(centroid(moved).impact, expected, atol=1e-9)
        np.testing.assert_allclose(
            moved.impact, showers.impact @ PATCH.symmetry_matrices[symmetry].T
        )


def test_showers_of_a_wedge_enter_there() -> None:
    moved = learning_curve._in_wedge(toy_showers(200, 6), PATCH)
    angle = np.degrees(np.arctan2(moved.impact[:, 1], moved.impact[:, 0]))
    assert ((angle >= -1e-9) & (angle <= 30.0 + 1e-9)).all()
    assert (wedge(PATCH, moved.impact)[0] == 0).all()


def test_comparison_tells_the_networks_apart() -> None:
    report, best = learning_curve.compare(toy_showers(400, 8), PATCH, SMALL, 9)
    methods = {"classical", *NETWORKS}
    assert {(row["method"], row["showers"]) for row in report["curve"]} == {
        (name, size) for name in methods for size in (50, 200)
    }
    assert report["parameters"][report["best"]] == best.parameters
    by = {(row["method"], row["trained"]): row for row in report["rotation"]}
    same = by["p6m", "wedge"]["impact_resolution"]
    assert len(same) == 12
    np.testing.assert_allclose(same, same[0], rtol=1e-3)
    plain = by["plain", "wedge"]["impact_resolution"]
    assert max(plain) > 1.5 * plain[0]
    with pytest.raises(SelectionError, match=r"500 showers to learn from asked for, 320 there are"):
        learning_curve.compare(
            toy_showers(400, 8), PATCH, SMALL.model_copy(update={"sizes": [500]}), 9
        )
