"""Parts in child processes of their own: what hangs or crashes there ends there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from hyperhex.errors import GenerationError
from hyperhex.lifetime import PARENT

__all__ = ["Job", "last_resort", "run"]

_GRACE = 30


@dataclass(frozen=True)
class Job:
    """A part to be made: where its settings are, which it is, how messages name it."""

    settings: Path
    point: int
    part: int
    output: Path
    time_limit: float
    name: str
    commands: tuple[str, ...]


def run(job: Job) -> tuple[Job, float]:
    """Run `hyperhex generate part` for a job; how long it took [s].

    Raises `GenerationError` with the child's own message if it fails, and by name if it is
    killed or needs longer than the job's time limit.
    """
    start = time.monotonic()
    try:
        child = subprocess.run(  # noqa: S603, RUF100
            _command(job),
            env={**os.environ, PARENT: str(os.getpid()), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=job.time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = (
            f"{job.name}: no end after {job.time_limit:g} s, killed; the generator hangs at these"
            f" settings, or generate.events_per_part is too many for generate.time_limit:"
            f" {'; '.join(job.commands)}"
        )
        raise GenerationError(msg) from error
    if child.returncode != 0:
        raise GenerationError(_reason(job, child))
    return job, time.monotonic() - start


@contextmanager
def last_resort(time_limit: float) -> Iterator[None]:
    """Ends this process some time after the limit, even inside a call that never returns.

    The parent enforces the limit itself; this is for a child whose parent is gone.
    """
    # the default action needs no Python code, which would wait for the call to return
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(ceil(time_limit) + _GRACE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _command(job: Job) -> list[str]:
    return [
        *(sys.executable, "-m", "hyperhex.cli", "generate", "part"),
        *("--settings", str(job.settings)),
        *("--point", str(job.point)),
        *("--part", str(job.part)),
        *("--output", str(job.output)),
    ]


def _reason(job: Job, child: subprocess.CompletedProcess[str]) -> str:
    lines = child.stderr.strip().splitlines()
    if child.returncode == 1:
        told = [line for line in lines if line.startswith("hyperhex generate: ")]
        if told:
            first = lines.index(told[-1])
            return "\n".join(lines[first:]).removeprefix("hyperhex generate: ")
    if child.returncode < 0:
        end = f"killed by signal {signal.Signals(-child.returncode).name}"
    else:
        end = f"exit code {child.returncode}"
    last = " | ".join((child.stdout.strip().splitlines() + lines)[-5:])
    return f"{job.name}: the generator ended with {end}; its last words: {last or 'none'}"
