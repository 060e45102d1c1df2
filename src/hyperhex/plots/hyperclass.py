"""Figures of the hyperclass: improvement per left-out theory, curves, and the fitted score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, log_axis, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["METHODS", "curves", "fit", "improvement"]

Floats = NDArray[np.float64]

# method, its words, and how it is drawn; the first is the one that everything is compared with
METHODS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "mixture_average": (
        "mixture of the other theories",
        {"marker": "o", "color": COLOURS[0], "markersize": 8, "zorder": 6},
    ),
    "single_mean": (
        "one other theory (mean, range)",
        {"marker": "s", "color": COLOURS[4], "markersize": 5.5, "zorder": 5},
    ),
    "meff": (
        "cut on effective mass",
        {"marker": "|", "color": COLOURS[6], "markersize": 10, "markeredgewidth": 1.8, "zorder": 4},
    ),
    "deep_svdd": (
        "unsupervised (Deep SVDD)",
        {
            "marker": "x",
            "color": COLOURS[1],
            "markersize": 6.5,
            "markeredgewidth": 1.8,
            "zorder": 4,
        },
    ),
    "supervised": (
        "trained on this theory itself",
        {"marker": "D", "color": COLOURS[2], "markersize": 5.5, "mfc": "white", "zorder": 4},
    ),
}
# methods drawn above this carry error bars; bars on all would hide the points
_REFERENCE = 4
_LEAST = 0.03
_PALETTE = ("#4E79A7", "#A0CBE8", "#F1CE63", "#86BCB6", "#D7B5A6", "#BAB0AC", "#9D7660", "#B6992D")


def improvement(
    titles: Sequence[str],
    values: Mapping[str, tuple[Floats, Floats]],
    ranges: tuple[Floats, Floats],
    measure: str,
    path: Path,
) -> None:
    """Improvement of each left-out theory by each method, strongest theory on top.

    `values` by method: improvement and its error, (theories,), nan where there is none; `ranges`
    from the worst to the best classifier of a single other theory, (theories,).
    """
    import matplotlib.pyplot as plt

    leading = np.nan_to_num(values["mixture_average"][0], nan=-1.0)
    order = np.argsort(leading, kind="stable")
    rows = np.arange(len(order))
    with style():
        figure, axes = plt.subplots(figsize=(8.2, 1.9 + 0.34 * len(order)))
        _stripes(axes, len(order))
        low, high = (np.maximum(part[order], _LEAST) for part in ranges)
        axes.hlines(rows, low, high, color=COLOURS[4], alpha=0.25, linewidth=7, zorder=2)
        for method, (words, look) in METHODS.items():
            value, error = (part[order] for part in values[method])
            drawn = np.maximum(value, _LEAST)
            if look["zorder"] > _REFERENCE:
                ends = drawn - np.minimum(error, 0.9 * drawn), drawn + error
                axes.hlines(rows, *ends, color=look["color"], linewidth=1.4, zorder=look["zorder"])
            axes.plot(drawn, rows, linestyle="none", label=words, **look)
        axes.axvline(1.0, color="0.4", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        _frame(axes, [titles[index] for index in order], measure)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper center", ncols=3, fontsize=9.5, columnspacing=1.4
        )
        save(figure, path)


def curves(
    labels: Sequence[str], background: Floats, signals: Sequence[Floats], least: float, path: Path
) -> None:
    """Signal over background efficiency of the mixture for theories that it never saw.

    `background` (n,), each of `signals` (n,); `least` is the smallest usable background efficiency.
    """
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(figsize=(6.2, 4.6))
        for label, signal in zip(labels, signals, strict=True):
            axes.plot(background, signal, label=label)
        axes.plot(background, background, color="0.5", linestyle=":", label="chance")
        if least > background[0]:
            axes.axvspan(background[0], least, color="0.92", zorder=0)
            axes.text(
                least * 0.93,
                0.97,
                "too few\nbackground events",
                ha="right",
                va="top",
                fontsize=8,
                color="0.35",
            )
        axes.set(xscale="log", xlim=(background[0], 1.0), ylim=(0.0, 1.0))
        axes.set_xlabel(r"background efficiency $\epsilon_B$")
        axes.set_ylabel(r"signal efficiency $\epsilon_S$")
        axes.legend(title="left out of training", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        save(figure, path)


def fit(
    backgrounds: Mapping[str, Floats],
    errors: Floats,
    signal: tuple[str, Floats],
    edges: Floats,
    caption: str,
    path: Path,
) -> None:
    """Expected events in bins of the mixture's score, with the injected signal on top.

    `backgrounds` by title and `signal` (title, counts), each (bins,); `errors` (bins,) are the
    statistical errors of the simulated background; `edges` (bins - 1,) of the score.
    """
    import matplotlib.pyplot as plt

    ordered = sorted(backgrounds.items(), key=lambda item: float(item[1].sum()))
    total = np.sum([counts for _, counts in ordered], axis=0)
    bins = np.arange(len(total) + 1)
    title, injected = signal
    with style():
        figure, (top, bottom) = plt.subplots(
            2, sharex=True, figsize=(7.6, 5.4), height_ratios=(3, 1.1)
        )
        below = np.zeros_like(total)
        for (name, counts), colour in zip(reversed(ordered), _PALETTE * 3, strict=False):
            top.stairs(below + counts, bins, baseline=below, fill=True, color=colour, label=name)
            below = below + counts
        top.stairs(total + injected, bins, color=COLOURS[1], linewidth=2.2, label=title)
        _band(top, total - errors, total + errors, bins)
        top.set(yscale="log", ylabel="expected events", xlim=(0, len(total)))
        top.set_ylim(0.3 * float(np.min(total)), 3.0 * float(np.max(total + injected)))
        top.set_title(caption, loc="left")
        top.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
        bottom.stairs((total + injected) / total, bins, color=COLOURS[1], linewidth=2.2)
        _band(bottom, 1.0 - errors / total, 1.0 + errors / total, bins)
        bottom.axhline(1.0, color="0.3", linewidth=0.8)
        bottom.set_ylim(bottom=max(0.0, 1.0 - 1.8 * float(np.max(errors / total))))
        bottom.set_ylabel("over background")
        bottom.set_xlabel(r"mixture score $-\ln$(background above), edges of the bins")
        bottom.set_xticks(bins[1:-1], [f"{edge:.2f}" for edge in edges])
        save(figure, path)


def _band(axes: Axes, low: Floats, high: Floats, bins: NDArray[np.integer]) -> None:
    axes.stairs(
        high,
        bins,
        baseline=np.maximum(low, 1e-9),
        fill=True,
        facecolor="none",
        edgecolor="0.25",
        hatch="////",
        linewidth=0.0,
        label="statistics of simulation",
    )


def _stripes(axes: Axes, rows: int) -> None:
    for row in range(0, rows, 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.96", zorder=0, linewidth=0)


def _frame(axes: Axes, titles: Sequence[str], measure: str) -> None:
    log_axis(axes)
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(-0.5, max(1, len(titles)) - 0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(measure)
    axes.set_ylabel("theory left out of training")
    if not axes.lines and not titles:
        axes.set_xlim(0.1, 10.0)
