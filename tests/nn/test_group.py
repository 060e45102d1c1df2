from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.detector.patch import Patch
from hyperhex.nn.group import GroupPool, HexConvP6, HexConvP6M, inverse_products, turned_taps
from hyperhex.nn.hexconv import hex_convolution

PATCH = Patch(3, 1.0)
LAYERS = [HexConvP6, HexConvP6M]


def moved(features: torch.Tensor, element: int, order: int | None = None) -> torch.Tensor:
    """Features carried by a symmetry h: f[h^-1 s, h^-1 x]."""
    features = features[..., torch.from_numpy(PATCH.symmetries[element])]
    if order is None:
        return features
    return features[:, :, torch.from_numpy(inverse_products(order)[element])]


def network(kind: type, rings: int) -> torch.nn.Sequential:
    torch.manual_seed(rings)
    first = kind(2, 3, PATCH.neighbourhood(rings), lifting=True)
    layers = [first, torch.nn.Tanh(), kind(3, 2, first.neighbourhood), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers, kind(2, 2, first.neighbourhood)).double()


@pytest.mark.parametrize("rings", [1, 2])
@pytest.mark.parametrize("kind", LAYERS)
def test_moved_input_gives_moved_output(kind: type, rings: int) -> None:
    layers = network(kind, rings)
    cells = torch.randn(2, 2, PATCH.n_cells, dtype=torch.float64)
    there = layers(cells)
    with torch.no_grad():
        for element in range(kind.order):
            expected = moved(there, element, kind.order)
            torch.testing.assert_close(
                layers(moved(cells, element)), expected, rtol=1e-12, atol=1e-12
            )
            if element:
                # the test has teeth: the symmetry moves something
                assert (expected - there).abs().max() > 0.01


def test_p6_does_not_know_mirror_images() -> None:
    layers = network(HexConvP6, 1)
    cells = torch.randn(1, 2, PATCH.n_cells, dtype=torch.float64)
    there, mirrored = (layers(one).amax(dim=(2, 3)) for one in (cells, moved(cells, 6)))
    assert (there - mirrored).abs().max() > 1e-3


@pytest.mark.parametrize("how", ["mean", "max"])
@pytest.mark.parametrize("kind", LAYERS)
def test_pooled_features_move_as_cells_and_their_sums_not_at_all(kind: type, how: str) -> None:
    layers = torch.nn.Sequential(network(kind, 1), GroupPool(how))
    cells = torch.randn(2, 2, PATCH.n_cells, dtype=torch.float64)
    there = layers(cells)
    for element in range(1, kind.order):
        here = layers(moved(cells, element))
        torch.testing.assert_close(here, moved(there, element), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(here.sum(-1), there.sum(-1), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(here.amax(-1), there.amax(-1), rtol=1e-12, atol=1e-12)


def test_tables_are_those_of_the_patch() -> None:
    for rings in (0, 1, 2, 3):
        np.testing.assert_array_equal(turned_taps(rings, 12), Patch(rings, 1.0).symmetries)
    matrices = PATCH.symmetry_matrices
    products = inverse_products(12)
    for r, s in itertools.product(range(12), repeat=2):
        np.testing.assert_allclose(
            matrices[products[r, s]], matrices[r].T @ matrices[s], atol=1e-12
        )
    np.testing.assert_array_equal(inverse_products(6), products[:6, :6])


@given(kind=st.sampled_from(LAYERS), lifting=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_layer_is_its_formula(kind: type, lifting: bool, seed: int) -> None:
    """Against a loop over elements and taps, each kernel turned as a set of positions."""
    torch.manual_seed(seed)
    patch = Patch(2, 1.0)
    layer = kind(2, 1, patch.neighbourhood(1), lifting=lifting).double()
    shape = (1, 2, patch.n_cells) if lifting else (1, 2, kind.order, patch.n_cells)
    cells = torch.randn(shape, dtype=torch.float64)
    positions = Patch(1, 1.0).positions
    matrices = patch.symmetry_matrices[: kind.order]
    expected = torch.zeros(kind.order, patch.n_cells, dtype=torch.float64)
    for r, s in itertools.product(range(kind.order), range(1 if lifting else kind.order)):
        frame = np.linalg.inv(matrices[r])
        plane = 0 if lifting else np.abs(frame @ matrices[s] - matrices).sum((1, 2)).argmin()
        inverse = np.linalg.norm((positions @ frame.T)[:, None] - positions, axis=2).argmin(axis=1)
        weight = layer.weight[:, :, plane, inverse]
        read = cells if lifting else cells[:, :, s]
        expected[r] += hex_convolution(read, weight, None, layer.neighbourhood)[0, 0]
    torch.testing.assert_close(layer(cells)[0, 0], expected + layer.bias)


@pytest.mark.parametrize("lifting", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_derivatives(kind: type, lifting: bool) -> None:
    patch = Patch(1, 1.0)
    layer = kind(1, 2, patch.neighbourhood(1), lifting=lifting).double()
    shape = (1, 1, patch.n_cells) if lifting else (1, 1, kind.order, patch.n_cells)
    cells = torch.randn(shape, dtype=torch.float64, requires_grad=True)

    def run(cells: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        given = {"weight": weight, "bias": bias}
        return torch.func.functional_call(layer, given, (cells,)).sum(dim=-1).tanh()

    assert torch.autograd.gradcheck(run, (cells, layer.weight, layer.bias), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (cells, layer.weight, layer.bias), fast_mode=True)


@pytest.mark.parametrize("kind", LAYERS)
def test_torch_compiles_one_graph(kind: type) -> None:
    layers = network(kind, 1)
    compiled = torch.compile(layers, fullgraph=True, backend="aot_eager")
    cells = torch.randn(2, 2, PATCH.n_cells, dtype=torch.float64)
    torch.testing.assert_close(compiled(cells), layers(cells))
    compiled(cells).sum().backward()
    assert layers[0].weight.grad is not None


def test_weights_are_shared() -> None:
    layer = HexConvP6M(4, 5, PATCH.neighbourhood(1))
    assert layer.weight.shape == (5, 4, 12, 7)
    assert layer.plain_weight().shape == (60, 48, 7)
    assert set(layer.state_dict()) == {"weight", "bias"}
    used = torch.bincount(layer.index, minlength=12 * 7)
    assert (used == 12).all()


def test_faults_say_what_is_expected() -> None:
    layer = HexConvP6(2, 1, PATCH.neighbourhood(1))
    with pytest.raises(ValueError, match=r"\(3, 2, 37\) given, expected \(batch, 2, 6, 37\).*lift"):
        layer(torch.zeros(3, 2, 37))
    with pytest.raises(ValueError, match="6 taps given, expected 1, 7, 19"):
        HexConvP6(2, 1, PATCH.neighbourhood(1)[:, :6])
    with pytest.raises(ValueError, match=r"'sum' given, expected 'mean' or 'max'"):
        GroupPool("sum")
