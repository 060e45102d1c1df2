from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hyperhex.detector.patch import Patch
from hyperhex.kernels import race
from hyperhex.kernels.counter import begin

PATCH = Patch(3, 1.2)


def beside(first: list[int], hit: int, number: int) -> list[NDArray[np.int32]]:
    """Companions of the first cells, drawn a number of times."""
    state = np.zeros(2, np.uint64)
    begin(state, np.uint64(5), np.uint64(1))
    taken = np.zeros(PATCH.n_cells + 1, np.bool_)
    taken[-1] = True
    room = np.empty(race.ATTEMPTS_AT_ONCE * PATCH.n_cells, np.float32)
    neighbours = np.ascontiguousarray(PATCH.neighbours, dtype=np.int64)
    found = []
    for _ in range(number):
        place = np.zeros(PATCH.n_cells + 1, np.int32)
        place[: len(first)] = first
        end = race.companions(place, len(first), hit, neighbours, taken, room, state)
        assert not taken[:-1].any()
        found.append(place[len(first) : end])
    return found


def test_companions_are_new_neighbours() -> None:
    first = [0, 12]
    around = set(PATCH.neighbours[first].ravel()) - {-1, *first}
    for drawn in beside(first, 6, 500):
        assert len(drawn) == len(set(drawn)) == 4
        assert set(drawn) <= around


def test_a_companion_is_any_neighbour_of_any_cell_alike() -> None:
    # two cells in the second ring, far apart, each with six neighbours
    drawn = np.concatenate(beside([7, 13], 3, 12_000))
    counts = np.bincount(drawn, minlength=PATCH.n_cells)
    assert np.count_nonzero(counts) == 12
    assert stats.chisquare(counts[counts > 0]).pvalue > 1e-3


def test_where_there_is_no_room_fewer_are_found() -> None:
    every = list(range(PATCH.n_cells - 1))
    assert {len(drawn) for drawn in beside(every, PATCH.n_cells, 50)} <= {0, 1}
    # the centre has six neighbours, and 36 companions are asked for
    assert {len(drawn) for drawn in beside([0], PATCH.n_cells, 50)} == {6}
