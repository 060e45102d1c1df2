from __future__ import annotations

import subprocess
import sys

import numpy as np

from hyperhex.kernels.threads import spread


def test_kernels_need_numpy_and_numba_alone() -> None:
    # a module that is None cannot be imported
    code = (
        "import sys\n"
        "others = 'scipy torch dask zarr pydantic yaml safetensors sklearn matplotlib'\n"
        "sys.modules.update(dict.fromkeys(others.split()))\n"
        "from hyperhex import kernels\n"
        "print(kernels.neighbourhood(kernels.axial_rings(1), 1)[0].tolist())\n"
        "print('numba.cuda.cudadrv.driver' in sys.modules)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split("\n")[:2] == ["[0, 1, 2, 3, 4, 5, 6]", "False"]


def test_threads_share_a_range_once() -> None:
    for number in (0, 1, 7, 64):
        for threads in (1, 2, 3, 9):
            count = np.zeros(number, np.int64)

            def run(start: int, stop: int, count: np.ndarray = count) -> None:
                assert start % 4 == 0
                count[start:stop] += 1

            spread(run, number, threads, block=4)
            assert (count == 1).all()
