"""Figure of upper limits, one row for each point of each theory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, save, style

__all__ = ["limits"]

_MEDIAN = 2


def limits(titles: Sequence[str], strengths: NDArray[np.float64], measure: str, path: Path) -> None:
    """Limits on the strength of each signal, the lowest on top.

    `strengths` (points, 5): the limits where the background fluctuates by -2 to 2 standard
    deviations, in units of the leading-order cross-section.
    """
    import matplotlib.pyplot as plt

    order = np.argsort(-strengths[:, _MEDIAN], kind="stable")
    rows = np.arange(len(order))
    drawn = strengths[order]
    with style():
        figure, axes = plt.subplots(figsize=(7.6, 1.6 + 0.24 * len(order)))
        looks = ((0, 4, 0.25, "95 %"), (1, 3, 0.55, "68 %"))
        for low, high, opacity, words in looks:
            width = drawn[:, high] - drawn[:, low]
            axes.barh(
                rows,
                width,
                left=drawn[:, low],
                height=0.6,
                color=COLOURS[2],
                alpha=opacity,
                linewidth=0,
                label=f"expected, {words}",
            )
        axes.plot(
            *(drawn[:, _MEDIAN], rows),
            linestyle="none",
            marker="|",
            color="black",
            markersize=9,
            label="expected, median",
        )
        axes.axvline(1.0, color=COLOURS[1], linewidth=1.2, label="leading order")
        # bars that were drawn on a linear axis do not say how far a logarithmic one must reach
        axes.set(xscale="log", xlim=(0.6 * drawn.min(initial=1.0), 1.6 * drawn.max(initial=1.0)))
        axes.set_yticks(rows, [titles[index] for index in order], fontsize=8)
        axes.set_ylim(-0.6, max(1, len(order)) - 0.4)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(measure)
        figure.legend(loc="outside upper center", ncols=4, fontsize=9)
        save(figure, path)
