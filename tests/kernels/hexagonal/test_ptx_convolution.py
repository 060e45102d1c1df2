"""The convolution's CUDA loops compile for a real device, with sums in registers."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from numba import boolean, cuda, float32, float64, int32, int64

from hyperhex.kernels.cuda import convolution as loops


@pytest.fixture(autouse=True)
def _device_of_capability_8(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        from numba.cuda.cudadrv.nvvm import NVVM

        NVVM()
    except Exception as missing:  # noqa: BLE001 (each version has its own)
        pytest.skip(f"no libnvvm: {missing}")
    monkeypatch.setattr(
        "numba.cuda.dispatcher.get_current_device",
        lambda: SimpleNamespace(compute_capability=(8, 0)),
    )


def signatures(real: object) -> dict[str, tuple[object, ...]]:
    flat, table, size = real[::1], int32[::1], int64
    return {
        "convolve_kernel": (flat, flat, boolean, flat, boolean, table, size, size, real, flat),
        "correlate_kernel": (flat, flat, table, size, size, size, size, real, real[:, :, ::1]),
        "sum_kernel": (real[:, ::1], flat),
        "sum_cells_kernel": (real[:, :, ::1], real, flat),
    }


@pytest.mark.parametrize("name", sorted(signatures(float32)))
@pytest.mark.parametrize("real", [float32, float64])
def test_compiles(name: str, real: object) -> None:
    ptx, _ = cuda.compile_ptx(getattr(loops, name).py_func, signatures(real)[name], cc=(8, 0))
    assert not re.search(r"\b(atom|red)\.", ptx)
    if real is float32:
        assert ".f64" not in ptx
    if name == "convolve_kernel":
        kind = "f32" if real is float32 else "f64"
        products = re.findall(rf"fma\.rn\.{kind}", ptx)
        assert len(products) >= loops.CELLS * loops.CHANNELS
        # indexed by constants alone, arrays of a thread are registers
        assert ".local" not in ptx
