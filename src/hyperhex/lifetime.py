"""A command ends with the production that started it, even if that was killed outright."""

from __future__ import annotations

import os
import select
import signal
import threading

__all__ = ["PARENT", "follow_parent"]

# set by the Snakefile, and by a command for its own child processes
PARENT = "HYPERHEX_PARENT"


def follow_parent() -> None:
    """Terminate this process when the one named in the environment is gone.

    Without this, jobs of a killed Snakemake would go on and meet their own repetition.
    """
    parent = os.environ.get(PARENT, "")
    if not parent.isdigit() or not hasattr(os, "pidfd_open"):
        return
    try:
        descriptor = os.pidfd_open(int(parent))
    except ProcessLookupError:
        # another machine's process number: a cluster job is followed by its scheduler
        return
    threading.Thread(target=_wait, args=(descriptor,), daemon=True).start()


def _wait(descriptor: int) -> None:
    select.select([descriptor], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
