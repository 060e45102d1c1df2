"""The CUDA loops, in Numba's simulator (`make test`) or on a real device (`make test-gpu`)."""

import os

from numba import cuda

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

# one process has either the simulator or the compiler: in any other run there is nothing to test
if not SIMULATED and not cuda.is_available():
    collect_ignore_glob = ["test_*.py"]
