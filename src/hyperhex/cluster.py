"""The only maker of Dask clients; the same work runs without Dask, with the same results.

A Dask address is `none` (this process), `local` (one single-threaded worker per thread),
`tcp://host:port` or a scheduler file (attach, never shut down), or `slurm` (worker jobs by
dask-jobqueue, from a login node).
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hyperhex.errors import ConfigError, HyperhexError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Context", "compute", "connect"]

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_BETWEEN_LINES = 10.0
_ALLOWED_DEATHS = 3
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Context:
    """Where a command runs: knobs of the machine that never change a result."""

    dask: str = "none"
    threads: int = 1
    memory: str = "2GB"
    parts_per_task: int = 1


@contextmanager
def connect(spec: str, *, threads: int = 1, memory: str = "2GB") -> Iterator[Client | None]:
    """Dask client for an address, None for `none`.

    `threads` is the number of single-threaded workers that share `memory`. Raises `ConfigError`
    for an address that is none of the known kinds, or where nobody answers.
    """
    if spec == "none":
        yield None
        return
    import dask
    import distributed  # noqa: F401  # sets its loggers up, which are quietened below

    dask.config.set({"distributed.scheduler.allowed-failures": _ALLOWED_DEATHS})
    # what goes wrong comes back with the results; the rest is the library talking to itself
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if spec == "local":
        with _local(threads, memory) as client:
            yield client
    elif spec == "slurm":
        with _slurm(threads, memory) as client:
            yield client
    else:
        with _attach(spec) as client:
            yield client


def compute(
    client: Client | None,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    per_task: int = 1,
) -> Iterator[Result]:
    """Results of `function` for all items in order of completion, with progress in the log.

    A task takes `per_task` items, so that short ones can share the cost of a task.
    """
    start = last = time.monotonic()
    tasks = [list(items[first : first + per_task]) for first in range(0, len(items), per_task)]
    done = 0
    for results in _each(client, function, tasks):
        done += len(results)
        yield from results
        now = time.monotonic()
        if now - last > _SECONDS_BETWEEN_LINES or done == len(items):
            last = now
            left = (now - start) / done * (len(items) - done)
            log.info("%s: %d of %d parts, %.0f s to go", label, done, len(items), left)


def _each(
    client: Client | None, function: Callable[[Item], Result], tasks: list[list[Item]]
) -> Iterator[list[Result]]:
    if client is None:
        for task in tasks:
            yield _run(function, task)
        return
    from distributed import KilledWorker, as_completed

    futures = [client.submit(_run, function, task, pure=False) for task in tasks]
    try:
        for future in as_completed(futures):
            yield future.result()
            future.release()
    except KilledWorker as error:
        msg = (
            f"a worker died {_ALLOWED_DEATHS + 1} times at the same part: {error}; give the rule"
            " more memory (mem_mb) or look into the worker's log"
        )
        raise HyperhexError(msg) from error
    finally:
        client.cancel(futures)


def _run(function: Callable[[Item], Result], task: list[Item]) -> list[Result]:
    return [function(item) for item in task]


@contextmanager
def _local(threads: int, memory: str) -> Iterator[Client]:
    from dask.utils import parse_bytes
    from distributed import Client, LocalCluster

    with (
        _single_threaded_libraries(),
        tempfile.TemporaryDirectory(prefix="hyperhex-dask-") as scratch,
        LocalCluster(
            n_workers=threads,
            threads_per_worker=1,
            memory_limit=parse_bytes(memory) // threads,
            dashboard_address=None,
            # whatever port is free: another cluster of this machine may have the usual one
            scheduler_kwargs={"dashboard_address": ":0"},
            local_directory=scratch,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        log.info("dask: %d local workers, %s in all", threads, memory)
        yield client


@contextmanager
def _slurm(threads: int, memory: str) -> Iterator[Client]:
    from dask_jobqueue import SLURMCluster
    from distributed import Client

    with (
        SLURMCluster(cores=1, processes=1, memory=memory, death_timeout=60) as cluster,
        Client(cluster) as client,
    ):
        # adapt, not scale: a worker job that is cancelled is replaced
        cluster.adapt(minimum_jobs=threads, maximum_jobs=threads, interval="5s")
        log.info("dask: %d worker jobs under Slurm, %s each", threads, memory)
        yield client


@contextmanager
def _attach(spec: str) -> Iterator[Client]:
    from distributed import Client

    is_file = Path(spec).is_file()
    if not is_file and not spec.startswith(("tcp://", "tls://")):
        msg = (
            f"--dask: {spec!r} given, expected none, local, slurm, tcp://host:port"
            " or an existing scheduler file"
        )
        raise ConfigError([msg])
    address: dict[str, Any] = {"scheduler_file": spec} if is_file else {"address": spec}
    try:
        client = Client(**address, timeout="20s")
    except (OSError, ValueError) as error:
        msg = f"--dask: no scheduler answers at {spec}: {error}; is it still running?"
        raise ConfigError([msg]) from error
    with client:
        client.wait_for_workers(1, timeout=60)
        log.info("dask: attached to %s, %d workers", spec, len(client.scheduler_info()["workers"]))
        yield client


@contextmanager
def _single_threaded_libraries() -> Iterator[None]:
    """Environment of new workers in which each numerical library uses one thread."""
    before = {name: os.environ.get(name) for name in (*_THREAD_VARIABLES, "NUMBA_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
