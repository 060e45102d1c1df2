from __future__ import annotations

import pytest
import torch

from hyperhex.fastsim.cores import OWN_NOISE, Cores

DEPTHS = torch.tensor([0.1, 0.2, 0.5, 1.0])


@pytest.fixture
def cores() -> Cores:
    torch.manual_seed(1)
    return Cores(6, 4, DEPTHS)


def told(number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the layers before say, noise and impact points."""
    torch.manual_seed(2)
    return (
        torch.randn(number, 6),
        torch.randn(number, 4 * OWN_NOISE),
        torch.rand(number, 2) - 0.5,
    )


def test_secondaries_go_straight_on(cores: Cores) -> None:
    place = cores(*told(30))[..., 2:]
    steps = place.diff(dim=1) / DEPTHS.diff()[:, None, None]
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=1e-3, atol=1e-4)


def test_lines_begin_about_the_impact_point(cores: Cores) -> None:
    hidden, noise, impact = told(2000)
    with torch.no_grad():
        away = cores(hidden, noise, impact)[..., 2:] - impact[:, None, None]
        moved = cores(hidden, noise, impact + 1.0)[..., 2:]
    torch.testing.assert_close(moved - impact[:, None, None] - 1.0, away)
    # those that go straight on before those that go far astray, tracks first
    spread = away[:, -1].std((0, 2))
    assert spread[0] < spread[1]
    assert spread[2] < spread[3]
