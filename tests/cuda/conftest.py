"""The CUDA loops, in Numba's simulator (`make test`) or on a real device (`make test-gpu`)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from numba import cuda

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

# one process has either the simulator or the compiler: in any other run there is nothing to test
if not SIMULATED and not cuda.is_available():
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if not SIMULATED and item.path.parent == here:
            item.add_marker(pytest.mark.gpu)
