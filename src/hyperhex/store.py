"""The only opener of Zarr: sharded stores that are whole or absent, each with a manifest.

A store is built in a hidden sibling folder, shard by shard; one task writes whole shards and
nothing less, so no two writers ever meet. When every shard is there the folder is renamed to the
store's path, and a manifest beside it (schema, digests of every shard, settings, versions, digests
of the inputs) is written last. What died half-way is resumed shard by shard.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import StoreError
from hyperhex.provenance import (
    code_digest,
    digest_file,
    digest_of,
    read_json,
    versions,
    write_json,
)

if TYPE_CHECKING:
    import zarr

__all__ = ["Array", "Draft", "Schema", "Store", "create", "manifest_path", "open"]  # noqa: A001, RUF100

_FORMAT = 1
_CHUNK_BYTES = 4_000_000


@dataclass(frozen=True)
class Array:
    """What an array holds: its type, its named axes, its unit and its meaning."""

    dtype: str
    axes: tuple[str, ...]
    unit: str
    meaning: str


Schema = Mapping[str, Array]


@dataclass(frozen=True)
class Draft:
    """A store under construction; any process may write any of its shards.

    `sizes` are the lengths of the axes, `rows` the rows of one shard along each row axis (the
    first axis of an array), `record` what the manifest will say.
    """

    path: Path
    folder: Path
    schema: Schema
    sizes: Mapping[str, int]
    rows: Mapping[str, int]
    record: Mapping[str, Any] = field(repr=False)

    def shards(self, axis: str) -> int:
        """Number of shards along a row axis."""
        return ceil(self.sizes[axis] / self.rows[axis])

    def bounds(self, axis: str, index: int) -> slice:
        """Rows of a shard."""
        start = index * self.rows[axis]
        return slice(start, min(start + self.rows[axis], self.sizes[axis]))

    def finished(self, axis: str, index: int) -> bool:
        """Whether all arrays along `axis` hold this shard."""
        return all(self._shard(name, index).exists() for name in self._arrays(axis))

    def write(self, axis: str, index: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write one whole shard of every array along `axis`.

        Raises `StoreError` if an array is missing, unknown, or not of the shard's shape.
        """
        names = self._arrays(axis)
        if set(names) != set(arrays):
            msg = f"{self.path}: {sorted(arrays)} given for axis {axis}, expected {sorted(names)}"
            raise StoreError(msg)
        import zarr

        rows = self.bounds(axis, index)
        for name in names:
            values = np.asarray(arrays[name], dtype=self.schema[name].dtype)
            shape = (rows.stop - rows.start, *self._shape(name)[1:])
            if values.shape != shape:
                msg = f"{self.path}: {name} of shape {values.shape} given, expected {shape}"
                raise StoreError(msg)
            # open_array drops its own `config`, and a shard of zeros would then have no file
            with zarr.config.set({"array.write_empty_chunks": True}):
                array = zarr.open_array(self.folder / name, mode="r+")
            array[rows] = values

    def publish(self) -> None:
        """Check that every shard is there, rename the store to its path, write its manifest."""
        missing = [
            f"{name} shard {index}"
            for name, array in self.schema.items()
            for index in range(self.shards(array.axes[0]))
            if not self._shard(name, index).exists()
        ]
        if missing:
            msg = f"{self.path}: cannot be published, {len(missing)} shards missing: {missing[:3]}"
            raise StoreError(msg)
        for leftover in self.folder.rglob("*.partial"):
            leftover.unlink()
        digests = {name: self._digests(name) for name in sorted(self.schema)}
        manifest_path(self.path).unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)
        self.folder.replace(self.path)
        record = {**self.record, "shards": digests, "digest": digest_of(digests)}
        write_json(manifest_path(self.path), record)
        _sweep(self.path)

    def _arrays(self, axis: str) -> list[str]:
        return [name for name, array in self.schema.items() if array.axes[0] == axis]

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.sizes[axis] for axis in self.schema[name].axes)

    def _shard(self, name: str, index: int) -> Path:
        rest = ["0"] * (len(self.schema[name].axes) - 1)
        return self.folder.joinpath(name, "c", str(index), *rest)

    def _digests(self, name: str) -> list[str]:
        number = self.shards(self.schema[name].axes[0])
        return [digest_file(self._shard(name, index)) for index in range(number)]


class Store:
    """A complete store, read lazily: `store["deposits"][:100]` is a NumPy array."""

    def __init__(self, path: Path, manifest: Mapping[str, Any], group: zarr.Group) -> None:
        self.path = path
        self.manifest = manifest
        self._group = group

    @property
    def attributes(self) -> dict[str, Any]:
        """What the writer said about the store as a whole."""
        return dict(self.manifest["attributes"])

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the axes."""
        return dict(self.manifest["sizes"])

    @property
    def rows(self) -> dict[str, int]:
        """Rows of one shard along each row axis."""
        return dict(self.manifest["rows"])

    @property
    def digest(self) -> str:
        """Digest of all data."""
        return str(self.manifest["digest"])

    def __contains__(self, name: str) -> bool:
        return name in self.manifest["schema"]

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            msg = f"{self.path}: no array {name}, it holds {sorted(self.manifest['schema'])}"
            raise StoreError(msg)
        return self._group[name]

    def dask(self, name: str) -> Any:
        """The array as a Dask array whose blocks are whole shards."""
        import dask.array as da

        array = self[name]
        blocks: Any = da.from_array  # type: ignore[no-untyped-call,unused-ignore]
        return blocks(array, chunks=array.shards, name=f"{name}-{self.digest}")

    def verify(self) -> None:
        """Compare every shard with its digest; raises `StoreError` for the first that differs."""
        for name, digests in self.manifest["shards"].items():
            rest = ["0"] * (self[name].ndim - 1)
            for index, digest in enumerate(digests):
                file = self.path.joinpath(name, "c", str(index), *rest)
                if digest_file(file) != digest:
                    msg = (
                        f"{file}: not what its manifest says; delete {self.path} and make it again"
                    )
                    raise StoreError(msg)


def create(
    path: Path,
    schema: Schema,
    *,
    sizes: Mapping[str, int],
    rows: Mapping[str, int],
    settings: Any,
    attributes: Mapping[str, Any] | None = None,
    inputs: Iterable[Path] = (),
    code: Sequence[str] = (),
) -> Draft:
    """Draft of a store, new or resumed from one of the same settings, inputs and code.

    `rows` are the rows of one shard along each row axis, `inputs` the stores, folders and files
    that the data come from, `code` the packages of hyperhex that make them.
    """
    record: dict[str, Any] = {
        "format": _FORMAT,
        "schema": {name: asdict(array) for name, array in schema.items()},
        "sizes": dict(sizes),
        "rows": dict(rows),
        "settings": settings,
        "attributes": dict(attributes or {}),
        "inputs": {source.name: _digest_input(source) for source in map(Path, inputs)},
        "code": code_digest(code),
        "versions": versions(),
    }
    folder = path.parent / f".{path.name}.{digest_of(record)[:12]}"
    draft = Draft(path, folder, dict(schema), dict(sizes), dict(rows), record)
    if not (folder / "zarr.json").exists():
        _lay_out(draft)
    return draft


def open(path: Path) -> Store:  # noqa: A001
    """A complete store; raises `StoreError` that says what is wrong, where, and what to do."""
    manifest_file = manifest_path(path)
    if not manifest_file.exists():
        state = "is incomplete (it has no manifest)" if path.exists() else "does not exist"
        msg = f"{path}: the store {state}; `snakemake {path}` makes it"
        raise StoreError(msg)
    manifest = read_json(manifest_file)
    if manifest.get("format") != _FORMAT:
        msg = f"{manifest_file}: format {manifest.get('format')} given, expected {_FORMAT}"
        raise StoreError(msg)
    if not (path / "zarr.json").exists():
        msg = f"{path}: the data are gone, only the manifest is left; delete it and make it again"
        raise StoreError(msg)
    import zarr

    store = Store(path, manifest, zarr.open_group(path, mode="r"))
    _check_whole(store)
    return store


def manifest_path(path: Path) -> Path:
    """Where the manifest of a store is: `ttbar.manifest.json` beside `ttbar.zarr`."""
    return path.with_suffix(".manifest.json")


def _lay_out(draft: Draft) -> None:
    import zarr

    shutil.rmtree(draft.folder, ignore_errors=True)
    draft.folder.mkdir(parents=True)
    for name, array in draft.schema.items():
        shape = draft._shape(name)  # noqa: SLF001, RUF100
        rows = draft.rows[array.axes[0]]
        rest = tuple(max(1, size) for size in shape[1:])
        dtype = np.dtype(array.dtype)
        zarr.create_array(
            draft.folder / name,
            shape=shape,
            dtype=dtype,
            shards=(rows, *rest),
            chunks=(_chunk_rows(rows, dtype.itemsize * prod(rest)), *rest),
            fill_value=np.nan if dtype.kind == "f" else 0,
            attributes={"axes": list(array.axes), "unit": array.unit, "meaning": array.meaning},
            dimension_names=array.axes,
            config={"write_empty_chunks": True},
        )
    # the group comes last: with it the layout is known to be whole
    zarr.create_group(draft.folder, attributes=dict(draft.record["attributes"]))


def _sweep(path: Path) -> None:
    """Delete what earlier settings left half-made beside a store that is now whole."""
    for leftover in path.parent.glob(f".{path.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)


def _chunk_rows(rows: int, row_bytes: int) -> int:
    """Largest divisor of a shard's rows whose chunk stays below the size that compresses well."""
    fitting = (n for n in range(rows, 0, -1) if rows % n == 0 and n * row_bytes <= _CHUNK_BYTES)
    return next(fitting, 1)


def _check_whole(store: Store) -> None:
    for name, described in store.manifest["schema"].items():
        shape = tuple(store.sizes[axis] for axis in described["axes"])
        try:
            array = store[name]
        except KeyError as error:
            msg = f"{store.path}: array {name} is missing; delete the store and make it again"
            raise StoreError(msg) from error
        if array.shape != shape or array.dtype != np.dtype(described["dtype"]):
            msg = (
                f"{store.path}: {name} is {array.dtype}{array.shape}, its manifest says"
                f" {described['dtype']}{shape}; delete the store and make it again"
            )
            raise StoreError(msg)
        rest = ["0"] * (len(shape) - 1)
        for index in range(len(store.manifest["shards"][name])):
            if not store.path.joinpath(name, "c", str(index), *rest).exists():
                msg = (
                    f"{store.path}: shard {index} of {name} is missing; delete it and make it again"
                )
                raise StoreError(msg)


def _digest_input(source: Path) -> str:
    if manifest_path(source).exists():
        return str(read_json(manifest_path(source))["digest"])
    if source.is_dir():
        state = blake2b(digest_size=16)
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            if not file.name.startswith("."):
                state.update(f"{file.relative_to(source)} {digest_file(file)}\n".encode())
        return state.hexdigest()
    if not source.exists():
        msg = f"{source}: no such input; `snakemake {source}` makes it"
        raise StoreError(msg)
    return digest_file(source)
