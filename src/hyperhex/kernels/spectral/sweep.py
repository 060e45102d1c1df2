"""One sweep over the tiles of a graph: several Chebyshev terms computed, mixed and written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.spectral.blocks import combine, correlate, mix, read, terms_of_tile, write
from hyperhex.kernels.spectral.lanes import lanes_of
from hyperhex.kernels.spectral.tiles import Tiling

__all__ = ["convolve_items", "filter_items", "scratch_size"]

Real = NDArray[np.floating[Any]]


def scratch_size(cut: Tiling, lanes: int, outputs: int, others: int) -> int:
    """Numbers that one thread works on: terms, mixed features, features to correlate with, sums.

    All rows have eight more, as products are taken of eight rows at a time.
    """
    rows, own = int(cut.counts[:, -1].max()) + 8, int(cut.counts[:, 0].max()) + 8
    vectors = (2 + cut.steps) * rows + own * (-(-outputs // lanes) + -(-others // lanes)) + 8
    return vectors * lanes


@compiled
def convolve_items(  # noqa: C901 -- one loop over what is in the cache
    start: int, stop: int, block: int, images: int, n: int, steps: int,
    sources: Any, loaded: int, onward: Any,
    weights: Real, first_weight: int, bias: Real, add: bool, y: Real, channels: int, outputs: int,
    other: Real, partial: Real, scratch: Real,
    counts: Any, first_node: Any, nodes: Any, first_row: Any, pointers: Any, columns: Any,
    doubled: Real,
) -> None:  # fmt: skip
    """Items `start` to `stop` of a sweep of Chebyshev steps; an item is a tile of some images.

    Reads T_k-1 and T_k (or T_0 alone) from `sources` (images * channels, n), computes `steps` terms
    more, and of the new terms, T_0 included,
    - adds sum_k T_k W_k to y (images, outputs, n), where `weights` (terms, channels, width) is not
      empty; y begins at the bias (width,) unless `add`;
    - adds <other, T_k> summed over nodes to partial (blocks, terms, others, channels), where that
      is not empty, with `other` (images, others, n);
    - writes the last two terms to `onward`, where these are not empty.
    The width is `outputs` rounded up to whole vectors; `scratch` is as `scratch_size` says.
    """
    lanes = lanes_of(y)
    own = counts[:, 0].max() + 8
    plane = (counts[:, steps].max() + 8) * lanes
    skipped = 0 if loaded == 1 else 2
    new = loaded + steps - skipped
    width = -(-outputs // lanes) * lanes
    others = partial.shape[2]
    place = (loaded + steps) * plane
    terms, scratch = scratch[:place], scratch[place:]
    mixed, scratch = scratch[: own * width], scratch[own * width :]
    sums, apart = scratch[: 8 * lanes], scratch[8 * lanes :]
    together = max(1, lanes // channels)
    groups = -(-images // together)
    for item in range(start, stop):
        tile, group = item // groups, item % groups
        begin, here = first_node[tile], counts[tile, 0]
        image0 = group * together
        image1 = min(images, image0 + together)
        total = (image1 - image0) * channels
        for panel in range(0, total, lanes):
            count = min(lanes, total - panel)
            column = image0 * channels + panel
            terms_of_tile(
                sources, loaded, steps, column, count, n, tile, counts, first_node, nodes,
                first_row, pointers, columns, doubled, terms, plane,
            )  # fmt: skip
            if len(onward[0]) > 0:
                for k in range(2):
                    write(
                        terms, (loaded + steps - 2 + k) * plane, lanes, count, n, nodes,
                        begin, here, onward[k], column,
                    )  # fmt: skip
            for image in range(image0, image1):
                # several images share a vector, or one image has several vectors
                lane = (image - image0) * channels if together > 1 else 0
                channel = 0 if together > 1 else panel
                depth = min(channels - channel, lanes)
                if len(weights) > 0:
                    if channel == 0 and add:
                        read(
                            y, image * outputs, outputs, n, nodes, begin, here, width,
                            mixed, 0,
                        )  # fmt: skip
                    mix(
                        terms[skipped * plane :], plane, new, lane, depth, here,
                        weights[(first_weight * channels + channel) * width :],
                        channels * width, width, bias, channel == 0 and not add, mixed,
                    )  # fmt: skip
                    if channel + depth == channels:
                        write(
                            mixed, 0, width, outputs, n, nodes, begin, here, y,
                            image * outputs,
                        )  # fmt: skip
                for c in range(0, others, 8):
                    at = (c // lanes) * own * lanes
                    if c % lanes == 0 and channel == 0:
                        read(
                            other, image * others + c, min(lanes, others - c), n, nodes, begin,
                            here, lanes, apart, at,
                        )  # fmt: skip
                    for k in range(new):
                        correlate(apart, at + c % lanes, terms, (skipped + k) * plane, here, sums)
                        for i in range(min(8, others - c)):
                            for j in range(depth):
                                partial[item // block, first_weight + k, c + i, channel + j] += (
                                    sums[i * lanes + lane + j]
                                )


@compiled
def filter_items(
    start: int, stop: int, n: int, steps: int, sources: Any, loaded: int, onward: Any,
    coefficients: Real, first_weight: int, add: bool, y: Real, scratch: Real,
    counts: Any, first_node: Any, nodes: Any, first_row: Any, pointers: Any, columns: Any,
    doubled: Real,
) -> None:  # fmt: skip
    """As `convolve_items` for y (filters, columns, n) = sum_k coefficients (filters, k) T_k."""
    lanes = lanes_of(scratch)
    plane = (counts[:, steps].max() + 8) * lanes
    place = (loaded + steps) * plane
    terms, mixed = scratch[:place], scratch[place:]
    skipped = 0 if loaded == 1 else 2
    total = y.shape[1] // n
    terms_given = len(coefficients) // len(y)
    groups = -(-total // lanes)
    for item in range(start, stop):
        tile, group = item // groups, item % groups
        begin, here = first_node[tile], counts[tile, 0]
        column = group * lanes
        count = min(lanes, total - column)
        terms_of_tile(
            sources, loaded, steps, column, count, n, tile, counts, first_node, nodes,
            first_row, pointers, columns, doubled, terms, plane,
        )  # fmt: skip
        if len(onward[0]) > 0:
            for k in range(2):
                write(
                    terms, (loaded + steps - 2 + k) * plane, lanes, count, n, nodes, begin,
                    here, onward[k], column,
                )  # fmt: skip
        for one in range(len(y)):
            if add:
                read(y[one], column, count, n, nodes, begin, here, lanes, mixed, 0)
            combine(
                terms, plane, skipped, loaded + steps, here, coefficients,
                one * terms_given + first_weight, not add, mixed,
            )  # fmt: skip
            write(mixed, 0, lanes, count, n, nodes, begin, here, y[one], column)
