"""Chebyshev filters beside torch-geometric, scipy, torch.sparse and PyGSP; HEALPix beside healpy.

The graph is that of the seven or eight neighbours of each HEALPix pixel in nested order, its
Laplacian the normalised one with 2 as its largest eigenvalue. Every peer gets its features in the
layout that it wants, laid out beforehand: ours (batch, channels, nodes), torch-geometric's (batch,
nodes, channels), those of sparse matrices (nodes, batch * channels).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hyperhex.bench.case import Call, Case
from hyperhex.kernels.spectral.chebyshev import Recurrence, chebyshev_filter
from hyperhex.kernels.spectral.filters import chebyshev_expansion, heat
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.healpix import healpix_graph, healpix_neighbourhood
from hyperhex.kernels.spectral.laplacian import normalised

__all__ = ["cases"]

ROUNDING = 3e-6
BATCH, CHANNELS, ORDER = 8, 16, 5
CHECKED_IMAGES = 1
SIDES = (32, 64, 128)


def cases() -> Iterator[Case]:
    """Cases of the issue, derivatives, filters without mixing, and tables of neighbours."""
    for nside in SIDES:
        yield _forward(_Problem(nside))
    yield _derivatives(_Problem(SIDES[0]))
    for nside in SIDES:
        yield _filtered(_Problem(nside))
    for nside in (16, 128):
        yield _neighbours(nside)


@dataclass(frozen=True)
class _Problem:
    """Features on a HEALPix graph, and the weights that mix them."""

    nside: int

    @cached_property
    def graph(self) -> Graph:
        return healpix_graph(self.nside)

    @cached_property
    def x(self) -> Any:
        random = np.random.default_rng(self.nside)
        shape = (BATCH, CHANNELS, self.graph.n_nodes)
        return random.standard_normal(size=shape, dtype=np.float32)

    @cached_property
    def weight(self) -> Any:
        random = np.random.default_rng(1)
        return random.normal(0.0, 0.3, size=(ORDER, CHANNELS, CHANNELS)).astype(np.float32)

    @property
    def recurrence(self) -> float:
        """Floating-point operations of T_1 to T_4: a product and a sum for each entry of L."""
        entries = self.graph.n_nodes + 2 * self.graph.n_edges
        return 2.0 * entries * (ORDER - 1) * BATCH * CHANNELS

    @property
    def mixing(self) -> float:
        return 2.0 * self.graph.n_nodes * BATCH * ORDER * CHANNELS**2

    @property
    def size(self) -> str:
        return f"{ORDER} terms, HEALPix nside {self.nside}, batch {BATCH}"


def _forward(problem: _Problem) -> Case:
    x, n = problem.x, problem.graph.n_nodes
    peers = {
        "torch-geometric": _geometric(problem),
        "scipy CSR": _scipy_mixed(problem),
        "torch.sparse CSR": _torch_sparse(problem),
    }
    return Case(
        name=f"ChebConv {CHANNELS}->{CHANNELS}, {problem.size}",
        ours=lambda _: _layer(problem),
        peers=peers,
        check=lambda: _check_forward(problem, peers),
        moved=2.0 * x.nbytes + 8.0 * (n + 2 * problem.graph.n_edges),
        operations=problem.recurrence + problem.mixing,
        required={"torch-geometric": 10.0, "scipy CSR": 2.5},
        required_bound=3.5,
    )


def _layer(problem: _Problem, gradients: bool = False) -> Any:
    """Our layer: features, or all derivatives of their sum with ones."""
    import torch

    from hyperhex.nn.chebconv import ChebConv

    layer = ChebConv(CHANNELS, CHANNELS, ORDER, problem.graph, bias=False)
    layer.weight.data = torch.from_numpy(problem.weight)
    x = torch.from_numpy(problem.x)
    return _through(layer, x, list(layer.parameters()), gradients)


def _through(layer: Any, x: Any, weights: list[Any], gradients: bool) -> Call:
    """Call of a layer, with or without its derivatives."""
    import torch

    def forward() -> Any:
        with torch.no_grad():
            return layer(x)

    def backward() -> Any:
        return torch.autograd.grad(layer(x).sum(), [x, *weights])

    if gradients:
        x = x.clone().requires_grad_()
    return backward if gradients else forward


def _geometric(problem: _Problem, gradients: bool = False) -> Call:
    import torch
    from torch_geometric.nn import ChebConv

    layer = ChebConv(CHANNELS, CHANNELS, K=ORDER, bias=False)
    # one matrix (out, in) a term
    parameters = list(layer.parameters())
    for one, weight in zip(parameters, problem.weight, strict=True):
        one.data = torch.from_numpy(weight.T.copy())
    graph = problem.graph
    edges = torch.from_numpy(np.stack([graph.rows, graph.columns.astype(np.int64)]))
    largest = torch.tensor(2.0)
    x = torch.from_numpy(problem.x.swapaxes(1, 2).copy())
    return _through(lambda x: layer(x, edges, lambda_max=largest), x, parameters, gradients)


def _matrix(problem: _Problem, kind: Any) -> Any:
    """Scaled Laplacian as a scipy matrix."""
    from scipy.sparse import csr_array

    scaled, n = normalised(problem.graph).scaled(2.0), problem.graph.n_nodes
    rows = np.r_[problem.graph.rows, np.arange(n)]
    columns = np.r_[problem.graph.columns, np.arange(n)].astype(np.int32)
    entries = np.r_[scaled.edges, scaled.diagonal].astype(kind)
    return csr_array((entries, (rows, columns)), shape=(n, n))


def _columns(problem: _Problem) -> Any:
    """Features as columns (nodes, batch * channels)."""
    return np.ascontiguousarray(problem.x.reshape(-1, problem.graph.n_nodes).T)


def _terms(matrix: Any, x: Any) -> Iterator[Any]:
    """T_k(L) x, one after the other."""
    before, now = x, matrix @ x
    yield before
    yield now
    for _ in range(2, ORDER):
        before, now = now, 2 * (matrix @ now) - before
        yield now


def _scipy_mixed(problem: _Problem) -> Call:
    matrix, x, weight = _matrix(problem, np.float32), _columns(problem), problem.weight

    def call() -> Any:
        y = 0
        for term, mixing in zip(_terms(matrix, x), weight, strict=True):
            y += term.reshape(-1, CHANNELS) @ mixing
        return y

    return call


def _torch_sparse(problem: _Problem) -> Call:
    import torch

    matrix = _matrix(problem, np.float32).tocsr()
    sparse = torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype(np.int64)),
        torch.from_numpy(matrix.indices.astype(np.int64)),
        torch.from_numpy(matrix.data),
        matrix.shape,
        check_invariants=True,
    )
    x, weight = torch.from_numpy(_columns(problem)), torch.from_numpy(problem.weight)

    def call() -> Any:
        y = torch.zeros(x.numel() // CHANNELS, CHANNELS)
        for term, mixing in zip(_terms(sparse, x), weight, strict=True):
            y.addmm_(term.view(-1, CHANNELS), mixing)
        return y

    return call


def _check_forward(problem: _Problem, peers: Mapping[str, Any]) -> None:
    """Ours and every peer's features beside each other, some images beside float64."""
    n = problem.graph.n_nodes
    ours = _layer(problem)().numpy()
    few = problem.x[:CHECKED_IMAGES].astype(np.float64)
    exact: Any = 0.0
    for term, mixing in zip(
        _terms(_matrix(problem, np.float64), few.reshape(-1, n).T), problem.weight, strict=True
    ):
        exact = exact + np.einsum("nbc,co->bon", term.reshape(n, -1, CHANNELS), mixing)
    _agree(ours[:CHECKED_IMAGES], exact, "float64 reference")
    _agree(peers["torch-geometric"]().numpy().swapaxes(1, 2), ours, "torch-geometric")
    for name in ("scipy CSR", "torch.sparse CSR"):
        columns = np.asarray(peers[name]()).reshape(n, BATCH, CHANNELS)
        _agree(columns.transpose(1, 2, 0), ours, name)


def _derivatives(problem: _Problem) -> Case:
    peers = {"torch-geometric": _geometric(problem, gradients=True)}
    return Case(
        name=f"ChebConv {CHANNELS}->{CHANNELS}, forward and backward, {problem.size}",
        ours=lambda _: _layer(problem, gradients=True),
        peers=peers,
        check=lambda: _check_derivatives(problem, peers),
        moved=5.0 * problem.x.nbytes,
        operations=2.0 * problem.recurrence + 3.0 * problem.mixing,
        required={"torch-geometric": 10.0},
    )


def _check_derivatives(problem: _Problem, peers: Mapping[str, Any]) -> None:
    """Our derivatives beside torch-geometric's."""
    dx, dweight = (one.numpy() for one in _layer(problem, gradients=True)())
    peer_dx, *peer_dweight = (one.numpy() for one in peers["torch-geometric"]())
    _agree(peer_dx.swapaxes(1, 2), dx, "derivative by x")
    # the sums have a hundred thousand terms of either sign
    _agree(np.stack(peer_dweight).swapaxes(1, 2), dweight, "derivative by weight", 30 * ROUNDING)


def _filtered(problem: _Problem) -> Case:
    """Heat on every column: the recurrence without mixing."""
    recurrence = Recurrence(normalised(problem.graph).scaled(2.0), ORDER)
    coefficients = chebyshev_expansion(heat(1.0), ORDER, 2.0).coefficients.astype(np.float32)
    x = problem.x
    peers = {"scipy CSR": _scipy_filter(problem, coefficients)}
    if problem.nside == SIDES[0]:
        peers["PyGSP"] = _pygsp(problem)
    return Case(
        name=f"heat filter of {BATCH * CHANNELS} signals, {problem.size}",
        ours=lambda threads: lambda: chebyshev_filter(x, coefficients, recurrence, threads=threads),
        peers=peers,
        check=lambda: _check_filter(problem, recurrence, coefficients, peers),
        moved=2.0 * x.nbytes + 8.0 * (problem.graph.n_nodes + 2 * problem.graph.n_edges),
        operations=problem.recurrence + 2.0 * ORDER * x.size,
        required={},
    )


def _scipy_filter(problem: _Problem, coefficients: Any) -> Call:
    matrix, x = _matrix(problem, np.float32), _columns(problem)

    def call() -> Any:
        y = np.zeros_like(x)
        for term, factor in zip(_terms(matrix, x), coefficients, strict=True):
            y += factor * term
        return y

    return call


def _pygsp(problem: _Problem) -> Call:
    """PyGSP's heat filter with as many terms, which works in float64; its L is our L."""
    from pygsp import filters, graphs
    from scipy.sparse import csr_matrix

    source, n = problem.graph, problem.graph.n_nodes
    adjacency = csr_matrix((source.weights, (source.rows, source.columns)), shape=(n, n))
    graph = graphs.Graph(adjacency, lap_type="normalized")
    graph._lmax = 2.0
    graph._lmax_method = "bounds"
    # PyGSP's scale is a time times the largest eigenvalue, and its order counts from zero
    bank = filters.Heat(graph, 2.0)
    x = _columns(problem).astype(np.float64)
    return lambda: bank.filter(x, method="chebyshev", order=ORDER - 1)


def _check_filter(
    problem: _Problem, recurrence: Recurrence, coefficients: Any, peers: Mapping[str, Any]
) -> None:
    """Ours beside float64 and the peers."""
    n = problem.graph.n_nodes
    ours = chebyshev_filter(problem.x, coefficients, recurrence)
    few = problem.x[:CHECKED_IMAGES].reshape(-1, n).T.astype(np.float64)
    exact = sum(
        c * t for c, t in zip(coefficients, _terms(_matrix(problem, np.float64), few), strict=True)
    )
    _agree(ours[:CHECKED_IMAGES].reshape(-1, n).T, exact, "float64 reference")
    for name, call in peers.items():
        # PyGSP takes its coefficients from a coarser quadrature
        allowed = 2e-4 if name == "PyGSP" else ROUNDING
        _agree(np.squeeze(call()), ours.reshape(-1, n).T, name, allowed)


def _neighbours(nside: int) -> Case:
    pixels = np.arange(12 * nside**2)
    peers = {"healpy": _healpy(nside, pixels), "astropy-healpix": _astropy(nside, pixels)}
    return Case(
        name=f"neighbours of all {len(pixels):,} pixels, HEALPix nside {nside}, nested",
        ours=lambda threads: lambda: healpix_neighbourhood(nside, threads=threads),
        peers=peers,
        check=lambda: _check_neighbours(nside, peers),
        moved=36.0 * len(pixels),
        required={},
    )


def _healpy(nside: int, pixels: Any) -> Call:
    import healpy

    return lambda: healpy.get_all_neighbours(nside, pixels, nest=True)


def _astropy(nside: int, pixels: Any) -> Call:
    from astropy_healpix import neighbours

    return lambda: neighbours(pixels, nside, order="nested")


def _check_neighbours(nside: int, peers: Mapping[str, Call]) -> None:
    """Every neighbour of every pixel, in nested and ring order."""
    import healpy

    table = healpix_neighbourhood(nside)[:, 1:].T
    for name, call in peers.items():
        np.testing.assert_array_equal(table, call(), err_msg=name)
    rings = healpy.get_all_neighbours(nside, np.arange(12 * nside**2), nest=False)
    ours = healpix_neighbourhood(nside, nested=False)[:, 1:].T
    np.testing.assert_array_equal(ours, rings, err_msg="healpy, ring order")


def _agree(one: Any, other: Any, what: str, allowed: float = ROUNDING) -> None:
    """Largest difference within rounding of the largest number."""
    difference = float(np.abs(one - other).max() / np.abs(other).max())
    if not difference < allowed:
        msg = f"{what}: differs by {difference:.1e} of the largest number, expected < {allowed}"
        raise AssertionError(msg)
