"""Figure of what other showers do to the bins of the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, save, style

__all__ = ["variation"]

Floats = NDArray[np.float64]

_TITLES = {
    "raw": "fast simulation without refinement",
    "full": "full simulation with the detector's response",
}


def variation(
    name: str,
    shifts: Sequence[tuple[str, Floats, Floats]],
    used: Mapping[str, Floats],
    edges: Floats,
    path: Path,
) -> None:
    """Ratio of varied to nominal events in each bin, of paired events with their errors.

    `shifts` are names, relative shifts and errors (bins,); `used` the relative shifts (bins,) that
    the test takes of each sample, drawn as thin lines; `edges` (bins - 1,) of the score.
    """
    import matplotlib.pyplot as plt

    bins = np.arange(len(edges) + 2)
    middle = 0.5 * (bins[1:] + bins[:-1])
    with style():
        figure, axes = plt.subplots(figsize=(7.6, 3.8))
        for number, relative in enumerate(used.values()):
            words = "used for each sample" if number == 0 else None
            axes.stairs(1.0 + relative, bins, baseline=None, color="0.75", label=words)
        for number, (sample, relative, error) in enumerate(shifts):
            known = np.isfinite(error)
            axes.errorbar(
                (middle + 0.12 * (number - 0.5))[known],
                1.0 + relative[known],
                error[known],
                fmt="o",
                capsize=3,
                color=COLOURS[number],
                label=sample,
            )
        axes.axhline(1.0, color="0.3", linewidth=0.8)
        axes.set(xlim=(0, bins[-1]), ylabel="varied over nominal")
        axes.set_title(f"{name}: {_TITLES[name]}", loc="left")
        axes.set_xlabel(r"mixture score $-\ln$(background above), edges of the bins")
        axes.set_xticks(bins[1:-1], [f"{edge:.2f}" for edge in edges])
        figure.legend(loc="outside upper right", ncols=3, fontsize=9)
        save(figure, path)
