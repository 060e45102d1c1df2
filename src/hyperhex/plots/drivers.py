"""Figure of what drives the score of each left-out theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hyperhex.plots.style import save, style

__all__ = ["drivers"]

_INPUTS = 14


def drivers(titles: Sequence[str], means: Sequence[Mapping[str, float]], path: Path) -> None:
    """Mean contribution of the inputs that matter most to the log-odds of each theory.

    `means` by the name of the input, for each theory.
    """
    import matplotlib.pyplot as plt

    names = list(means[0]) if means else []
    table = np.array([[one[name] for name in names] for one in means]).reshape(-1, len(names))
    chosen = np.argsort(-np.abs(table).mean(axis=0), kind="stable")[:_INPUTS]
    shown = table[:, chosen]
    limit = float(np.abs(shown).max(initial=1e-9))
    with style():
        figure, axes = plt.subplots(figsize=(8.0, 2.4 + 0.2 * len(titles)))
        drawn = axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        words = [names[index].replace("_", " ") for index in chosen]
        axes.set_xticks(range(len(words)), words, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(len(titles)), titles, fontsize=8)
        axes.tick_params(length=0, top=False, right=False)
        figure.colorbar(drawn, label="mean contribution to the log-odds", pad=0.02)
        save(figure, path)
