from __future__ import annotations

import copy

import pytest
import torch

from hyperhex.detector.patch import Patch
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.nn.chebconv import ChebConv
from hyperhex.nn.group import HexConvP6M
from hyperhex.nn.hexconv import HexConv2d

if not torch.cuda.is_available():
    pytest.skip("torch sees no CUDA device", allow_module_level=True)

PATCH = Patch(rings=4, pitch=1.0)
LAYERS = {
    "hexagonal": lambda: HexConv2d(3, 8, PATCH.neighbourhood(1)),
    "equivariant": lambda: HexConvP6M(3, 4, PATCH.neighbourhood(1), lifting=True),
    "spectral": lambda: ChebConv(3, 8, order=4, graph=Graph.from_table(PATCH.neighbours)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_its_gradients_are_the_same_on_the_device(name: str) -> None:
    torch.manual_seed(1)
    layer = LAYERS[name]()
    there = copy.deepcopy(layer).cuda()
    showers = torch.randn(5, 3, PATCH.n_cells, requires_grad=True)
    moved = showers.detach().cuda().requires_grad_()
    # a stream of its own: the kernels must wait for what torch has queued there
    with torch.cuda.stream(torch.cuda.Stream()):
        result = there(moved)
        result.square().sum().backward()
        torch.cuda.synchronize()
    expected = layer(showers)
    expected.square().sum().backward()
    torch.testing.assert_close(result.cpu(), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moved.grad.cpu(), showers.grad, rtol=1e-4, atol=1e-4)
    pairs = zip(there.parameters(), layer.parameters(), strict=True)
    for device, host in pairs:
        torch.testing.assert_close(device.grad.cpu(), host.grad, rtol=1e-4, atol=1e-3)
