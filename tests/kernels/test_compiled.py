from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hyperhex.kernels
from hyperhex.kernels.compiled import sources

KERNELS = Path(hyperhex.kernels.__file__).parent

# compiles one kernel for the types that are asked for, and says how many came from the cache
CALL = """
import sys
import numpy as np
from hyperhex.kernels.cones import _fill_sums
kind, wide = sys.argv[1:]
event, first = np.zeros(3, np.int32), np.array([0, 2])
axis, other = np.zeros(3, kind), np.zeros(2, wide)
sums = np.zeros(3)
_fill_sums(event, axis, axis, first, other, other, np.array([1.0, 2.0], wide), 0.4, sums)
assert sums.tolist() == [3.0, 3.0, 3.0], sums
print(sum(_fill_sums.stats.cache_hits.values()))
"""
KINDS = [("f4", "f8"), ("f8", "f4")]


def _start(cache: Path, kind: str, wide: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CALL, kind, wide],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


def _hits(workers: list[subprocess.Popen[str]]) -> list[int]:
    printed = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    return [int(text) for text in printed]


def test_workers_that_compile_at_once_share_one_cache(tmp_path: Path) -> None:
    # each of two signatures twice, all four processes on an empty folder
    _hits([_start(tmp_path, *kinds) for kinds in KINDS * 2])
    files = list(tmp_path.rglob("*_fill_sums*.nbc"))
    assert len(files) == len(KINDS)
    # a damaged file counts as missing
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[: len(whole) // 2])
    assert sorted(_hits([_start(tmp_path, *kinds) for kinds in KINDS])) == [0, 1]
    assert files[0].stat().st_size > len(whole) // 2


def test_sources_are_what_a_function_can_reach() -> None:
    of_transport = sources(KERNELS / "shower" / "transport.py")
    assert KERNELS / "counter.py" in of_transport
    assert KERNELS / "hexagonal" / "lattice.py" in of_transport
    assert KERNELS / "cones.py" not in of_transport
    of_cones = [file.name for file in sources(KERNELS / "cones.py")]
    assert of_cones == ["compiled.py", "cones.py"]


# whether the extensions of Numba are loaded after a kernel's first call and after another's
EXTENDED = """
import sys
import numba, numba.core.entrypoints as entrypoints
from hyperhex.kernels.shower.totals import born_pair
born_pair(1.0)
print(entrypoints._already_initialized)
numba.njit(lambda x: x)(1.0)
print(entrypoints._already_initialized)
"""


def test_kernels_leave_the_extensions_of_numba_to_others(tmp_path: Path) -> None:
    for cached in (False, True):
        printed = subprocess.run(
            [sys.executable, "-c", EXTENDED],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        # a compilation may load them, a kernel from the cache must not
        assert printed.split()[1] == "True"
        if cached:
            assert printed.split()[0] == "False"
