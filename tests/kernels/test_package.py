from __future__ import annotations

import subprocess
import sys

import numpy as np

from hyperhex.kernels.threads import spread


def test_kernels_import_numpy_and_numba_alone() -> None:
    code = (
        "import sys, hyperhex.kernels\n"
        "heavy = {'torch', 'scipy', 'dask', 'zarr', 'pydantic', 'numba.cuda.cudadrv.driver'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


def test_threads_share_a_range_once() -> None:
    for number in (0, 1, 7, 64):
        for threads in (1, 2, 3, 9):
            count = np.zeros(number, np.int64)

            def run(start: int, stop: int, count: np.ndarray = count) -> None:
                assert start % 4 == 0
                count[start:stop] += 1

            spread(run, number, threads, block=4)
            assert (count == 1).all()
