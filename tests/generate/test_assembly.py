from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hyperhex.generate.assembly import shards


@given(lengths=st.lists(st.integers(0, 30), min_size=1, max_size=8), rows=st.integers(1, 25))
def test_shards_hold_all_rows_in_order(lengths: list[int], rows: int) -> None:
    starts = np.cumsum([0, *lengths])
    parts = [
        {"a": np.arange(start, start + length), "b": np.arange(start, start + length) / 2}
        for start, length in zip(starts, lengths, strict=False)
    ]
    cut = list(shards(parts, rows))
    assert [len(shard["a"]) for shard in cut[:-1]] == [rows] * (len(cut) - 1)
    if cut:
        whole = np.concatenate([shard["a"] for shard in cut])
        np.testing.assert_array_equal(whole, np.arange(sum(lengths)))
        np.testing.assert_array_equal(np.concatenate([shard["b"] for shard in cut]), whole / 2)
    else:
        assert sum(lengths) == 0
