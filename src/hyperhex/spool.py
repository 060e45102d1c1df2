"""Finished parts of ragged data, one file each, that wait for their store to be assembled."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.provenance import code_digest, digest_of

__all__ = ["Spool", "load_part", "save_part"]


@dataclass(frozen=True)
class Spool:
    """Finished parts of ragged data that wait for the store to be assembled, one file each."""

    folder: Path

    def __init__(self, path: Path, settings: object, code: Sequence[str] = ()) -> None:
        identity = digest_of({"settings": settings, "code": code_digest(code)})
        object.__setattr__(self, "folder", path.parent / f".{path.name}.parts-{identity[:12]}")
        self.folder.mkdir(parents=True, exist_ok=True)

    def file(self, key: str) -> Path:
        """Where a part is, or will be."""
        return self.folder / f"{key}.npz"

    def has(self, key: str) -> bool:
        """Whether a part is finished."""
        return self.file(key).exists()

    def save(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write a part in one atomic step."""
        save_part(self.file(key), arrays)

    def load(self, key: str) -> dict[str, NDArray[Any]]:
        """Arrays of a finished part."""
        return load_part(self.file(key))

    def remove(self) -> None:
        """Delete all parts, and those that earlier settings left."""
        name, _, _ = self.folder.name.rpartition("-")
        for folder in self.folder.parent.glob(f"{name}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def save_part(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to a file in one atomic step."""
    temporary = file.with_name(f".{file.stem}.partial.npz")
    np.savez(temporary, **dict(arrays))  # type: ignore[arg-type]  # numpy types only allow_pickle
    temporary.replace(file)


def load_part(file: Path) -> dict[str, NDArray[Any]]:
    """Named arrays of a file."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
