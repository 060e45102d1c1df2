"""Figure of the trials that chose hyperparameters, and of what was reached so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyperhex.plots.style import COLOURS, save, style

__all__ = ["trials"]


def trials(tunings: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Improvement of each trial over the configured parameters, a panel for each method."""
    import matplotlib.pyplot as plt

    methods = list(tunings[0]["methods"])
    with style():
        size = (2.8 * max(1, len(methods)) + 1.0, 3.2)
        figure, panels = plt.subplots(1, len(methods), sharey=True, squeeze=False, figsize=size)
        for axes, method in zip(panels[0], methods, strict=True):
            for tuning, colour in zip(tunings, COLOURS * 2, strict=False):
                rows = tuning["methods"][method]["trials"]
                # a trial without a value is one whose fit failed
                value = np.array([row["value"] for row in rows], dtype=float)
                ratio = value / value[0]
                axes.plot(ratio, ".", color=colour)
                words = f"without part {tuning['left_out_part']}"
                best = np.fmax.accumulate(ratio)
                axes.step(range(len(best)), best, where="post", color=colour, label=words)
            axes.axhline(1.0, color="0.6", lw=0.8, ls=":")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_title(method.replace("_", " "))
            axes.set_xlabel("trial")
        panels[0, 0].set_ylabel("improvement over the configured")
        panels[0, 0].legend(fontsize=8)
        save(figure, path)
