"""The cells that hold many points at once, on a lattice of any pitch, rotation and origin."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.compiled import compiled, uncounted
from hyperhex.kernels.hexagonal.lattice import HALF_SQRT3
from hyperhex.kernels.threads import spread

__all__ = ["Frame", "frame_of_table", "lookup", "padded_place"]

# points whose places in the table are found at once: their buffer stays in the fastest cache
BLOCK = 1024

# from the position of a point to its place in a padded table: see `frame_of_table`
Frame = tuple[Any, ...]


@partial(compiled, _nrt=False, fastmath={"contract"})
def padded_place(x: float, y: float, frame: Frame, columns: int) -> Any:
    """Place of the cell that holds a point, in a table with a border of no cells all around.

    Cube rounding without branches. A point beyond the table is first moved to its rim, so that no
    place lies outside. Places count row after row of the padded table, `columns` a row.
    """
    x0, y0, q_of_x, q_of_y, r_of_y, r_of_x, q0, r0, zero, shift, q_max, r_max = frame
    dx, dy = x - x0, y - y0
    u = q_of_x * dx + q_of_y * dy + q0
    v = r_of_x * dx + r_of_y * dy + r0
    # a point that is not a number fails and goes to the rim; Numba has no min and max on CUDA
    u = u if u > zero else zero  # noqa: FURB136
    v = v if v > zero else zero  # noqa: FURB136
    u = u if u < q_max else q_max  # noqa: FURB136
    v = v if v < r_max else r_max  # noqa: FURB136
    # the shift leaves no bits for a fraction: this rounds, in vectors and on CUDA alike
    q, r, t = (u + shift) - shift, (v + shift) - shift, (u + v + shift) - shift
    error_q, error_r, error_t = abs(q - u), abs(r - v), abs(t - (u + v))
    q_moved_most = (error_q > error_r) & (error_q > error_t)
    r_moved_most = (error_r > error_t) & (not q_moved_most)
    q = t - r if q_moved_most else q
    r = t - q if r_moved_most else r
    place: Any = np.int32(np.int32(q) * np.int32(columns)) + np.int32(r)
    return place


def frame_of_table(
    shape: tuple[int, int],
    q0: int,
    r0: int,
    pitch: float,
    rotation: float,
    origin: tuple[float, float],
    kind: np.dtype[Any],
) -> Frame:
    """Numbers that `padded_place` needs, of the type of the points.

    The origin; the matrix from distances to (q, r); (0, 0) in the table padded by one; 0 and the
    least number without fractions, times 3/2; the last row and column of the padded table.
    """
    cos, sin = math.cos(rotation), math.sin(rotation)
    # distances are turned back by the rotation, then column = x - y/sqrt(3), row = 2y/sqrt(3)
    r_of_x, r_of_y = -sin / (HALF_SQRT3 * pitch), cos / (HALF_SQRT3 * pitch)
    q_of_x, q_of_y = cos / pitch - 0.5 * r_of_x, sin / pitch - 0.5 * r_of_y
    numbers = (*origin, q_of_x, q_of_y, r_of_y, r_of_x, 1 - q0, 1 - r0, 0.0)
    shift = 1.5 / np.finfo(kind).eps
    return tuple(kind.type(number) for number in (*numbers, shift, shape[0] + 1, shape[1] + 1))


@uncounted
def _fill_cells(
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    frame: Frame,
    padded: NDArray[np.int32],
    columns: int,
    place: NDArray[np.int32],
    cells: NDArray[np.int32],
) -> None:
    """Places of a block first, which the compiler makes vectors of, then the cells there."""
    for start in range(0, len(x), len(place)):
        stop = min(len(x), start + len(place))
        block_x, block_y, block_cells = x[start:stop], y[start:stop], cells[start:stop]
        for i in range(stop - start):
            place[i] = padded_place(block_x[i], block_y[i], frame, columns)
        for i in range(stop - start):
            # unsigned: a signed index would be tested for wrapping around
            block_cells[i] = padded[np.uint32(place[i])]


def lookup(
    x: Any,
    y: Any,
    pitch: float,
    table: Any,
    q0: int,
    r0: int,
    *,
    rotation: float = 0.0,
    origin: tuple[float, float] = (0.0, 0.0),
    threads: int = 1,
    stream: Any = 0,
    out: Any = None,
) -> Any:
    """Cells that hold points x, y (n,), -1 where there is none, int32 (n,).

    The lattice is that of `kernels.hexagonal.lattice`, turned counter-clockwise by `rotation` [rad]
    about its cell (0, 0), which lies at `origin`; `table` has the index of cell (q, r) at
    [q - q0, r - r0], -1 where there is none, as `dense_table` makes it. Lengths in one unit.
    float32 points are placed in float32: those within its rounding of an edge may go either way.
    Arrays on a CUDA device are looked up there, in the order of `stream`.

    >>> from hyperhex.kernels.hexagonal.lattice import axial_rings
    >>> from hyperhex.kernels.hexagonal.neighbours import dense_table
    >>> x, y = np.array([0.1, 2.1, 0.9, 9.0]), np.array([0.1, 0.0, 1.8, 9.0])
    >>> lookup(x, y, 2.0, *dense_table(axial_rings(1))).tolist()
    [0, 1, 2, -1]
    """
    if not pitch > 0:
        msg = f"pitch={pitch} given, expected pitch > 0"
        raise ValueError(msg)
    if x.shape != y.shape or x.ndim != 1 or x.dtype != y.dtype or x.dtype.kind != "f":
        msg = (
            f"points x {x.dtype} {x.shape}, y {y.dtype} {y.shape} given, expected two arrays (n,)"
            f" of one floating type"
        )
        raise ValueError(msg)
    frame = frame_of_table(table.shape, q0, r0, pitch, rotation, origin, np.dtype(x.dtype))
    if on_device(x, y):
        from hyperhex.kernels.cuda.lookup import lookup_on_device

        return lookup_on_device(x, y, frame, table, out, stream)
    rows, columns = table.shape[0] + 2, table.shape[1] + 2
    padded = np.full((rows, columns), -1, np.int32)
    padded[1:-1, 1:-1] = table
    cells = np.empty(len(x), np.int32) if out is None else out

    def run(start: int, stop: int) -> None:
        place = np.empty(min(BLOCK, max(1, stop - start)), np.int32)
        part = slice(start, stop)
        _fill_cells(x[part], y[part], frame, padded.reshape(-1), columns, place, cells[part])

    spread(run, len(x), threads, BLOCK)
    return cells
