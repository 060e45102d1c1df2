from __future__ import annotations

from pathlib import Path

import numpy as np

from hyperhex.spool import Spool


def test_a_spool_keeps_finished_parts_of_the_same_settings(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "ttbar.zarr", {"seed": 1})
    spool.save("0", {"px": np.arange(3.0)})
    again = Spool(tmp_path / "ttbar.zarr", {"seed": 1})
    assert again.has("0")
    assert not again.has("1")
    assert np.array_equal(again.load("0")["px"], np.arange(3.0))
    assert not Spool(tmp_path / "ttbar.zarr", {"seed": 2}).has("0")
    again.remove()
    assert not again.folder.exists()
