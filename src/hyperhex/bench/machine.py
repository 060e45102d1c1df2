"""What the machine is, and how fast it moves bytes and multiplies: the limits of every kernel."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hyperhex.kernels.threads import spread

__all__ = ["Rates", "describe", "limited", "measure_rates", "rates_as_json", "versions"]

_BYTES = 1 << 28
_SIDE = 1536
_ROUNDS = 7


@dataclass(frozen=True)
class Rates:
    """Measured rates of some threads: copy [bytes/s, read + written], float32 product [flop/s]."""

    bandwidth: float
    operations: float

    def bound(self, moved: float, operations: float) -> float:
        """Least time [s] of work that moves bytes and does floating-point operations."""
        return max(moved / self.bandwidth, operations / self.operations)


def measure_rates(threads: int) -> Rates:
    """Median rates of a copy of 256 MB and of a float32 matrix product (BLAS of torch)."""
    import torch

    source = np.ones(_BYTES // 4, np.float32)
    target = np.zeros_like(source)

    def copy() -> None:
        spread(lambda start, stop: np.copyto(target[start:stop], source[start:stop]), *size)

    size = (len(source), threads)
    left = torch.ones(_SIDE, _SIDE)
    right = torch.ones(_SIDE, _SIDE)
    with limited(threads):
        return Rates(2 * _BYTES / _typical(copy), 2 * _SIDE**3 / _typical(lambda: left @ right))


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Torch and every BLAS on a number of threads."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def describe() -> dict[str, str]:
    """Processor, its vector instructions, and the system."""
    told = dict(_processor())
    flags = set(told.get("flags", "").split())
    vectors = [name for name in ("avx512f", "avx2", "avx") if name in flags][:1]
    return {
        "processor": told.get("model name", platform.processor() or platform.machine()),
        "family": told.get("cpu family", "") + "." + told.get("model", ""),
        "vectors": ", ".join(vectors),
        "cache": told.get("cache size", ""),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Versions of installed distributions."""
    from importlib.metadata import version

    return {name: version(name) for name in names}


def rates_as_json(rates: Rates) -> dict[str, Any]:
    """Rates in GB/s and GFLOP/s."""
    return {name: value / 1e9 for name, value in asdict(rates).items()}


def _processor() -> Iterator[tuple[str, str]]:
    listed = Path("/proc/cpuinfo")
    if not listed.exists():
        return
    for line in listed.read_text().split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()


def _typical(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times)
