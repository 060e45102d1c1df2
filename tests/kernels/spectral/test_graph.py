from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood, neighbourhood
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.laplacian import combinatorial, normalised
from hyperhex.kernels.spectral.nearest import nearest
from hyperhex.kernels.spectral.tiles import tiling

edges = st.sets(
    st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda e: e[0] < e[1]), min_size=1
)


@settings(max_examples=50, deadline=None)
@given(edges, st.integers(0, 2**31))
def test_laplacians_are_those_of_dense_matrices(pairs: set[tuple[int, int]], seed: int) -> None:
    first, second = np.array(sorted(pairs)).T
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, len(first))
    graph = Graph.from_edges(12, first, second, weights)
    dense = np.zeros((12, 12))
    dense[first, second] = dense[second, first] = weights
    degree = dense.sum(axis=0)
    plain = combinatorial(graph)
    np.testing.assert_allclose(plain.dense(), np.diag(degree) - dense)
    assert np.linalg.eigvalsh(plain.dense())[-1] <= plain.bound * (1 + 1e-12)
    inverse = np.where(degree > 0, 1 / np.sqrt(np.where(degree > 0, degree, 1.0)), 0.0)
    expected = np.diag((degree > 0) * 1.0) - inverse[:, None] * dense * inverse
    scaled = normalised(graph)
    np.testing.assert_allclose(scaled.dense(), expected, atol=1e-15)
    values = np.linalg.eigvalsh(scaled.dense())
    assert values[0] > -1e-12
    assert values[-1] < 2 + 1e-12
    # null vectors: ones, and the root of the degree
    np.testing.assert_allclose(plain.dense() @ np.ones(12), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.dense() @ np.sqrt(degree), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.scaled(2.0).dense(), scaled.dense() - np.eye(12), atol=1e-15)


def test_table_and_edges_make_the_same_graph() -> None:
    table = neighbourhood(axial_rings(5), 1)
    graph = Graph.from_table(table)
    assert graph.n_nodes == 91
    assert graph.n_edges == 3 * 91 - 3 * (2 * 5 + 1)
    assert graph.most_neighbours == 6
    once = graph.rows < graph.columns
    again = Graph.from_edges(91, graph.columns[once], graph.rows[once])
    for name in ("offsets", "columns", "weights"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(again, name))
    closed = Graph.from_table(cylinder_neighbourhood(10, 6, 1))
    assert closed.n_edges == 10 * 6 + 2 * 10 * 5


def test_faults_are_named() -> None:
    with pytest.raises(ValueError, match="node 0 names 1 as its neighbour but not the other way"):
        Graph.from_table([[1], [-1]])
    with pytest.raises(ValueError, match="weights of an edge differ"):
        Graph.from_table([[1], [0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="node 2 linked with itself"):
        Graph.from_edges(3, [2], [2])
    with pytest.raises(ValueError, match="nodes 0 to 3 named, expected 0 to 2"):
        Graph.from_edges(3, [0], [3])
    with pytest.raises(ValueError, match="expected above 0"):
        Graph.from_edges(3, [0], [1], [0.0])
    with pytest.raises(ValueError, match=r"weights of shape \(1,\) given"):
        Graph.from_edges(3, [0, 1], [1, 2], [1.0])
    with pytest.raises(ValueError, match="expected above 0: are all points equal"):
        Graph.from_points(np.zeros((4, 2)), 2)
    with pytest.raises(ValueError, match="expected 1 to points - 1"):
        nearest(np.zeros((4, 2)), 4)
    with pytest.raises(ValueError, match="expected finite"):
        nearest([[0.0], [np.nan], [1.0]], 1)


@pytest.mark.parametrize("axes", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["normal", "clumped", "flat"])
def test_nearest_points_are_those_of_a_tree(axes: int, kind: str) -> None:
    random = np.random.default_rng(axes)
    points = random.normal(size=(400, axes))
    if kind == "clumped":
        points[::2] = 50.0 + 1e-3 * points[::2]
    elif kind == "flat":
        points[:, 0] *= 1e-9
    found, distance = nearest(points, 6)
    expected, tree = cKDTree(points).query(points, 7)
    if kind != "flat" or axes > 1:
        np.testing.assert_array_equal(found, tree[:, 1:])
    np.testing.assert_allclose(distance, expected[:, 1:], atol=1e-12)


def test_graph_of_points_is_the_union_with_gaussian_weights() -> None:
    points = np.random.default_rng(2).uniform(size=(60, 2))
    graph = Graph.from_points(points, 5)
    found, distance = nearest(points, 5)
    linked = np.zeros((60, 60), dtype=bool)
    linked[np.arange(60)[:, None], found] = True
    linked |= linked.T
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    expected = np.where(linked, np.exp(-0.5 * (apart / distance.mean()) ** 2), 0.0)
    dense = np.zeros((60, 60))
    dense[graph.rows, graph.columns] = graph.weights
    np.testing.assert_allclose(dense, expected, atol=1e-14)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_tiles_cover_each_node_once_and_have_their_halo(steps: int) -> None:
    graph = Graph.from_table(cylinder_neighbourhood(16, 12, 1))
    cut = tiling(graph, steps, tile=20)
    own = [
        cut.nodes[begin : begin + count]
        for begin, count in zip(cut.first_node, cut.counts[:, 0], strict=False)
    ]
    np.testing.assert_array_equal(np.sort(np.concatenate(own)), np.arange(192))
    linked = np.zeros((192, 192), dtype=bool)
    linked[graph.rows, graph.columns] = True
    for tile, mine in enumerate(own):
        reached = np.zeros(192, dtype=bool)
        reached[mine] = True
        rows = cut.nodes[cut.first_node[tile] : cut.first_node[tile + 1]]
        for ring in range(steps + 1):
            assert set(rows[: cut.counts[tile, ring]]) == set(np.flatnonzero(reached))
            reached = reached | linked[reached].any(axis=0)


def test_tiles_are_grown_where_the_order_is_not_local() -> None:
    points = np.random.default_rng(1).uniform(size=(900, 2))
    graph = Graph.from_points(points, 5)
    assert tiling(graph, 3, tile=100).overhead < 3.5
    single = tiling(graph, 3, tile=450)
    assert single.n_tiles == 1
    assert single.overhead == 1.0
