from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperhex.detector.patch import Patch
from hyperhex.refine.network import ResponseNetwork, readout
from hyperhex.refine.response import add_crosstalk


@pytest.fixture
def network(patch: Patch) -> ResponseNetwork:
    torch.manual_seed(0)
    return ResponseNetwork(patch.neighbourhood(1), 4, 9, 8)


@pytest.fixture
def cells(patch: Patch) -> Tensor:
    drawn = np.random.default_rng(1).exponential(20.0, (16, 4, patch.n_cells))
    return readout(torch.tensor(drawn, dtype=torch.float32), 5.0)


def test_network_starts_as_the_identity(network: ResponseNetwork, cells: Tensor) -> None:
    silent = torch.zeros_like(cells)
    refined = network(cells, torch.zeros(len(cells)), silent)
    torch.testing.assert_close(refined, cells, rtol=1e-4, atol=1e-4)


def test_first_noise_lifts_no_empty_cell_over_the_threshold(
    network: ResponseNetwork, cells: Tensor
) -> None:
    four_deviations = torch.full_like(cells, 4.0)
    refined = readout(network(torch.zeros_like(cells), torch.zeros(16), four_deviations), 0.5)
    assert refined.count_nonzero() == 0


def test_gradient_reaches_every_parameter(network: ResponseNetwork, cells: Tensor) -> None:
    torch.nn.init.normal_(network.correction[-1].weight)
    noise = torch.randn(cells.shape, generator=torch.Generator().manual_seed(2))
    # up to the last knot, exp(8) MIP
    bright = cells * torch.logspace(0, 3, len(cells))[:, None, None]
    refined = network(bright, torch.linspace(0.0, 4.6, len(cells)), noise)
    torch.log1p(torch.relu(refined)).sum().backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().sum() > 0, name


def test_mixing_is_the_crosstalk_of_a_detector(
    network: ResponseNetwork, cells: Tensor, patch: Patch
) -> None:
    with torch.no_grad():
        network.mixing.fill_(0.02)
    refined = network(cells, torch.zeros(len(cells)), torch.zeros_like(cells)).detach().numpy()
    share = float(network.share()[0].detach())
    assert share == pytest.approx(0.02, rel=0.03)
    expected = add_crosstalk(cells.numpy(), patch.neighbours, share)
    np.testing.assert_allclose(refined, expected, rtol=1e-4, atol=1e-4)


def test_bend_is_monotone_whatever_its_slopes(network: ResponseNetwork) -> None:
    with torch.no_grad():
        network.log_slope.normal_(generator=torch.Generator().manual_seed(3))
        network.layer_log_slope.normal_(generator=torch.Generator().manual_seed(4))
    energy = torch.logspace(-2, 5, 500).expand(4, 500)
    bent = network.bend(energy)
    assert (bent.diff(dim=1) > 0).all()
    assert network.bend(torch.zeros(4, 1)).abs().max() == 0.0


def test_bend_with_one_slope_is_a_power(network: ResponseNetwork) -> None:
    with torch.no_grad():
        network.log_slope.fill_(np.log(0.8))
    energy = torch.logspace(-1, 5, 50).expand(4, 50)
    torch.testing.assert_close(
        network.bend(energy), (1.0 + energy) ** 0.8 - 1.0, rtol=1e-4, atol=1e-4
    )


def test_dead_cell_is_silent_and_can_come_back(network: ResponseNetwork, cells: Tensor) -> None:
    with torch.no_grad():
        network.gain_shift[1, 2] = -1.5
    refined = network(cells, torch.zeros(16), torch.ones_like(cells))
    assert refined[:, 1, 2].abs().max() == 0.0
    refined[:, 1, 2].sum().backward()
    assert network.gain_shift.grad is not None
    assert network.gain_shift.grad[1, 2] > 0


def test_correction_stays_constant_beyond_what_was_seen(
    network: ResponseNetwork, cells: Tensor
) -> None:
    torch.nn.init.normal_(network.correction[-1].weight)
    log_energy = torch.linspace(0.0, 4.6, len(cells))
    network.enclose(cells, log_energy)
    silent = torch.zeros_like(cells)
    far, further = (network(cells, log_energy + shift, silent) for shift in (50.0, 100.0))
    torch.testing.assert_close(far, further)


def test_distance_is_the_mean_change_of_the_logarithm(
    network: ResponseNetwork, cells: Tensor
) -> None:
    assert network.distance(cells, cells) == 0.0
    stretched = torch.expm1(1.1 * torch.log1p(cells))
    expected = 0.1 * torch.log1p(cells[cells > 0]).mean()
    torch.testing.assert_close(network.distance(stretched, cells), expected, rtol=1e-4, atol=1e-5)
