"""The one way that kernels are compiled: Numba with a cache on disk that cannot go stale.

Numba keys its cache by the file of the compiled function alone, so that an edit of a function that
is called from another module would go unseen. The cache folder therefore carries the digest of all
kernel sources. One folder may be shared by every worker and machine: Numba adds the processor and
its own version to the key.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numba

__all__ = ["cache_folder", "compiled", "uncounted"]

Function = TypeVar("Function", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Folder of the compiled kernels: NUMBA_CACHE_DIR or the user's cache, then the digest."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(given) if given else _user_cache() / "hyperhex"
    digest = blake2b(digest_size=8)
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(
            str(source.relative_to(Path(__file__).parent)).encode() + b"\0" + source.read_bytes()
        )
    return base / f"kernels-{digest.hexdigest()}"


def compiled(function: Function, **options: Any) -> Function:
    """Numba's compilation of a function to machine code; division by zero gives inf."""
    options = {"cache": True, "error_model": "numpy", "nogil": True, **options}
    return numba.njit(**options)(function)


def uncounted(function: Function) -> Function:
    """Compile a function that allocates no array, so that no references need be counted.

    The counting is atomic and would take half the time of a shower's transport.
    """
    return compiled(function, _nrt=False)


def _user_cache() -> Path:
    """Cache folder of the user; where the home is read-only, a folder of the user in /tmp."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    writable = next((p for p in (cache, *cache.parents) if p.exists()), Path("/"))
    if os.access(writable, os.W_OK):
        return cache
    return Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"


# Numba fixes the place of a function's cache when it is decorated: this must come before.
numba.config.CACHE_DIR = str(cache_folder())
