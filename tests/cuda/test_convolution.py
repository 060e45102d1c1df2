"""The convolution's loops on CUDA against sums in float64 and against the CPU's results."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from hyperhex.kernels.cuda import convolution as loops
from hyperhex.kernels.hexagonal.convolution import convolve, differentiate, reversed_table
from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import neighbourhood


def reference(x: np.ndarray, w: np.ndarray, table: np.ndarray) -> np.ndarray:
    padded = np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2)
    return np.einsum("bipk,oik->bop", padded[:, :, table], w)


def off(result: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(result.copy_to_host() - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(
    ("batch", "inputs", "outputs", "patch", "rings"),
    [(2, 1, 3, 2, 1), (3, 5, 1, 1, 2), (2, 10, 9, 1, 1), (1, 1, 17, 1, 1)],
)
@pytest.mark.parametrize("dtype", ["float32"])
def test_agrees_with_float64(
    batch: int, inputs: int, outputs: int, patch: int, rings: int, dtype: str
) -> None:
    table = neighbourhood(axial_rings(patch), rings)
    reverse = reversed_table(table)
    cells, taps = table.shape
    random = np.random.default_rng(1)
    shapes = ((batch, inputs, cells), (outputs, inputs, taps), (outputs,), (batch, outputs, cells))
    x, w, b, dy = [random.standard_normal(shape) for shape in shapes]
    there = [cuda.to_device(array.astype(dtype)) for array in (x, w, b, dy)]
    tables = [cuda.to_device(one) for one in (table, reverse)]
    rounding = 3e-6 if dtype == "float32" else 1e-13
    y = reference(x, w, table)
    assert off(convolve(*there[:3], tables[0]), y + b[:, None]) < rounding
    assert off(convolve(*there[:2], None, tables[0]), y) < rounding
    dx, dw, db = differentiate(there[3], *there[:2], *tables)
    padded = np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2)
    assert off(dx, reference(dy, w.swapaxes(0, 1), reverse)) < rounding
    assert off(dw, np.einsum("bipk,bop->oik", padded[:, :, table], dy)) < rounding
    assert off(db, dy.sum((0, 2))) < rounding


def test_parts_of_a_sum_cover_all_cells_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for cells in (1, 31, 4096, 10000, 64 * 9919, 10**7):
        count, part = loops._parts(cells)
        assert (count - 1) * part < cells <= count * part
        assert part % loops.SPAN == 0
    assert loops._parts(0) == (1, loops.SPAN)
    monkeypatch.setattr(loops, "PART", 16)
    table = neighbourhood(axial_rings(2), 1)
    random = np.random.default_rng(2)
    x, dy = random.standard_normal((5, 2, 19)), random.standard_normal((5, 3, 19))
    w = np.zeros((3, 2, 7))
    assert loops._parts(5 * 19)[0] > 2
    arrays = [cuda.to_device(one) for one in (dy, x, w, table, reversed_table(table))]
    out = loops.differentiate(*arrays, (False, True, False))[1]
    padded = np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2)
    assert off(out, np.einsum("bipk,bop->oik", padded[:, :, table], dy)) < 1e-13


def test_refuses_arrays_on_both_sides() -> None:
    table = neighbourhood(axial_rings(1), 1)
    x = cuda.to_device(np.zeros((1, 1, 7)))
    with pytest.raises(ValueError, match="device, CPU, CPU"):
        convolve(x, np.zeros((1, 1, 7)), None, table)
