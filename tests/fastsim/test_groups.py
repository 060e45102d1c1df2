from __future__ import annotations

import numpy as np
import pytest

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.groups import SECTORS, SINGLE_RINGS, groups


@pytest.mark.parametrize("rings", [0, 3, 6])
def test_inner_cells_are_groups_of_their_own(rings: int) -> None:
    patch = Patch(rings, 1.2)
    assert groups(patch).tolist() == list(range(patch.n_cells))


def test_outer_rings_have_six_sectors_of_as_many_cells() -> None:
    patch = Patch(8, 1.2)
    found = groups(patch)
    inner = Patch(SINGLE_RINGS, 1.2).n_cells
    assert sorted(set(found)) == list(range(inner + SECTORS * 2))
    angle = np.degrees(np.arctan2(*patch.positions.T[::-1])) % 360.0
    for ring in (7, 8):
        for sector in range(SECTORS):
            cells = np.flatnonzero(found == inner + SECTORS * (ring - 7) + sector)
            assert len(cells) == ring
            assert (patch.ring[cells] == ring).all()
            assert (angle[cells] >= 60.0 * sector - 1e-6).all()
            assert (angle[cells] < 60.0 * (sector + 1)).all()
