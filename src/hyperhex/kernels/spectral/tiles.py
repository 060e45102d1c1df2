"""A graph cut into tiles with a halo, so that several steps of a recurrence stay in the cache.

To take `steps` products with the matrix on the nodes of a tile one needs its halo, the nodes
within that many edges of it. The rows of a tile are numbered from its own nodes outwards, ring by
ring: after p steps the rows of the first `steps - p` rings are right, and these come first.
Source of the idea: temporal blocking, e.g. arXiv:2205.01598 (matrix powers by recursive levels).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.spectral.graph import Graph

__all__ = ["Tiling", "tiling"]

# own nodes of a tile: with its halo and five float32 planes of 16 columns it fills half a
# megabyte, the half of a common second-level cache
TILE = 1024


@dataclass(frozen=True, eq=False)
class Tiling:
    """Tiles of a graph, with local tables of a matrix that has its pattern and a diagonal.

    Parameters
    ----------
    steps : products that the halo suffices for
    counts : (tiles, steps + 1) int64, rows of a tile within 0, 1, ... rings of its own nodes
    first_node : (tiles + 1,) int64, where the rows of each tile begin in `nodes`
    nodes : node of each row of each tile, int32; a tile's own nodes in rising order
    first_row : (tiles,) int64, where the rows that are computed of each tile begin in `pointers`
    pointers : int64, where the entries of each computed row begin in `columns`; one more at the end
    columns : int32, row of the same tile for each entry; the diagonal first
    entries : int64, place of each entry in the matrix's diagonal followed by its edges
    """

    steps: int
    counts: NDArray[np.int64]
    first_node: NDArray[np.int64]
    nodes: NDArray[np.int32]
    first_row: NDArray[np.int64]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int32]
    entries: NDArray[np.int64]

    @property
    def n_tiles(self) -> int:
        """Number of tiles."""
        return len(self.first_row)

    @property
    def overhead(self) -> float:
        """Rows read and computed over all steps, as a multiple of those without any halo."""
        own = self.counts[:, 0].sum() * (self.steps + 1)
        return float(self.counts.sum() / max(own, 1))


def tiling(graph: Graph, steps: int, tile: int = TILE) -> Tiling:
    """Cut a graph into tiles of about `tile` nodes for a number of steps.

    Runs of nodes in their given order are taken where that order is local (HEALPix nested, rows
    of a cylinder), otherwise tiles are grown around a node, whichever computes fewer rows.

    Examples
    --------
    >>> path = Graph.from_edges(6, [0, 1, 2, 3, 4], [1, 2, 3, 4, 5])
    >>> thirds = tiling(path, steps=1, tile=2)
    >>> thirds.counts
    array([[2, 3],
           [2, 4],
           [2, 3]])
    """
    n = graph.n_nodes
    tiles = 1 if n <= 2 * tile else -(-n // tile)
    size = -(-n // tiles)
    runs = _tiled(graph, np.arange(n), size, steps)
    if tiles == 1 or runs.overhead < 1.5:
        return runs
    grown = _tiled(graph, _grown(graph.offsets, graph.columns, size), size, steps)
    return grown if grown.overhead < 0.9 * runs.overhead else runs


def _tiled(graph: Graph, order: NDArray[np.int64], size: int, steps: int) -> Tiling:
    """Tiles of `size` nodes each in an order of the nodes."""
    tiles = -(-graph.n_nodes // size)
    counts = np.zeros((tiles, steps + 1), dtype=np.int64)
    empty = np.zeros(0, dtype=np.int64)
    nothing = np.zeros(0, dtype=np.int32)
    rows, computed, entries = _build(
        graph.offsets, graph.columns, order, size, counts, nothing, empty, nothing, empty
    )
    nodes, columns = np.zeros(rows, dtype=np.int32), np.zeros(entries, dtype=np.int32)
    pointers, source = np.zeros(computed + 1, np.int64), np.zeros(entries, np.int64)
    _build(graph.offsets, graph.columns, order, size, counts, nodes, pointers, columns, source)
    first_node = np.r_[0, np.cumsum(counts[:, -1])]
    first_row = np.r_[0, np.cumsum(counts[:, max(steps - 1, 0)])][:-1]
    return Tiling(steps, counts, first_node, nodes, first_row, pointers, columns, source)


@compiled
def _build(  # noqa: C901 -- two passes over the same walk
    offsets: NDArray[np.int64],
    adjacent: NDArray[np.int32],
    order: NDArray[np.int64],
    size: int,
    counts: NDArray[np.int64],
    nodes: NDArray[np.int32],
    pointers: NDArray[np.int64],
    columns: NDArray[np.int32],
    entries: NDArray[np.int64],
) -> Any:
    """Fill the tables of a Tiling, or only measure them where `pointers` is empty."""
    n = len(offsets) - 1
    tiles, steps = counts.shape[0], counts.shape[1] - 1
    fill = len(pointers) > 0
    local = np.full(n, -1, dtype=np.int64)
    rows = np.empty(n, dtype=np.int64)
    n_nodes = n_rows = n_entries = 0
    for tile in range(tiles):
        own = np.sort(order[tile * size : min((tile + 1) * size, n)])
        count = len(own)
        rows[:count] = own
        for row in range(count):
            local[rows[row]] = row
        counts[tile, 0] = count
        begin = 0
        for ring in range(1, steps + 1):
            end = count
            for row in range(begin, end):
                for entry in range(offsets[rows[row]], offsets[rows[row] + 1]):
                    other = adjacent[entry]
                    if local[other] < 0:
                        local[other] = 0
                        rows[count] = other
                        count += 1
            # rising order within a ring: near nodes then share lines of the cache
            rows[end:count] = np.sort(rows[end:count])
            for row in range(end, count):
                local[rows[row]] = row
            counts[tile, ring] = count
            begin = end
        for row in range(counts[tile, max(steps - 1, 0)]):
            node = rows[row]
            if fill:
                pointers[n_rows] = n_entries
                columns[n_entries] = row
                entries[n_entries] = node
                if steps > 0:
                    for entry in range(offsets[node], offsets[node + 1]):
                        at = n_entries + 1 + entry - offsets[node]
                        columns[at] = local[adjacent[entry]]
                        entries[at] = n + entry
            n_rows += 1
            n_entries += 1 + ((offsets[node + 1] - offsets[node]) if steps > 0 else 0)
        for row in range(count):
            if fill:
                nodes[n_nodes + row] = rows[row]
            local[rows[row]] = -1
        n_nodes += count
    if fill:
        pointers[n_rows] = n_entries
    return n_nodes, n_rows, n_entries


@compiled
def _grown(offsets: NDArray[np.int64], adjacent: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """Order of the nodes by tiles, each grown edge by edge from a node next to those before it."""
    n = len(offsets) - 1
    order = np.empty(n, dtype=np.int64)
    # which tile has taken or queued a node; -1 for none
    taken = np.zeros(n, dtype=np.bool_)
    queued = np.full(n, -1, dtype=np.int64)
    queue = np.empty(n, dtype=np.int64)
    filled, lowest, tile, seed = 0, 0, 0, 0
    while filled < n:
        full = min(filled + size, n)
        head = tail = 0
        while filled < full:
            if head == tail:
                if seed < 0 or taken[seed]:
                    while taken[lowest]:
                        lowest += 1
                    seed = lowest
                queue[tail] = seed
                queued[seed] = tile
                tail += 1
            node = queue[head]
            head += 1
            taken[node] = True
            order[filled] = node
            filled += 1
            for entry in range(offsets[node], offsets[node + 1]):
                other = adjacent[entry]
                if not taken[other] and queued[other] != tile:
                    queued[other] = tile
                    queue[tail] = other
                    tail += 1
        # the next tile begins where this one was about to grow first
        seed = queue[head] if head < tail else -1
        tile += 1
    return order
