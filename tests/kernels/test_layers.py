from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.fastsim.conditions import Conditions, Layers
from hyperhex.fastsim.density import LayerDensity

NUMBER = 1000


def density(n_layers: int, hidden: int, components: int) -> LayerDensity:
    """With random weights and tables, some layers of it empty and some full."""
    random = torch.Generator().manual_seed(1)
    conditions = Conditions(
        0.5,
        logs=torch.tensor([0.0, 5.0]),
        reach=torch.tensor(0.6),
        response=torch.tensor([1.0, 1.0]),
        hits=torch.stack([torch.linspace(1.0, 6.0, n_layers), torch.full((n_layers,), 1.5)]),
        excess=torch.stack([torch.full((n_layers,), 3.0), torch.full((n_layers,), 2.0)]),
    )
    with torch.random.fork_rng():
        torch.manual_seed(2)
        found = LayerDensity(conditions, 19, hidden, components).requires_grad_(requires_grad=False)
    found.conditions.response.copy_(torch.tensor([30.0, 0.4]))
    left = torch.tensor([2.0, 1.0, -2.0, 3.0])
    found.left.copy_(left[:, None].expand(-1, n_layers))
    found.add_excess(torch.rand(found.excess.shape, generator=random) - 0.5)
    found.more_energy.add_(0.1 * torch.rand(5, generator=random))
    found.more_hits.add_(torch.rand(found.more_hits.shape, generator=random) - 0.5)
    for bias in (found.first_bias, found.second_bias, found.last_bias):
        bias.add_(0.3 * torch.randn(bias.shape, generator=random))
    return found


def draw(density: LayerDensity, number: int, choice: float | None = None) -> tuple[Layers, Layers]:
    """Layers drawn by torch, and by the kernel, of the same random numbers."""
    random = torch.Generator().manual_seed(3)
    log_energy = 5.0 * torch.rand(NUMBER, generator=random)
    impact = torch.rand(NUMBER, 2, generator=random) - 0.5
    uniform = torch.rand(2, NUMBER, density.factors, generator=random)
    if choice is not None:
        uniform[0] = choice
    rows = slice(number)
    given = log_energy[rows], impact[rows], *uniform[:, rows]
    return density(*given), density.drawn(*given)


@pytest.mark.parametrize(("n_layers", "hidden", "components"), [(1, 8, 1), (3, 13, 3), (6, 32, 8)])
def test_layers_are_those_of_torch(n_layers: int, hidden: int, components: int) -> None:
    """For widths that fill registers and that do not; rounding moves hardly any hit."""
    expected, found = draw(density(n_layers, hidden, components), NUMBER)
    same = (expected.hits == found.hits).all(dim=1)
    assert same.float().mean() > 0.99
    torch.testing.assert_close(found.energy[same], expected.energy[same], rtol=1e-4, atol=1e-4)
    assert (expected.hits == 0).any()
    assert (expected.hits == 19).any()


@pytest.mark.parametrize("choice", [0.0, 1.0])
def test_the_ends_of_the_choice_are_the_first_and_the_last_component(choice: float) -> None:
    expected, found = draw(density(3, 13, 3), NUMBER, choice)
    torch.testing.assert_close(found.hits, expected.hits, rtol=0, atol=0)
    torch.testing.assert_close(found.energy, expected.energy, rtol=1e-4, atol=1e-4)


def test_widths_beyond_their_limits_are_those_of_torch() -> None:
    made = density(3, 13, 3)
    widths = made.last_bias[..., 6:]
    widths[::2], widths[1::2] = -10.0, 10.0
    expected, found = draw(made, NUMBER)
    same = (expected.hits == found.hits).all(dim=1)
    assert same.float().mean() > 0.99
    torch.testing.assert_close(found.energy[same], expected.energy[same], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("number", [0, 1, 65])
def test_a_shower_does_not_depend_on_how_many_are_drawn(number: int) -> None:
    made = density(3, 13, 3)
    every, some = draw(made, NUMBER)[1], draw(made, number)[1]
    np.testing.assert_array_equal(some.energy, every.energy[:number])
    np.testing.assert_array_equal(some.hits, every.hits[:number])
