"""HexConv2d against sums written out, torch's own convolution, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import neighbourhood
from hyperhex.nn.hexconv import HexConv2d, Neighbourhood, hex_convolution


def table(rings: int) -> np.ndarray:
    patch = Patch(rings, 1.0)
    return np.concatenate([np.arange(patch.n_cells)[:, None], patch.neighbours], axis=1)


def written_out(x: np.ndarray, w: np.ndarray, b: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    y = np.zeros((x.shape[0], w.shape[0], x.shape[2])) + b[:, None]
    for cell, taps in enumerate(neighbours):
        for tap, read in enumerate(taps):
            if read >= 0:
                y[:, :, cell] += x[:, :, read] @ w[:, :, tap].T
    return y


def test_agrees_with_the_sums_written_out() -> None:
    torch.manual_seed(1)
    neighbours = table(3)
    layer = HexConv2d(3, 5, neighbours).double()
    x = torch.randn(4, 3, len(neighbours), dtype=torch.float64)
    expected = written_out(
        x.numpy(), layer.weight.detach().numpy(), layer.bias.detach().numpy(), neighbours
    )
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 3), (6, 1), (5, 6)])
def test_first_and_second_derivatives(inputs: int, outputs: int) -> None:
    torch.manual_seed(2)
    shared = Neighbourhood(table(1))

    def function(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return hex_convolution(x, w, b, shared)

    arguments = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, inputs, 7), (outputs, inputs, 7), (outputs,))
    ]
    assert torch.autograd.gradcheck(function, arguments)
    assert torch.autograd.gradgradcheck(function, arguments)


@pytest.mark.parametrize("rings", [1, 2])
def test_agrees_with_a_masked_convolution_on_the_axial_rectangle(rings: int) -> None:
    torch.manual_seed(3)
    size = 4
    neighbours = neighbourhood(axial_rings(size), rings)
    layer = HexConv2d(6, 7, neighbours)
    x = torch.randn(3, 6, len(neighbours))
    row, column = torch.from_numpy(axial_rings(size)).T + size
    tap_row, tap_column = torch.from_numpy(axial_rings(rings)).T + rings
    rectangle = torch.zeros(3, 6, 2 * size + 1, 2 * size + 1)
    rectangle[:, :, row, column] = x
    kernel = torch.zeros(7, 6, 2 * rings + 1, 2 * rings + 1)
    kernel[:, :, tap_row, tap_column] = layer.weight.detach()
    peer = torch.nn.functional.conv2d(rectangle, kernel, layer.bias, padding=rings)
    torch.testing.assert_close(layer(x), peer[:, :, row, column], atol=2e-5, rtol=1e-5)


def test_path_of_conv2d_is_the_same_layer() -> None:
    torch.manual_seed(6)
    cells = axial_rings(3)[[0, 5, 3, 1, 20, 30, 9, 8, 7, 2]]
    neighbours = neighbourhood(cells, 1)
    layer = HexConv2d(2, 5, neighbours)
    other = HexConv2d(2, 5, Neighbourhood(neighbours, axial=cells))
    other.load_state_dict(layer.state_dict())
    x = torch.randn(3, 2, len(cells))
    torch.testing.assert_close(other(x), layer(x))
    with pytest.raises(ValueError, match=r"7 taps for 10 cells given that is not neighbourhood"):
        Neighbourhood(neighbours, axial=cells[::-1])


def test_gradient_penalty_trains_through_second_derivatives() -> None:
    torch.manual_seed(4)
    layer = HexConv2d(1, 4, table(2))
    x = torch.randn(5, 1, 19, requires_grad=True)
    score = layer(x).tanh().sum((1, 2))
    (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    (slope.flatten(1).norm(dim=1) - 1).square().mean().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().min() > 0


def test_gradients_of_odd_strides() -> None:
    layer = HexConv2d(2, 6, table(1))
    x = torch.randn(7, 3, 2).permute(1, 2, 0).requires_grad_()
    layer(x).sum().backward()  # the derivative of a sum is one number, spread
    expected = layer.weight.detach().sum(0)
    reads = torch.from_numpy((table(1) == 0).astype(np.float32)).sum(0)
    torch.testing.assert_close(x.grad[0, :, 0], expected @ reads)
    torch.testing.assert_close(layer.bias.grad, torch.full((6,), 21.0))


def test_compiles_to_one_graph() -> None:
    torch.manual_seed(5)
    layer = HexConv2d(3, 6, table(2))
    model = torch.nn.Sequential(layer, torch.nn.GELU(), HexConv2d(6, 1, layer.neighbourhood))
    whole = torch.compile(model, backend="aot_eager", fullgraph=True)
    x = torch.randn(4, 3, 19)
    torch.testing.assert_close(whole(x), model(x))
    gradients = [
        torch.autograd.grad(one(x).square().sum(), list(model.parameters()))
        for one in (whole, model)
    ]
    torch.testing.assert_close(*gradients)


def test_state_holds_weights_alone() -> None:
    assert sorted(HexConv2d(2, 3, table(2)).state_dict()) == ["bias", "weight"]


def test_custom_operations_keep_their_word() -> None:
    shared = Neighbourhood(table(1))
    tables = (shared.neighbours, shared.reverse)
    x, w, b = torch.randn(2, 2, 7), torch.randn(3, 2, 7), torch.randn(3)
    arguments = tuple(one.requires_grad_() for one in (x, w, b))
    torch.library.opcheck(torch.ops.hyperhex.convolve.default, (*arguments, *tables))
    torch.library.opcheck(
        torch.ops.hyperhex.differentiate.default,
        (torch.randn(2, 3, 7, requires_grad=True), x, w, *tables, True, True, True),
    )


@pytest.mark.parametrize(
    ("neighbours", "says"),
    [
        (np.zeros((3, 2)), "table of integers"),
        (np.zeros(3, int), "table of integers"),
        (np.array([[0, 7]]), "to 0, the last of 1 cells"),
        (np.array([[1, 0], [0, 1]]), "column 0 of neighbours"),
        (np.array([[0, 1], [1, 1]]), "column 1 of neighbours names cell 1 more than once"),
    ],
)
def test_refuses_by_name(neighbours: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HexConv2d(1, 1, neighbours)


def test_refuses_inputs_that_do_not_fit() -> None:
    layer = HexConv2d(2, 1, table(1))
    with pytest.raises(ValueError, match=r"expected \(batch, 2, 7\)"):
        layer(torch.zeros(1, 2, 19))
