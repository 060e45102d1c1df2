"""Work of a compiled loop spread over threads; the loops hold no interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

__all__ = ["spread"]


def spread(run: Callable[[int, int], None], number: int, threads: int, block: int = 1) -> None:
    """Call `run(start, stop)` so that the ranges cover 0 to `number`, one range a thread.

    Ranges begin at multiples of `block`: a loop that sums block by block gives the same bytes on
    any number of threads. One thread calls `run` where it stands.
    """
    if threads < 1:
        msg = f"threads={threads} given, expected at least 1"
        raise ValueError(msg)
    blocks = -(-number // block)
    threads = min(threads, blocks)
    if threads <= 1:
        run(0, number)
        return
    edges = [min(number, block * (blocks * k // threads)) for k in range(threads + 1)]
    pool = _pool(os.getpid(), threads - 1)
    waiting = [pool.submit(run, edges[k], edges[k + 1]) for k in range(1, threads)]
    run(edges[0], edges[1])
    for one in waiting:
        one.result()


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work; a forked process makes its own."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"hyperhex-kernels-{process}")
