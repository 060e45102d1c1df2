"""Room for results."""

from __future__ import annotations

import pytest
import torch

from hyperhex.nn import arrays


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 23) + 5])
def test_room_has_shape_and_type_and_can_be_filled(size: int) -> None:
    tensor = arrays.room(torch.zeros(1), (size,))
    assert tensor.shape == (size,)
    assert tensor.dtype == torch.float32
    assert (tensor.fill_(3.0) == 3.0).all()


def test_systems_without_huge_pages_give_ordinary_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_advise", lambda: None)
    assert arrays.room(torch.zeros(1), (1 << 23,)).fill_(1.0).sum() == 1 << 23
