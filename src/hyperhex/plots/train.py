"""Figures of the reconstruction networks: learning curves, test of rotation, ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, save, style

__all__ = ["learning_curves", "roc_curves", "rotation"]

Floats = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]

# method: words, colour, marker
_SHOWER_METHODS = {
    "p6m": ("equivariant (P6M)", COLOURS[0], "o"),
    "plain": ("plain convolutions", COLOURS[1], "s"),
    "plain_turned": ("plain, shown turned showers", COLOURS[4], "^"),
    "perceptron": ("perceptron", COLOURS[7], "v"),
    "classical": ("no network", COLOURS[6], "D"),
}
_MEASURES = (
    ("impact_resolution", "error of the entry point, 68 % [mm]", 1.0),
    ("energy_resolution", "energy resolution [%]", 100.0),
    ("particle_auc", "AUC, electron against photon", 1.0),
)
_IMAGE_METHODS = {
    "xgboost_and_image": ("trees on the record, with the image's score", COLOURS[6], "-"),
    "xgboost": ("trees on the record", COLOURS[6], ":"),
    "network": ("network on the record", COLOURS[7], ":"),
    "chebyshev": ("Chebyshev on the image", COLOURS[0], "-"),
    "hexagonal": ("hexagonal convolution on the image", COLOURS[1], "--"),
    "sums": ("sums over the image alone", COLOURS[2], "-."),
    "aligned": ("perceptron on the aligned image", COLOURS[4], "--"),
    "perceptron": ("perceptron on the image", COLOURS[3], "--"),
}
_LEAST_BACKGROUND = 1e-3


def learning_curves(rows: Rows, path: Path) -> None:
    """Accuracy against the number of showers to learn from, bars are the spread of trainings."""
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(1, len(_MEASURES), figsize=(11.4, 4.2))
        for ax, (measure, words, unit) in zip(axes, _MEASURES, strict=True):
            for step, (method, (_, colour, marker)) in enumerate(_SHOWER_METHODS.items()):
                known = [
                    row for row in rows if row["method"] == method and row[measure] is not None
                ]
                if not known:
                    continue
                # side by side, so that bars can be read
                size = np.array([row["showers"] for row in known]) * 1.03 ** (step - 2)
                value, spread = (
                    np.array([row[key] or 0.0 for row in known]) * unit
                    for key in (measure, f"{measure}_spread")
                )
                ax.errorbar(size, value, spread, marker=marker, ms=5, color=colour, lw=1.2)
            ax.set_xscale("log")
            sizes = sorted({row["showers"] for row in rows})
            ax.set_xticks(sizes, [str(size) for size in sizes])
            ax.minorticks_off()
            ax.set_xlabel("showers to learn from")
            ax.set_ylabel(words)
        _legend(figure, _SHOWER_METHODS)
        save(figure, path)


def rotation(rows: Rows, path: Path) -> None:
    """Error of the entry point for showers moved by each symmetry of the hexagon."""
    import matplotlib.pyplot as plt

    titles = {"wedge": "trained on one wedge of 30 degrees", "everywhere": "trained on all"}
    with style():
        figure, axes = plt.subplots(1, len(titles), figsize=(8.6, 4.4), sharey=True)
        for ax, (trained, title) in zip(axes, titles.items(), strict=True):
            for row in rows:
                if row["trained"] != trained:
                    continue
                _, colour, marker = _SHOWER_METHODS[row["method"]]
                ax.plot(row["impact_resolution"], marker=marker, ms=5, color=colour, lw=0.8)
            ax.set_title(title)
            ax.set_yscale("log")
            ax.axvline(5.5, color="0.7", lw=0.8)
            ax.set_xticks(range(12), [f"{60 * turn}°" for turn in range(6)] * 2, fontsize=8)
            ax.set_xlabel("showers turned by (right: and mirrored)")
        axes[0].set_ylabel(_MEASURES[0][1])
        for which in (axes[0].yaxis.set_major_formatter, axes[0].yaxis.set_minor_formatter):
            which("{x:g}")
        _legend(figure, {row["method"]: _SHOWER_METHODS[row["method"]] for row in rows})
        save(figure, path)


def roc_curves(
    curves: Mapping[str, tuple[Floats, Floats]], areas: Mapping[str, float], path: Path
) -> None:
    """Signal over background efficiency, and the area under each curve."""
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(figsize=(6.6, 5.0))
        for method, (words, colour, line) in _IMAGE_METHODS.items():
            if method in curves:
                label = f"{words}, {areas[method]:.3f}"
                axes.plot(*curves[method], line, color=colour, lw=1.3, label=label)
        chance = np.geomspace(_LEAST_BACKGROUND, 1.0, 50)
        axes.plot(chance, chance, color="0.5", linestyle=":", lw=0.8)
        axes.set(xscale="log", xlim=(_LEAST_BACKGROUND, 1.0), ylim=(0.0, 1.0))
        axes.set_xlabel(r"background efficiency $\epsilon_B$")
        axes.set_ylabel(r"efficiency of the mixture $\epsilon_S$")
        axes.legend(title="area under the curve", fontsize=8, title_fontsize=8, loc="upper left")
        save(figure, path)


def _legend(figure: Any, methods: Mapping[str, tuple[str, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, ms=5, lw=1.2, label=words)
        for words, colour, marker in methods.values()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=9)
