"""Digests, versions and JSON files that say how a result came about."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["code_digest", "digest_file", "digest_of", "read_json", "versions", "write_json"]

_PACKAGE = Path(__file__).parent
_BLOCK = 1 << 20
_RELEVANT = ("hyperhex", "numpy", "numba", "pythia8mc", "torch", "xgboost-cpu", "zarr")


def digest_file(path: Path) -> str:
    """Digest of a file's bytes (blake2b, 128 bits)."""
    state = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def digest_of(value: object) -> str:
    """Digest of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def code_digest(packages: Iterable[str]) -> str:
    """Digest of the modules of some of hyperhex's packages."""
    files = {
        str(path.relative_to(_PACKAGE)): digest_file(path)
        for package in packages
        for path in sorted((_PACKAGE / package).rglob("*.py"))
    }
    return digest_of(files)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _RELEVANT}


def write_json(path: Path, value: object) -> None:
    """Write a value with sorted keys in one atomic step; NaN and infinity are refused."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text + "\n")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """Value in a JSON file."""
    return json.loads(path.read_text())
