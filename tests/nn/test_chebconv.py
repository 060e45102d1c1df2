from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from hyperhex.kernels.spectral.graph import Graph
from hyperhex.nn.chebconv import ChebConv, _mixed, _summed

POINTS = np.random.default_rng(3).uniform(size=(40, 2))
GRAPH = Graph.from_points(POINTS, 4)


def layer(
    inputs: int = 2, outputs: int = 3, order: int = 4, kind: torch.dtype = torch.float64
) -> ChebConv:
    torch.manual_seed(0)
    made = ChebConv(inputs, outputs, order, GRAPH)
    torch.nn.init.normal_(made.bias)
    return made.to(kind)


def dense(made: ChebConv, x: torch.Tensor) -> torch.Tensor:
    """The layer by dense matrices, differentiable by torch itself."""
    matrix = torch.from_numpy(made.recurrence.matrix.dense()).to(x.dtype)
    terms = [x, x @ matrix]
    for _ in range(2, made.recurrence.order):
        terms.append(2 * terms[-1] @ matrix - terms[-2])
    y = sum(torch.einsum("bcn,co->bon", t, w) for t, w in zip(terms, made.weight, strict=False))
    return y + made.bias[:, None]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize(("inputs", "outputs", "order"), [(2, 3, 4), (1, 17, 1), (20, 1, 8)])
def test_layer_and_all_gradients_are_those_of_dense_matrices(
    inputs: int, outputs: int, order: int, kind: torch.dtype
) -> None:
    made = layer(inputs, outputs, order, kind)
    x = torch.randn(5, inputs, 40, dtype=kind, requires_grad=True)
    results = []
    for call in (made, lambda x: dense(made, x)):
        y = call(x)
        gradients = torch.autograd.grad(y.square().sum(), [x, made.weight, made.bias])
        results.append([y, *gradients])
    for ours, expected in zip(*results, strict=True):
        tolerance = 1e-5 if kind is torch.float32 else 1e-13
        torch.testing.assert_close(
            ours, expected, rtol=0, atol=tolerance * float(expected.detach().abs().max())
        )


def test_gradcheck_to_second_order() -> None:
    made = layer(2, 2, 3)
    x = torch.randn(2, 2, 40, dtype=torch.float64, requires_grad=True)

    def call(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(made, {"weight": weight, "bias": bias}, (x,)).sin()

    tensors = (x, *made.parameters())
    assert torch.autograd.gradcheck(call, tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, tensors, fast_mode=True)


def test_gradient_penalty_is_that_of_dense_matrices() -> None:
    made = layer()
    x = torch.randn(3, 2, 40, dtype=torch.float64, requires_grad=True)
    found = []
    for call in (made, lambda x: dense(made, x)):
        (slope,) = torch.autograd.grad(call(x).tanh().sum(), x, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        found.append(torch.autograd.grad(penalty, [x, made.weight]))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("frozen", ["weight", "x"])
def test_what_needs_no_gradient_gets_none(frozen: str) -> None:
    made = layer()
    x = torch.randn(3, 2, 40, dtype=torch.float64, requires_grad=True)
    made(x).square().sum().backward()
    expected = made.weight.grad if frozen == "x" else x.grad
    fresh = layer()
    z = x.detach().clone().requires_grad_(frozen != "x")
    fresh.weight.requires_grad_(frozen != "weight")
    fresh(z).square().sum().backward()
    assert (z.grad if frozen == "x" else fresh.weight.grad) is None
    torch.testing.assert_close(fresh.weight.grad if frozen == "x" else z.grad, expected)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiles_without_a_break(backend: str) -> None:
    made = layer(kind=torch.float32)
    x = torch.randn(3, 2, 40, requires_grad=True)
    compiled = torch.compile(made, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(x), made(x))
    ours = torch.autograd.grad(compiled(x).square().sum(), [x, made.weight])
    expected = torch.autograd.grad(made(x).square().sum(), [x, made.weight])
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_operations_keep_torchs_rules() -> None:
    made = layer()
    x = torch.randn(2, 2, 40, dtype=torch.float64, requires_grad=True)
    number = made._number
    torch.library.opcheck(torch.ops.hyperhex.chebyshev.default, (x, made.weight, made.bias, number))
    g = torch.randn(2, 3, 40, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(torch.ops.hyperhex.chebyshev_sums.default, (x, g, number))
    torch.library.opcheck(
        torch.ops.hyperhex.chebyshev_backward.default, (g, x, made.weight, number)
    )


def test_products_of_the_device_are_those_of_the_kernels() -> None:
    made = layer()
    x, g = torch.randn(2, 2, 40).double(), torch.randn(2, 3, 40).double()
    matrix = torch.from_numpy(made.recurrence.matrix.dense())

    def terms(x: torch.Tensor) -> torch.Tensor:
        found = [x, x @ matrix]
        for _ in range(2, 4):
            found.append(2 * found[-1] @ matrix - found[-2])
        return torch.stack(found, dim=1)

    torch.testing.assert_close(_mixed(terms(x), made.weight) + made.bias[:, None], made(x))
    dx, sums = torch.ops.hyperhex.chebyshev_backward(g, x, made.weight, made._number)
    torch.testing.assert_close(_mixed(terms(g), made.weight.transpose(1, 2)), dx)
    torch.testing.assert_close(_summed(x, terms(g)), sums)


def test_copies_outlive_the_original() -> None:
    made = layer()
    x = torch.randn(2, 2, 40, dtype=torch.float64)
    expected = made(x)
    copies = [copy.deepcopy(made), pickle.loads(pickle.dumps(made))]
    del made
    for one in copies:
        torch.testing.assert_close(one(x), expected, rtol=0, atol=0)


def test_layer_follows_a_permutation_of_nodes() -> None:
    made = layer()
    new = torch.randperm(40)
    place = np.empty_like(POINTS)
    place[new.numpy()] = POINTS
    moved = ChebConv(2, 3, 4, Graph.from_points(place, 4)).double()
    moved.load_state_dict(made.state_dict())
    x = torch.randn(2, 2, 40, dtype=torch.float64)
    there = torch.empty_like(x)
    there[..., new] = x
    torch.testing.assert_close(moved(there)[..., new], made(x))


def test_combinatorial_laplacian_and_largest_eigenvalue() -> None:
    made = ChebConv(1, 1, 2, GRAPH, bias=False, laplacian="combinatorial", largest=7.0).double()
    with torch.no_grad():
        made.weight[:] = torch.tensor([0.5, 3.5])[:, None, None]
    # 0.5 + 3.5 (2 L / 7 - 1) = L - 3, which makes -3 of constants
    torch.testing.assert_close(
        made(torch.ones(1, 1, 40, dtype=torch.float64)),
        torch.full((1, 1, 40), -3.0, dtype=torch.float64),
    )
    with pytest.raises(ValueError, match="expected one of normalised, combinatorial"):
        ChebConv(1, 1, 2, GRAPH, laplacian="signless")
