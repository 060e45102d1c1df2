from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import symmetry
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.template import fit_template

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]


def test_wedge_is_a_twelfth_of_the_plane(patch: Patch) -> None:
    points = np.random.default_rng(1).normal(size=(500, 2))
    _, moved = symmetry.wedge(patch, points)
    angle = np.degrees(np.arctan2(moved[:, 1], moved[:, 0]))
    assert angle.min() >= -1e-9
    assert angle.max() <= 30 + 1e-9
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), np.linalg.norm(points, axis=1))


def test_images_of_a_point_meet_in_the_wedge(patch: Patch) -> None:
    images = patch.symmetry_matrices @ np.array([0.4, 0.1])
    _, moved = symmetry.wedge(patch, images)
    np.testing.assert_allclose(moved, np.tile([0.4, 0.1], (12, 1)), atol=1e-12)


def test_moving_there_and_back_changes_nothing(patch: Patch) -> None:
    random = np.random.default_rng(2)
    showers = random.random((12, 3, patch.n_cells)).astype(np.float32)
    operation = np.arange(12)
    moved = symmetry.move(patch, showers, operation)
    back = symmetry.move(patch, moved, symmetry.inverses(patch)[operation])
    np.testing.assert_array_equal(back, showers)


@pytest.mark.parametrize("operation", range(12))
def test_template_turns_with_the_shower(patch: Patch, toy: Toy, operation: int) -> None:
    deposits, _, impact = toy(400, 3)
    template = fit_template(patch, deposits, impact)
    layers = Layers(*(torch.full((1, deposits.shape[1]), value) for value in (30.0, 5.0)))
    point = torch.tensor([[0.3, 0.2]])
    matrix = torch.from_numpy(patch.symmetry_matrices[operation]).float()
    here = template(layers, point)
    there = template(layers, point @ matrix.T)
    expected = here[..., patch.symmetries[operation]]
    torch.testing.assert_close(there, expected, rtol=0, atol=1e-4)
