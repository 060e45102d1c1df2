"""Micro-kernels: small products held in vector registers, written in LLVM's vector instructions.

Compilers do not keep a tile of accumulators in registers by themselves, so the innermost loops of
the convolutions are emitted here: LLVM turns them into the instructions of any processor. Each
maker returns an intrinsic for compiled kernels; arrays are flat and contiguous (1-d), offsets and
strides count elements, and nothing is checked. The sizes follow the processor's registers.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hyperhex.kernels.vectors import VECTOR_BYTES, Vectors

__all__ = [
    "CELLS_A_TILE",
    "ROWS_A_TILE",
    "cells_first",
    "cells_last",
    "convolved_tile",
    "correlated_tile",
    "outer_tile",
    "product_tile",
]


# accumulators of a tile of two vectors a cell fill the registers; x86 before AVX-512 has 16 of them
CELLS_A_TILE = 13 if VECTOR_BYTES == 64 else 6
# and of a tile of two vectors a row
ROWS_A_TILE = 8 if VECTOR_BYTES == 64 else 4


def convolved_tile(cells: int, vectors: int) -> Any:
    """Sum of taps for some cells, channels in the lanes.

    out[p, :] = bias + sum_{k, i} x[table[p, k], i] w[k, i, :] for `cells` cells p and `vectors`
    vectors of channels. x (cells, x_row), table (cells, taps), w (taps, inputs, w_row), out
    (cells, out_row).
    """

    @intrinsic
    def tile(
        _: Any, x: Any, x_row: Any, table: Any, at: Any, taps: Any, inputs: Any, w: Any,
        w_at: Any, w_row: Any, bias: Any, out: Any, out_at: Any, out_row: Any,
    ) -> Any:  # fmt: skip
        kinds = (
            x, x_row, table, at, taps, inputs, w, w_at, w_row, bias, out, out_at, out_row,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = Vectors(context, builder, signature, arguments)
            x, x_row, table, at, taps, inputs, w, w_at, w_row, bias, out, out_at, out_row = v.values
            sums = v.accumulators(cells, vectors)
            for j in range(vectors):
                initial = v.load(v.at(bias, w_at, j * v.lanes))
                for p in range(cells):
                    builder.store(initial, sums[p][j])
            with cgutils.for_range(builder, taps) as tap:
                rows = []
                for p in range(cells):
                    place = v.at(table, at, v.times(taps, p), tap.index)
                    cell = context.cast(
                        builder, builder.load(place), signature.args[2].dtype, types.intp
                    )
                    rows.append(v.at(x, v.times(cell, x_row)))
                start = v.add(w_at, v.times(v.times(tap.index, inputs), w_row))
                with cgutils.for_range(builder, inputs) as channel:
                    here = v.add(start, v.times(channel.index, w_row))
                    weights = [v.load(v.at(w, here, j * v.lanes)) for j in range(vectors)]
                    for p in range(cells):
                        one = v.spread(v.at(rows[p], channel.index))
                        for j in range(vectors):
                            v.multiply_add(one, weights[j], sums[p][j])
            for p in range(cells):
                row = v.add(out_at, v.times(out_row, p))
                for j in range(vectors):
                    v.store(builder.load(sums[p][j]), v.at(out, row, j * v.lanes))
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return tile


def outer_tile(rows: int, vectors: int) -> Any:
    """Sum over cells of outer products, channels of y in the lanes.

    out[i, :] += sum_p x[table[p, tap], x_at + i] y[p, :] for `rows` channels i and `vectors`
    vectors, cells `first` to `last`. x (cells, x_row), y (cells, y_row), out (channels, out_row).
    """

    @intrinsic
    def tile(
        _: Any, x: Any, x_at: Any, x_row: Any, table: Any, tap: Any, taps: Any, y: Any,
        y_at: Any, y_row: Any, first: Any, last: Any, out: Any, out_at: Any, out_row: Any,
    ) -> Any:  # fmt: skip
        kinds = (
            x, x_at, x_row, table, tap, taps, y, y_at, y_row, first, last, out, out_at, out_row,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = Vectors(context, builder, signature, arguments)
            (
                x, x_at, x_row, table, tap, taps, y, y_at, y_row, first, last, out, out_at, out_row,
            ) = v.values  # fmt: skip
            sums = v.accumulators(rows, vectors)
            places = [
                [v.at(out, out_at, v.times(out_row, i), j * v.lanes) for j in range(vectors)]
                for i in range(rows)
            ]
            for i in range(rows):
                for j in range(vectors):
                    builder.store(v.load(places[i][j]), sums[i][j])
            with cgutils.for_range_slice(builder, first, last, v.number(1)) as (p, _):
                place = v.at(table, v.add(tap, v.times(p, taps)))
                cell = context.cast(
                    builder, builder.load(place), signature.args[3].dtype, types.intp
                )
                row = v.at(x, x_at, v.times(cell, x_row))
                start = v.add(y_at, v.times(p, y_row))
                ys = [v.load(v.at(y, start, j * v.lanes)) for j in range(vectors)]
                for i in range(rows):
                    one = v.spread(v.at(row, v.number(i)))
                    for j in range(vectors):
                        v.multiply_add(one, ys[j], sums[i][j])
            for i in range(rows):
                for j in range(vectors):
                    v.store(builder.load(sums[i][j]), places[i][j])
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return tile


def product_tile(rows: int, vectors: int, prefetches: bool = False) -> Any:
    """Product of a small matrix with rows of cells, cells in the lanes.

    out[r, :] = bias[r] + sum_s a[s, r] b[s, :] for `rows` rows and `vectors` vectors of cells.
    a (terms, a_row), b (terms, b_row), out (rows, out_row).
    """

    @intrinsic
    def tile(
        _: Any, a: Any, a_at: Any, a_row: Any, b: Any, b_at: Any, b_row: Any, terms: Any,
        bias: Any, bias_at: Any, out: Any, out_at: Any, out_row: Any, ahead: Any,
    ) -> Any:  # fmt: skip
        kinds = (a, a_at, a_row, b, b_at, b_row, terms, bias, bias_at, out, out_at, out_row, ahead)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = Vectors(context, builder, signature, arguments)
            a, a_at, a_row, b, b_at, b_row, terms, bias, bias_at, out, out_at, out_row, ahead = (
                v.values
            )
            sums = v.accumulators(rows, vectors)
            for r in range(rows):
                initial = v.spread(v.at(bias, bias_at, r))
                for j in range(vectors):
                    builder.store(initial, sums[r][j])
            if prefetches:
                for r in range(rows):
                    row = v.add(out_at, v.times(out_row, r))
                    for j in range(vectors):
                        v.prefetch(out, row, ahead, j * v.lanes, write=True)
            with cgutils.for_range(builder, terms) as term:
                start = v.add(b_at, v.times(term.index, b_row))
                bs = [v.load(v.at(b, start, j * v.lanes)) for j in range(vectors)]
                here = v.add(a_at, v.times(term.index, a_row))
                for r in range(rows):
                    one = v.spread(v.at(a, here, r))
                    for j in range(vectors):
                        v.multiply_add(one, bs[j], sums[r][j])
            for r in range(rows):
                row = v.add(out_at, v.times(out_row, r))
                for j in range(vectors):
                    v.store(builder.load(sums[r][j]), v.at(out, row, j * v.lanes))
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return tile


def correlated_tile(rows: int, columns: int) -> Any:
    """Sums over cells of products of two sets of rows, cells in the lanes.

    out[r, c, :] += sum_p a[r, p] b[c, p], kept apart for each lane: the caller adds the lanes of
    out (rows, out_row), a vector for each column, when all is done. `vectors` vectors of cells.
    What lies `ahead` of a is fetched from memory meanwhile.
    """

    @intrinsic
    def tile(
        _: Any, a: Any, a_at: Any, a_row: Any, ahead: Any, b: Any, b_at: Any, b_row: Any,
        vectors: Any, out: Any, out_at: Any, out_row: Any,
    ) -> Any:  # fmt: skip
        kinds = (a, a_at, a_row, ahead, b, b_at, b_row, vectors, out, out_at, out_row)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = Vectors(context, builder, signature, arguments)
            a, a_at, a_row, ahead, b, b_at, b_row, count, out, out_at, out_row = v.values
            sums = v.accumulators(rows, columns)
            places = [
                [v.at(out, out_at, v.times(out_row, r), c * v.lanes) for c in range(columns)]
                for r in range(rows)
            ]
            for r in range(rows):
                for c in range(columns):
                    builder.store(v.load(places[r][c]), sums[r][c])
            with cgutils.for_range(builder, count) as step:
                start = v.times(step.index, v.lanes)
                ones = [v.load(v.at(a, a_at, v.times(a_row, r), start)) for r in range(rows)]
                for r in range(rows):
                    v.prefetch(a, a_at, v.times(a_row, r), start, ahead)
                for c in range(columns):
                    other = v.load(v.at(b, b_at, v.times(b_row, c), start))
                    for r in range(rows):
                        v.multiply_add(ones[r], other, sums[r][c])
            for r in range(rows):
                for c in range(columns):
                    v.store(builder.load(sums[r][c]), places[r][c])
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return tile


def _transposed(v: Vectors, rows: list[Any]) -> list[Any]:
    """Four vectors with every group of 4 x 4 numbers transposed."""
    groups = range(0, v.lanes, 4)
    n = v.lanes
    low = [i for g in groups for i in (g, n + g, g + 1, n + g + 1)]
    high = [i + 2 for i in low]
    first = [i for g in groups for i in (g, g + 1, n + g, n + g + 1)]
    second = [i + 2 for i in first]
    a, b = v.shuffle(rows[0], rows[1], low), v.shuffle(rows[2], rows[3], low)
    c, d = v.shuffle(rows[0], rows[1], high), v.shuffle(rows[2], rows[3], high)
    return [
        v.shuffle(a, b, first),
        v.shuffle(a, b, second),
        v.shuffle(c, d, first),
        v.shuffle(c, d, second),
    ]


@intrinsic
def cells_first(_: Any, x: Any, at: Any, row: Any, out: Any, out_at: Any, out_row: Any) -> Any:
    """Transpose 4 channels of one vector of cells: x (channels, row) to out (cells, out_row)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments)
        x, at, row, out, out_at, out_row = v.values
        rows = _transposed(v, [v.load(v.at(x, at, v.times(row, c))) for c in range(4)])
        for cell in range(v.lanes):
            group = cell // 4 * 4
            part = v.shuffle(rows[cell % 4], rows[cell % 4], range(group, group + 4))
            v.store(part, v.at(out, out_at, v.times(out_row, cell)))
        return context.get_dummy_value()

    return types.void(x, at, row, out, out_at, out_row), generate


@intrinsic
def cells_last(_: Any, x: Any, at: Any, row: Any, out: Any, out_at: Any, out_row: Any) -> Any:
    """Transpose one vector of cells of 4 channels: x (cells, row) to out (channels, out_row)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments)
        x, at, row, out, out_at, out_row = v.values
        rows = []
        for first in range(4):
            parts = [
                v.load(v.at(x, at, v.times(row, cell)), 4) for cell in range(first, v.lanes, 4)
            ]
            while len(parts) > 1:
                width = parts[0].type.count
                parts = [
                    v.shuffle(a, b, range(2 * width))
                    for a, b in zip(parts[::2], parts[1::2], strict=True)
                ]
            rows.append(parts[0])
        for channel, values in enumerate(_transposed(v, rows)):
            v.store(values, v.at(out, out_at, v.times(out_row, channel)))
        return context.get_dummy_value()

    return types.void(x, at, row, out, out_at, out_row), generate
