from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.fastsim.density import NARROWEST, WIDEST, drawn_from_mixture
from hyperhex.kernels.mixtures import draw_mixtures


@pytest.mark.parametrize("components", [1, 3, 8])
def test_values_are_those_of_torch(components: int) -> None:
    """Also beyond the limits of the widths, where rounding decides the component of hardly any."""
    random = np.random.default_rng(1)
    told = random.normal(0.0, 3.0, (5000, 3 * components)).astype(np.float32)
    choice, place = random.random((2, 5000), dtype=np.float32)
    away = torch.special.ndtri(torch.from_numpy(place).clamp(1e-6, 1 - 1e-6))
    found = draw_mixtures(told, choice, away.numpy(), NARROWEST, WIDEST)
    expected = drawn_from_mixture(torch.from_numpy(told), torch.from_numpy(choice), away).numpy()
    near = np.isclose(found, expected, rtol=2e-5, atol=2e-5)
    assert near.mean() > 0.999


def test_the_ends_of_the_choice_are_the_first_and_the_last_component() -> None:
    told = np.array([[0.0, 0.0, -1.0, 2.0, 0.0, 0.0]] * 2, np.float32)
    choice = np.array([0.0, 1.0], np.float32)
    found = draw_mixtures(told, choice, np.zeros(2, np.float32), NARROWEST, WIDEST)
    assert found.tolist() == [-1.0, 2.0]
