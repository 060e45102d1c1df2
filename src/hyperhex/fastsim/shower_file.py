"""Files of showers in the layout of the CaloChallenge (arXiv:2410.21611), whoever made them.

Such a file is HDF5 with two datasets, compressed with gzip: `incident_energies` (n, 1) and
`showers` (n, n_voxels), both [MeV], the voxels of a layer side by side and layers from the front to
the back. Ours hold `impact_points` (n, 2) [cm] too, and say in attributes of the file which
particle it is, how many voxels each layer has (`voxels_per_layer`), the threshold of a voxel [MeV]
and the width of a cell (`pitch`) [cm]; readers of the bare layout need not know.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import StoreError
from hyperhex.random import stream

__all__ = ["ENERGIES", "IMPACTS", "LAYERS", "SHOWERS", "ShowerFile", "read", "write"]

log = logging.getLogger(__name__)

ENERGIES, SHOWERS, IMPACTS = "incident_energies", "showers", "impact_points"
LAYERS = "voxels_per_layer"

_LEAST = 40
_CHUNK = 256
_BLOCK_VALUES = 1 << 24
_SILENCE = 5.0  # [s]


@dataclass(frozen=True)
class ShowerFile:
    """Showers of a file: energy (n,) [MeV], voxels (n, n_voxels) [MeV], voxels of each layer."""

    path: Path
    energy: NDArray[np.float64]
    voxels: NDArray[np.float32]
    layers: tuple[int, ...] | None

    def __len__(self) -> int:
        return len(self.energy)


def write(
    path: Path,
    number: int,
    blocks: Iterable[Mapping[str, NDArray[Any]]],
    attributes: Mapping[str, Any],
) -> None:
    """Write `number` showers block by block; the file has its name only when it is whole.

    A block holds rows of every dataset by name; they are written as float32.
    """
    import h5py

    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(partial, "w") as file:
            file.attrs.update(attributes)
            _fill(file, number, blocks)
        partial.replace(path)
    except StoreError:
        raise
    except OSError as error:
        msg = f"{path}: cannot be written ({error}); the disk may be full, or choose another folder"
        raise StoreError(msg) from error
    finally:
        partial.unlink(missing_ok=True)


def _fill(file: Any, number: int, blocks: Iterable[Mapping[str, NDArray[Any]]]) -> None:
    start = last = time.monotonic()
    done = 0
    for block in blocks:
        rows = slice(done, done + len(block[ENERGIES]))
        for name, values in block.items():
            if name not in file:
                _create(file, name, (number, *values.shape[1:]))
            file[name][rows] = values
        done, now = rows.stop, time.monotonic()
        if done == number or now - last > _SILENCE:
            left = (now - start) / done * (number - done)
            log.info("%d/%d showers written, %.0f s left", done, number, left)
            last = now


def _create(file: Any, name: str, shape: tuple[int, ...]) -> None:
    chunks = (min(_CHUNK, shape[0]), *shape[1:])
    packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    file.create_dataset(name, shape, "float32", chunks=chunks, **packed)


def read(path: Path, most: int, seed: int) -> ShowerFile:
    """Showers of a file, of more than `most` a random choice in the file's order.

    All of the file is looked through first: what is missing, of another shape, not finite, negative
    or empty raises `StoreError` with the file, the dataset and the first row at fault.
    """
    import h5py

    if not path.is_file():
        msg = f"{path}: no such file; `hyperhex fastsim export` writes such files"
        raise StoreError(msg)
    try:
        with h5py.File(path, "r") as file:
            energies, showers = _dataset(file, path, ENERGIES), _dataset(file, path, SHOWERS)
            _check_shapes(path, energies.shape, showers.shape)
            layers = tuple(int(cells) for cells in file.attrs.get(LAYERS, ())) or None
            order = stream(seed, "fastsim", "rows").permutation(len(showers))
            chosen = np.sort(order[:most])
            energy = _energies(path, energies[:])[chosen]
            return ShowerFile(path, energy, _voxels(path, showers, chosen), layers)
    except StoreError:
        raise
    except OSError as error:
        msg = f"{path}: not a whole HDF5 file ({error}); write it again"
        raise StoreError(msg) from error


def _dataset(file: Any, path: Path, name: str) -> Any:
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        msg = (
            f"{path}: no dataset {name!r}, it holds {sorted(file)}; expected {ENERGIES!r} (n, 1)"
            f" and {SHOWERS!r} (n, voxels), both in MeV"
        )
        raise StoreError(msg)
    if found.dtype.kind not in "fiu":
        msg = f"{path}: dataset {name!r} is of type {found.dtype}, expected numbers in MeV"
        raise StoreError(msg)
    return found


def _check_shapes(path: Path, energies: tuple[int, ...], showers: tuple[int, ...]) -> None:
    number = showers[0] if showers else 0
    if len(showers) != 2 or showers[1] == 0 or energies not in {(number, 1), (number,)}:
        msg = (
            f"{path}: dataset {ENERGIES!r} is of shape {energies} and {SHOWERS!r} of shape"
            f" {showers}, expected (n, 1) and (n, voxels) with the same n"
        )
        raise StoreError(msg)
    if number < _LEAST:
        msg = f"{path}: dataset {SHOWERS!r} has {number} showers, at least {_LEAST} are needed"
        raise StoreError(msg)


def _energies(path: Path, energies: NDArray[Any]) -> NDArray[np.float64]:
    energy = energies.reshape(-1).astype(np.float64)
    _check_rows(path, ENERGIES, ~(np.isfinite(energy) & (energy > 0)), 0, "not positive")
    return energy


def _voxels(path: Path, showers: Any, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """Chosen rows, read in blocks so that memory holds little more than them."""
    rows = max(1, _BLOCK_VALUES // showers.shape[1])
    kept = []
    for start in range(0, len(showers), rows):
        block = showers[start : start + rows]
        _check_rows(path, SHOWERS, ~np.isfinite(block).all(axis=1), start, "not finite")
        _check_rows(path, SHOWERS, (block < 0).any(axis=1), start, "negative")
        inside = chosen[(chosen >= start) & (chosen < start + rows)] - start
        kept.append(block[inside].astype(np.float32))
    voxels = np.concatenate(kept)
    if not voxels.any():
        msg = f"{path}: dataset {SHOWERS!r} is empty: there is no energy in any shower"
        raise StoreError(msg)
    return voxels


def _check_rows(path: Path, name: str, bad: NDArray[np.bool_], start: int, what: str) -> None:
    if bad.any():
        row = start + int(np.argmax(bad))
        msg = f"{path}: dataset {name!r} is {what} in row {row} (counted from 0); mend the file"
        raise StoreError(msg)
