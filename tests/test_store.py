from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hyperhex import store
from hyperhex.errors import StoreError
from hyperhex.spool import Spool

SCHEMA = {
    "deposits": store.Array("float32", ("shower", "cell"), "GeV", "visible energy"),
    "energy": store.Array("float32", ("shower",), "GeV", "energy of the particle"),
    "mass": store.Array("float64", ("point",), "GeV", "mass of the point"),
}
SIZES = {"shower": 10, "cell": 3, "point": 2}
ROWS = {"shower": 4, "point": 2}


def begin(path: Path, seed: int = 1) -> store.Draft:
    return store.create(
        path, SCHEMA, sizes=SIZES, rows=ROWS, settings={"seed": seed}, attributes={"mip": 8e-5}
    )


def shard(draft: store.Draft, index: int) -> dict[str, np.ndarray]:
    rows = np.arange(SIZES["shower"])[draft.bounds("shower", index)]
    return {"deposits": rows[:, None] + np.arange(3), "energy": rows}


def fill(draft: store.Draft, order: tuple[int, ...] = (0, 1, 2)) -> None:
    for index in order:
        draft.write("shower", index, shard(draft, index))
    draft.write("point", 0, {"mass": [100.0, 200.0]})


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    path = tmp_path / "showers.zarr"
    draft = begin(path)
    fill(draft)
    draft.publish()
    return path


def test_what_goes_in_comes_out(complete: Path) -> None:
    opened = store.open(complete)
    assert np.array_equal(opened["energy"][:], np.arange(10))
    assert np.array_equal(opened["deposits"][3:9, 1], np.arange(3, 9) + 1)
    assert opened.attributes == {"mip": 8e-5}
    assert opened.sizes == SIZES
    assert opened["energy"].attrs["unit"] == "GeV"
    opened.verify()


def test_dask_blocks_are_whole_shards(complete: Path) -> None:
    blocks = store.open(complete).dask("deposits")
    assert blocks.chunks == ((4, 4, 2), (3,))
    assert float(blocks.sum().compute()) == pytest.approx(3 * 45 + 10 * 3)


def test_the_order_of_writing_leaves_no_trace(tmp_path: Path) -> None:
    manifests = []
    for name, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
        draft = begin(tmp_path / name / "showers.zarr")
        fill(draft, order)
        draft.publish()
        manifests.append(store.manifest_path(draft.path).read_bytes())
    assert manifests[0] == manifests[1]


def test_a_half_made_store_is_resumed_but_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "showers.zarr"
    draft = begin(path)
    draft.write("shower", 1, shard(draft, 1))
    with pytest.raises(StoreError, match="does not exist"):
        store.open(path)
    with pytest.raises(StoreError, match="shards missing"):
        draft.publish()
    resumed = begin(path)
    assert [resumed.finished("shower", index) for index in range(3)] == [False, True, False]
    assert not begin(path, seed=2).finished("shower", 1)


def test_a_complete_store_sweeps_what_other_settings_left(tmp_path: Path) -> None:
    path = tmp_path / "showers.zarr"
    begin(path, seed=1)
    Spool(path, {"seed": 1}).save("0", {"px": np.arange(3.0)})
    draft = begin(path, seed=2)
    fill(draft)
    draft.publish()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "showers.manifest.json",
        "showers.zarr",
    ]


def test_a_store_without_manifest_is_incomplete(complete: Path) -> None:
    store.manifest_path(complete).unlink()
    with pytest.raises(StoreError, match=r"incomplete .*snakemake"):
        store.open(complete)


def test_a_lost_shard_is_named(complete: Path) -> None:
    (complete / "deposits" / "c" / "1" / "0").unlink()
    with pytest.raises(StoreError, match="shard 1 of deposits is missing"):
        store.open(complete)


def test_a_changed_shard_is_found(complete: Path) -> None:
    damaged = complete / "energy" / "c" / "2"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    with pytest.raises(StoreError, match="not what its manifest says"):
        store.open(complete).verify()


def test_another_schema_is_refused(complete: Path) -> None:
    manifest = store.manifest_path(complete)
    record = json.loads(manifest.read_text())
    record["sizes"]["shower"] = 11
    manifest.write_text(json.dumps(record))
    with pytest.raises(StoreError, match="its manifest says"):
        store.open(complete)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"energy": np.zeros(4)}, "expected"),
        ({"energy": np.zeros(3), "deposits": np.zeros((4, 3))}, r"\(3,\) given, expected \(4,\)"),
    ],
)
def test_less_than_a_whole_shard_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        begin(tmp_path / "showers.zarr").write("shower", 0, arrays)


def test_an_axis_without_rows_makes_a_valid_store(tmp_path: Path) -> None:
    schema = {"energy": SCHEMA["energy"]}
    path = tmp_path / "empty.zarr"
    draft = store.create(path, schema, sizes={"shower": 0}, rows={"shower": 4}, settings={})
    draft.publish()
    assert store.open(path)["energy"][:].shape == (0,)


def test_inputs_enter_the_manifest_by_their_digest(complete: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1")
    draft = store.create(
        tmp_path / "b.zarr", SCHEMA, sizes=SIZES, rows=ROWS, settings={}, inputs=[complete, folder]
    )
    assert draft.record["inputs"]["showers.zarr"] == store.open(complete).digest
    with pytest.raises(StoreError, match="no such input"):
        store.create(
            tmp_path / "c.zarr",
            SCHEMA,
            sizes=SIZES,
            rows=ROWS,
            settings={},
            inputs=[tmp_path / "nothing.zarr"],
        )
