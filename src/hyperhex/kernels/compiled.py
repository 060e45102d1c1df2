"""The one way that kernels are compiled: Numba with a cache on disk that cannot go stale.

Numba keys its cache by the file of the compiled function alone, so that an edit of a function that
is called from another module goes unseen, and it lists the compiled signatures in an index that
two processes can overwrite. Here every signature has a file of its own, named by the signature and
by the sources that the function can reach: nothing is listed, nothing is ever overwritten with
anything else, and one folder is safe for every worker and machine.
"""

from __future__ import annotations

import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import entrypoints
from numba.core.caching import FunctionCache, IndexDataCacheFile

__all__ = ["ANY_ORDER", "compiled", "inlined", "sources", "uncounted"]

Function = TypeVar("Function", bound=Callable[..., Any])

ANY_ORDER = {"reassoc", "contract"}
"""As `fastmath`: terms may be summed in any order, so that loops over them use vector registers."""

_ROOT = Path(__file__).parent
_IMPORT = re.compile(r"^ *from hyperhex\.kernels\.?([\w.]*) import (\([^)]*\)|.+)$", re.MULTILINE)


def compiled(function: Function, **options: Any) -> Function:
    """Numba's compilation of a function to machine code; division by zero gives inf."""
    dispatcher = numba.njit(**{"error_model": "numpy", "nogil": True, **options})(function)
    if dispatcher is not function:  # NUMBA_DISABLE_JIT leaves the function as it is
        dispatcher._cache = _SourceCache(function)
        dispatcher._compilation_chain_init_hook = _no_extensions
    return dispatcher


def uncounted(function: Function) -> Function:
    """Compile a function that allocates no array, so that no references need be counted.

    The counting is atomic and would take half the time of a shower's transport.
    """
    return compiled(function, _nrt=False)


def inlined(function: Function, **options: Any) -> Function:
    """Compile a part of a kernel into each of its callers, uncounted.

    A call hands over every word of every array, which are a hundred for a shower's matter.
    """
    return compiled(function, _nrt=False, forceinline=True, **options)


def sources(file: Path) -> list[Path]:
    """Files whose text a compiled function depends on: its own and the kernels it may call."""
    found = {file}
    waiting = [file]
    while waiting:
        fresh = set(_imported(waiting.pop())) - found
        found |= fresh
        waiting += fresh
    return sorted(found)


def _no_extensions() -> None:
    """Stand in for the loading of other packages' extensions of Numba before a first call.

    Kernels take NumPy arrays and numbers alone, and to import all packages that extend Numba
    (those of `numba_extensions`) takes longer than to load the kernels from the cache.
    """


@contextmanager
def _extensions_put_off() -> Iterator[None]:
    """Leave the extensions of other packages to whoever compiles or loads a function next."""
    before = entrypoints._already_initialized
    entrypoints._already_initialized = True
    try:
        yield
    finally:
        entrypoints._already_initialized = before


class _SourceCache(FunctionCache):
    """Numba's cache of one function, in files that are named by signature and sources."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        file = Path(function.__code__.co_filename)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, file)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with _extensions_put_off():
            return super().load_overload(sig, target_context)


class _Files(IndexDataCacheFile):
    """One file for each signature; a file that cannot be read counts as missing."""

    def __init__(self, folder: str, name: str, file: Path) -> None:
        super().__init__(folder, name, None)
        self._folder, self._function, self._file = Path(folder), name, file

    def save(self, key: object, data: object) -> None:
        self._save_data(self._named(key), data)

    def load(self, key: object) -> object:
        try:
            return self._load_data(self._named(key))
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def flush(self) -> None:
        for path in self._folder.glob(f"{self._function}.*.nbc"):
            path.unlink(missing_ok=True)

    def _named(self, key: object) -> str:
        told = repr((numba.__version__, key, _digest(self._file)))
        return f"{self._function}.{blake2b(told.encode(), digest_size=12).hexdigest()}.nbc"


@cache
def _digest(file: Path) -> str:
    """Digest of all sources of a file's functions."""
    digest = blake2b(digest_size=16)
    for source in sources(file):
        digest.update(f"{source.name}\0".encode() + source.read_bytes())
    return digest.hexdigest()


def _imported(file: Path) -> Iterator[Path]:
    """Modules of the kernels that a file imports."""
    for base, names in _IMPORT.findall(file.read_text()):
        for module in (base, *(f"{base}.{name}" for name in re.findall(r"\w+", names))):
            path = _ROOT.joinpath(*module.split(".")).with_suffix(".py")
            if path.exists():
                yield path


def _cache_folder() -> Path:
    """Folder of the compiled kernels: NUMBA_CACHE_DIR or one in the user's cache."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    return Path(given) if given else _user_cache() / "hyperhex" / "kernels"


def _user_cache() -> Path:
    """Cache folder of the user; where the home is read-only, a folder of the user in /tmp."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    writable = next((p for p in (folder, *folder.parents) if p.exists()), Path("/"))
    if os.access(writable, os.W_OK):
        return folder
    return Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"


# Numba fixes the place of a function's cache when it is decorated: this must come before.
numba.config.CACHE_DIR = str(_cache_folder())
