"""Convolution from or to a few channels on the CPU: cells in the lanes of vectors.

One side of the convolution is narrow (a few channels), the other wide. With rows r = (channel of
the narrow side, tap) all that is needed are
    gathered[r, p] = narrow[channel, table[p, tap]],
    expanded:   wide[o, p] = sum_r expand[r, o] gathered[r, p],
    contracted: narrow[channel, p] = sum_tap total[r, back[p, tap]], total[r, q] = sum_o
                contract[o, r] wide[o, q],
    correlated: sum_p wide[o, p] gathered[r, p],
so that each cell is gathered only as often as the narrow side has rows. All arrays are flat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled, uncounted
from hyperhex.kernels.product import ROWS_A_TILE, correlated_tile, product_tile
from hyperhex.kernels.vectors import VECTOR_BYTES

__all__ = ["narrow_images"]

Array = NDArray[np.floating]
Table = NDArray[np.uint32]

# cells that are gathered at once; a multiple of two vectors
BLOCK = 256
# wide channels that an expansion or a correlation holds at once, and rows of a contraction
EXPANDED = ROWS_A_TILE
CORRELATED, ROWS = (4, 7) if VECTOR_BYTES == 64 else (2, 5)

_expanded_pair = product_tile(EXPANDED, 2, True)
_expanded_one = product_tile(EXPANDED, 1)
_expanded_single = product_tile(1, 1)
_contracted_pair = product_tile(ROWS, 2)
_contracted_one = product_tile(ROWS, 1)
_correlated = correlated_tile(CORRELATED, ROWS)
_correlated_single = correlated_tile(1, ROWS)


@uncounted
def _gather(
    narrow: Array, channels: int, row: int, table: Table, taps: int, cells: int, start: int,
    number: int, out: Array,
) -> None:  # fmt: skip
    """Rows (channel, tap) of `number` cells from `start`; zeros to the next full vector."""
    lanes = VECTOR_BYTES // narrow.itemsize
    full = -(-number // lanes) * lanes
    for c in range(channels):
        source = narrow[c * row : (c + 1) * row]
        for k in range(taps):
            to = (c * taps + k) * BLOCK
            taken = out[to : to + full]
            cell = table[k * cells + start : k * cells + start + number]
            for p in range(number):
                taken[p] = source[cell[p]]
            for p in range(number, full):
                taken[p] = 0.0


@uncounted
def _expand(
    gathered: Array, rows: int, weight: Array, w_row: int, bias: Array, outputs: int, number: int,
    out: Array, at: int, row: int, ahead: int,
) -> None:  # fmt: skip
    """Products for `number` cells, a multiple of the lanes, written to out."""
    lanes = VECTOR_BYTES // gathered.itemsize
    o = 0
    while o < outputs:
        several = outputs - o >= EXPANDED
        for p in range(0, number, 2 * lanes):
            to = at + o * row + p
            pair = p + lanes < number
            if several and pair:
                _expanded_pair(
                    weight, o, w_row, gathered, p, BLOCK, rows, bias, o, out, to, row, ahead
                )
            elif several:
                _expanded_one(weight, o, w_row, gathered, p, BLOCK, rows, bias, o, out, to, row, 0)
            else:
                _expanded_single(
                    weight, o, w_row, gathered, p, BLOCK, rows, bias, o, out, to, row, 0
                )
                if pair:
                    _expanded_single(
                        weight, o, w_row, gathered, p + lanes, BLOCK, rows, bias, o,
                        out, to + lanes, row, 0,
                    )  # fmt: skip
        o += EXPANDED if several else 1


@uncounted
def _contract(
    wide: Array, at: int, row: int, channels: int, weight: Array, w_row: int, none: Array,
    number: int, out: Array, to: int, out_row: int,
) -> None:  # fmt: skip
    """Totals of all rows for `number` cells, a multiple of the lanes."""
    lanes = VECTOR_BYTES // wide.itemsize
    p = 0
    while p < number:
        pair = p + lanes < number
        for r in range(0, w_row, ROWS):
            if pair:
                _contracted_pair(
                    weight, r, w_row, wide, at + p, row, channels, none, r,
                    out, to + r * out_row + p, out_row, 0,
                )  # fmt: skip
            else:
                _contracted_one(
                    weight, r, w_row, wide, at + p, row, channels, none, r,
                    out, to + r * out_row + p, out_row, 0,
                )  # fmt: skip
        p += 2 * lanes if pair else lanes


@uncounted
def _correlate(
    wide: Array, at: int, row: int, channels: int, ahead: int, gathered: Array, g_at: int,
    rows: int, number: int, out: Array, to: int,
) -> None:  # fmt: skip
    """Add the sums over `number` cells, a multiple of the lanes; out (channels, rows, lanes)."""
    lanes = VECTOR_BYTES // wide.itemsize
    o = 0
    while o < channels:
        several = channels - o >= CORRELATED
        for r in range(0, rows, ROWS):
            place = to + (o * rows + r) * lanes
            if several:
                _correlated(
                    wide, at + o * row, row, ahead, gathered, g_at + r * BLOCK, BLOCK,
                    number // lanes, out, place, rows * lanes,
                )  # fmt: skip
            else:
                _correlated_single(
                    wide, at + o * row, row, ahead, gathered, g_at + r * BLOCK, BLOCK,
                    number // lanes, out, place, rows * lanes,
                )  # fmt: skip
        o += CORRELATED if several else 1


def _add_rows_plain(
    wide: Array, at: int, row: int, channels: int, number: int, out: Array, to: int
) -> None:
    """Add the sum of `number` cells of each channel to out."""
    for o in range(channels):
        here = wide[at + o * row : at + o * row + number]
        total = wide.dtype.type(0)
        for p in range(number):
            total += here[p]
        out[to + o] += total


# lanes may be added in any order, which is the same in each call
_add_rows = compiled(_add_rows_plain, _nrt=False, fastmath={"reassoc"})


@uncounted
def _sum_taps(
    total: Array, row: int, channels: int, taps: int, back: Table, cells: int, bias: Array,
    out: Array, at: int,
) -> None:  # fmt: skip
    """Sum the totals of each channel over its taps, read where the table says."""
    for c in range(channels):
        to = out[at + c * cells : at + (c + 1) * cells]
        first = total[c * taps * row :]
        cell = back[:cells]
        for p in range(cells):
            to[p] = bias[c] + first[cell[p]]
        k = 1
        # three at once, as rings have: the sum is then read and written less often
        while k + 3 <= taps:
            here = (c * taps + k) * row
            one, two, three = total[here:], total[here + row :], total[here + 2 * row :]
            cell_1, cell_2 = back[k * cells : (k + 1) * cells], back[(k + 1) * cells :]
            cell_3 = back[(k + 2) * cells :]
            for p in range(cells):
                to[p] += one[cell_1[p]] + two[cell_2[p]] + three[cell_3[p]]
            k += 3
        while k < taps:
            rest, cell_4 = total[(c * taps + k) * row :], back[k * cells :]
            for p in range(cells):
                to[p] += rest[cell_4[p]]
            k += 1


@uncounted
def _one_image(  # noqa: C901 (one pass over the image while it is in cache)
    image: int, cells: int, taps: int, few: int, many: int, rows: int,
    narrow: Array, wide: Array, table: Table, back: Table, expand: Array, expand_row: int,
    contract: Array, bias: Array, none: Array, narrow_out: Array, wide_out: Array, parts: Array,
    sums: Array, part: int, sourced: Array, gathered: Array, total: Array, tail: Array,
    tail_out: Array, expands: bool, contracts: bool, correlates: bool, adds: bool,
) -> None:  # fmt: skip
    lanes = VECTOR_BYTES // narrow.itemsize
    row = cells + 1
    total_row = (cells // lanes + 1) * lanes
    here = image * many * cells
    full = cells // lanes * lanes
    to_parts = part * many * rows * lanes
    # the same cells of the next image, or the next cells where images are large
    ahead = many * cells if cells <= 4 * BLOCK else BLOCK
    if expands or correlates:
        for c in range(few):
            for p in range(cells):
                sourced[c * row + p] = narrow[(image * few + c) * cells + p]
    if full < cells and (contracts or correlates):
        for o in range(many):
            for p in range(full, cells):
                tail[o * lanes + p - full] = wide[here + o * cells + p]
    for start in range(0, cells, BLOCK):
        number = min(BLOCK, cells - start)
        whole = number // lanes * lanes
        if expands or correlates:
            _gather(sourced, few, row, table, taps, cells, start, number, gathered)
        if expands:
            _expand(
                gathered, few * taps, expand, expand_row, bias, many, whole,
                wide_out, here + start, cells, ahead,
            )  # fmt: skip
        if contracts:
            _contract(
                wide,
                here + start,
                cells,
                many,
                contract,
                rows,
                none,
                whole,
                total,
                start,
                total_row,
            )
        if correlates:
            _correlate(
                wide, here + start, cells, many, ahead, gathered, 0, rows, whole, parts, to_parts
            )
        if adds:
            _add_rows(wide, here + start, cells, many, number, sums, part * many)
        if whole < number:
            # the last cells are less than a vector, and behind them other channels lie
            if expands:
                for r in range(few * taps):
                    for p in range(lanes):
                        gathered[r * BLOCK + p] = gathered[r * BLOCK + p + whole]
                _expand(
                    gathered,
                    few * taps,
                    expand,
                    expand_row,
                    bias,
                    many,
                    lanes,
                    tail_out,
                    0,
                    lanes,
                    0,
                )
                for o in range(many):
                    for p in range(full, cells):
                        wide_out[here + o * cells + p] = tail_out[o * lanes + p - full]
                whole = 0
            if contracts:
                _contract(tail, 0, lanes, many, contract, rows, none, lanes, total, full, total_row)
            if correlates:
                _correlate(tail, 0, lanes, many, 0, gathered, whole, rows, lanes, parts, to_parts)
    if contracts:
        for r in range(rows):
            total[r * total_row + cells] = 0.0
        _sum_taps(total, total_row, few, taps, back, cells, bias, narrow_out, image * few * cells)


@uncounted
def _images(
    start: int, stop: int, block: int, cells: int, taps: int, few: int, many: int, rows: int,
    narrow: Array, wide: Array, table: Table, back: Table, expand: Array, expand_row: int,
    contract: Array, bias: Array, none: Array, narrow_out: Array, wide_out: Array, parts: Array,
    sums: Array, sourced: Array, gathered: Array, total: Array, tail: Array, tail_out: Array,
    expands: bool, contracts: bool, correlates: bool, adds: bool,
) -> None:  # fmt: skip
    for image in range(start, stop):
        _one_image(
            image, cells, taps, few, many, rows, narrow, wide, table, back, expand, expand_row,
            contract, bias, none, narrow_out, wide_out, parts, sums, image // block, sourced,
            gathered, total, tail, tail_out, expands, contracts, correlates, adds,
        )  # fmt: skip


@compiled
def narrow_images(
    start: int, stop: int, block: int, cells: int, taps: int, few: int, many: int, rows: int,
    narrow: Array, wide: Array, table: Table, back: Table, expand: Array, expand_row: int,
    contract: Array, bias: Array, none: Array, narrow_out: Array, wide_out: Array, parts: Array,
    sums: Array, expands: bool, contracts: bool, correlates: bool, adds: bool,
) -> None:  # fmt: skip
    """Expand, contract, correlate, and add up images `start` to `stop`, as the switches say.

    narrow (batch, few, cells), wide (batch, many, cells), table and back (taps, cells), expand
    (few taps, expand_row), contract (many, rows), bias for the sum that is made, none: zeros,
    parts (blocks, many, rows, lanes), sums of wide (blocks, many);
    rows: few * taps to the next multiple of ROWS.
    """
    lanes = VECTOR_BYTES // narrow.itemsize
    sourced = np.zeros(few * (cells + 1) if expands or correlates else 0, narrow.dtype)
    gathered = np.zeros(rows * BLOCK, narrow.dtype)
    total = np.empty(rows * (cells // lanes + 1) * lanes if contracts else 0, narrow.dtype)
    tail = np.zeros(many * lanes, narrow.dtype)
    tail_out = np.empty(many * lanes, narrow.dtype)
    _images(
        start, stop, block, cells, taps, few, many, rows, narrow, wide, table, back, expand,
        expand_row, contract, bias, none, narrow_out, wide_out, parts, sums, sourced, gathered,
        total, tail, tail_out, expands, contracts, correlates, adds,
    )  # fmt: skip
