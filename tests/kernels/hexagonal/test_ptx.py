"""The CUDA loops compile for a real device, and single-precision ones stay in that precision."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from numba import boolean, cuda, float32, float64, int32, int64, types, uint8
from numba.cuda import dispatcher
from numba.cuda.cudadrv import nvvm

from hyperhex.kernels.cuda import cleaning, clusters, hillas, lookup, neighbours, scatter

INTEGERS, WIDE, FLOATS, DOUBLES = int32[:, ::1], int64[:, ::1], float32[:, ::1], float64[:, ::1]


def has_nvvm() -> bool:
    try:
        nvvm.NVVM()
    except Exception:  # noqa: BLE001 -- whatever is missing, there is nothing to compile with
        return False
    return True


pytestmark = pytest.mark.skipif(not has_nvvm(), reason="no libnvvm of a CUDA toolkit")

LOOPS: list[tuple[Any, tuple[Any, ...], bool]] = [
    (
        lookup.fill_cells,
        (float32[::1], float32[::1], types.UniTuple(float32, 12), INTEGERS, int32[::1]),
        False,
    ),
    (neighbours.fill_neighbourhood, (WIDE, int64, int64, INTEGERS, WIDE, INTEGERS), False),
    (neighbours.fill_cylinder, (int64, int64, WIDE, INTEGERS), False),
    (scatter.add_patches, (int64[::1], int32[::1], FLOATS, INTEGERS, FLOATS), False),
    (scatter.add_hits, (int64[::1], int32[::1], float32[::1], FLOATS), False),
    (cleaning.fill_states, (FLOATS, INTEGERS, FLOATS, int64, uint8[:, ::1]), False),
    (cleaning.fill_masks, (uint8[:, ::1], INTEGERS, boolean, boolean[:, ::1]), False),
    (hillas.fill_images, (FLOATS, boolean[:, ::1], DOUBLES, DOUBLES), True),
    (hillas.fill_images, (FLOATS, FLOATS, DOUBLES, DOUBLES), True),
    (clusters.label_islands, (boolean[:, ::1], INTEGERS, INTEGERS, INTEGERS, int32[::1]), False),
    (
        clusters.label_clusters,
        (FLOATS, INTEGERS, types.UniTuple(float32, 3), INTEGERS, INTEGERS, int32[::1]),
        False,
    ),
]


@pytest.mark.parametrize(
    ("loop", "signature", "doubles"), LOOPS, ids=[loop.py_func.__name__ for loop, _, _ in LOOPS]
)
def test_compiles(
    loop: Any, signature: tuple[Any, ...], doubles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    device: Callable[[], Any] = lambda: SimpleNamespace(compute_capability=(8, 0))  # noqa: E731
    monkeypatch.setattr(dispatcher, "get_current_device", device)
    text, _ = cuda.compile_ptx(loop.py_func, signature, cc=(8, 0))
    assert ".visible .entry" in text
    assert (".f64" in text) == doubles
