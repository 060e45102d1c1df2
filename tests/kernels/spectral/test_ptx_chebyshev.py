"""The CUDA loops compile for a real device, and float32 ones stay in that precision."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from numba import cuda, float32, float64, int32, int64
from numba.cuda import dispatcher
from numba.cuda.cudadrv import nvvm

from hyperhex.kernels.cuda import chebyshev


def has_nvvm() -> bool:
    try:
        nvvm.NVVM()
    except Exception:  # noqa: BLE001 -- whatever is missing, there is nothing to compile with
        return False
    return True


def loops(real: Any) -> dict[str, tuple[Any, ...]]:
    features, terms = real[:, :, ::1], real[:, :, :, ::1]
    table, values = int32[:, ::1], real[:, ::1]
    return {
        "copy_features": (features, terms, int64),
        "advance": (table, values, int32[::1], terms, int64, int64, int64, real),
        "add_term": (terms, int64, values, int64, features),
        "mix": (terms, features, real[::1], features),
    }


@pytest.mark.skipif(not has_nvvm(), reason="no libnvvm of a CUDA toolkit")
@pytest.mark.parametrize("real", [float32, float64], ids=str)
@pytest.mark.parametrize("name", ["copy_features", "advance", "add_term", "mix"])
def test_compiles(name: str, real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=(8, 0))
    )
    text, _ = cuda.compile_ptx(getattr(chebyshev, name).py_func, loops(real)[name], cc=(8, 0))
    assert ".visible .entry" in text
    if real is float32:
        assert ".f64" not in text
