from __future__ import annotations

from typing import Any

import pytest
import torch

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.cores import OWN_NOISE, Cores, _lateral, lateral

DEPTHS = torch.tensor([0.1, 0.2, 0.5, 1.0])
PATCH = Patch(3, 1.2)


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


def test_compiled_profiles_are_those_of_torch(cores: Cores) -> None:
    positions = torch.from_numpy(PATCH.positions).float()
    slopes = torch.randn(30, len(DEPTHS), PATCH.n_cells)
    results: list[list[Any]] = []
    for sums in (lateral, _lateral):
        cores.zero_grad()
        found = sums(cores(*told(30)), positions)
        (found * slopes).sum().backward()
        results.append([found.detach(), *(p.grad for p in cores.parameters())])
    for compiled, plain in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-4)
