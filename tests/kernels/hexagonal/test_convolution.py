"""The convolution's kernels against sums in float64, and what must not change the result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.kernels.hexagonal.convolution import convolve, differentiate, reversed_table
from hyperhex.kernels.hexagonal.lattice import axial_rings, reflect_axial, rotate_axial
from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood, neighbourhood

# narrow in, narrow out, wide with full and with idle lanes, more than two vectors
CHANNELS = [(1, 32), (1, 3), (32, 1), (9, 3), (12, 16), (32, 32), (5, 37)]


def reference(x: np.ndarray, w: np.ndarray, b: np.ndarray, table: np.ndarray) -> np.ndarray:
    padded = np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2)
    return np.einsum("bipk,oik->bop", padded[:, :, table], w, optimize=True) + b[:, None]


def reference_weight(dy: np.ndarray, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    padded = np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2)
    return np.einsum("bipk,bop->oik", padded[:, :, table], dy, optimize=True)


def problem(
    batch: int, inputs: int, outputs: int, table: np.ndarray, dtype: str, seed: int = 1
) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    cells, taps = table.shape
    shapes = ((batch, inputs, cells), (outputs, inputs, taps), (outputs,), (batch, outputs, cells))
    return [random.standard_normal(shape).astype(dtype) for shape in shapes]


def off(result: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(result - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(("inputs", "outputs"), CHANNELS)
@pytest.mark.parametrize("size", [(0, 1), (1, 1), (4, 2), (9, 1)])
def test_agrees_with_float64(inputs: int, outputs: int, size: tuple[int, int]) -> None:
    table = neighbourhood(axial_rings(size[0]), size[1])
    reverse = reversed_table(table)
    x, w, b, dy = problem(19, inputs, outputs, table, "float32")
    exact = [array.astype(float) for array in (x, w, b, dy)]
    dx, dw, db = differentiate(dy, x, w, table, reverse)
    none = np.zeros(inputs)
    assert off(convolve(x, w, b, table), reference(*exact[:3], table)) < 2e-6
    assert off(dx, reference(exact[3], exact[1].swapaxes(0, 1), none, reverse)) < 2e-6
    assert off(dw, reference_weight(exact[3], exact[0], table)) < 2e-6
    assert off(db, exact[3].sum((0, 2))) < 5e-6


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 20), (20, 2), (6, 18)])
def test_float64_is_exact_to_rounding(inputs: int, outputs: int) -> None:
    table = neighbourhood(axial_rings(5), 1)
    reverse = reversed_table(table)
    x, w, b, dy = problem(3, inputs, outputs, table, "float64")
    dx, dw, db = differentiate(dy, x, w, table, reverse)
    assert off(convolve(x, w, b, table), reference(x, w, b, table)) < 1e-14
    assert off(dx, reference(dy, w.swapaxes(0, 1), np.zeros(inputs), reverse)) < 1e-14
    assert off(dw, reference_weight(dy, x, table)) < 1e-14
    assert off(db, dy.sum((0, 2))) < 1e-14


def irregular(cells: int, taps: int, seed: int) -> np.ndarray:
    """Columns that are partial permutations, of no lattice."""
    random = np.random.default_rng(seed)
    columns = [random.permutation(cells) for _ in range(taps)]
    table = np.stack(columns, axis=1)
    return np.where(random.random(table.shape) < 0.3, -1, table).astype(np.int32)


@settings(max_examples=30, deadline=None)
@given(
    cells=st.integers(1, 70),
    taps=st.integers(1, 9),
    batch=st.integers(1, 40),
    channels=st.sampled_from(CHANNELS),
    seed=st.integers(0, 1000),
)
def test_any_table_gives_a_linear_map_and_its_transpose(
    cells: int, taps: int, batch: int, channels: tuple[int, int], seed: int
) -> None:
    table = irregular(cells, taps, seed)
    x, w, b, dy = problem(batch, *channels, table, "float32", seed)
    exact = reference(x.astype(float), w.astype(float), b.astype(float), table)
    y = convolve(x, w, b, table)
    np.testing.assert_allclose(y, exact, atol=1e-4)
    # <dy, A x> is linear in x, w and b: each derivative gives it back
    dx, dw, db = differentiate(dy, x, w, table, reversed_table(table))
    whole = float((dy * (exact - b.astype(float)[:, None])).sum())
    scale = np.sqrt(dy.size * taps * channels[0]) * 1e-4
    assert abs(float((dx.astype(float) * x).sum()) - whole) < scale
    assert abs(float((dw.astype(float) * w).sum()) - whole) < scale
    np.testing.assert_allclose(db, dy.astype(float).sum((0, 2)), atol=1e-3)


def test_wrong_neighbour_is_seen() -> None:
    table = neighbourhood(axial_rings(3), 1)
    x, w, b, _ = problem(2, 5, 6, table, "float32")
    bent = table.copy()
    bent[7, 3], bent[8, 3] = table[8, 3], table[7, 3]
    assert off(convolve(x, w, b, bent), reference(x, w, b, table)) > 1e-2


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 8), (8, 1), (8, 9)])
def test_same_bytes_on_any_number_of_threads(inputs: int, outputs: int) -> None:
    table = neighbourhood(axial_rings(3), 1)
    reverse = reversed_table(table)
    x, w, b, dy = problem(37, inputs, outputs, table, "float32")
    for threads in (2, 3):
        one, other = convolve(x, w, b, table), convolve(x, w, b, table, threads=threads)
        assert one.tobytes() == other.tobytes()
        for first, second in zip(
            differentiate(dy, x, w, table, reverse),
            differentiate(dy, x, w, table, reverse, threads=threads),
            strict=True,
        ):
            assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("move", [rotate_axial, reflect_axial])
def test_turned_image_and_kernel_give_the_turned_result(
    move: Callable[[np.ndarray], np.ndarray],
) -> None:
    rings = 4
    cells = axial_rings(rings)
    table = neighbourhood(cells, 2)
    place = {tuple(cell): i for i, cell in enumerate(cells.tolist())}
    moved = np.array([place[tuple(cell)] for cell in move(cells).tolist()])
    taps = moved[: table.shape[1]]
    x, w, b, _ = problem(2, 6, 7, table, "float64")
    x_moved, w_moved = np.empty_like(x), np.empty_like(w)
    x_moved[:, :, moved], w_moved[:, :, taps] = x, w
    y = convolve(x, w, b, table)
    np.testing.assert_allclose(convolve(x_moved, w_moved, b, table)[:, :, moved], y, atol=1e-12)


def test_cylinder_is_closed_in_phi() -> None:
    table = cylinder_neighbourhood(12, 5, 1)
    x, w, b, _ = problem(2, 6, 7, table, "float64")
    y = convolve(x, w, b, table)
    np.testing.assert_allclose(y, reference(x, w, b, table), atol=1e-12)


def test_only_what_is_wanted_is_made() -> None:
    table = neighbourhood(axial_rings(2), 1)
    reverse = reversed_table(table)
    for channels in ((1, 8), (8, 1), (8, 9)):
        x, w, _, dy = problem(3, *channels, table, "float64")
        whole = differentiate(dy, x, w, table, reverse)
        for one in range(3):
            wanted = tuple(one == other for other in range(3))
            part = differentiate(dy, x, w, table, reverse, wanted)
            np.testing.assert_allclose(part[one], whole[one], atol=1e-13)
            assert [array.size > 0 for array in part] == list(wanted)


def test_reverse_of_the_reverse_is_the_table() -> None:
    table = irregular(40, 7, 3)
    np.testing.assert_array_equal(reversed_table(reversed_table(table)), table)


def test_refuses_mixed_types() -> None:
    table = neighbourhood(axial_rings(1), 1)
    with pytest.raises(TypeError, match="x of float32 and weight of float64"):
        convolve(np.zeros((1, 1, 7), np.float32), np.zeros((1, 1, 7)), None, table)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 8), (8, 1), (8, 9)])
def test_no_images_give_no_result_and_zero_derivatives(inputs: int, outputs: int) -> None:
    table = neighbourhood(axial_rings(1), 1)
    x, w, b, dy = problem(0, inputs, outputs, table, "float32")
    assert convolve(x, w, b, table).shape == (0, outputs, 7)
    dx, dw, db = differentiate(dy, x, w, table, reversed_table(table))
    assert dx.shape == x.shape
    assert not dw.any()
    assert not db.any()
