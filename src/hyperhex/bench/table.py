"""Lines of the tables that the benchmarks print."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["line"]


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells side by side in columns of these widths, to the left where a width is negative."""
    columns = zip(cells, widths, strict=True)
    return "  ".join(cell.ljust(-w) if w < 0 else cell.rjust(w) for cell, w in columns).rstrip()
