"""Figure of pseudo-experiments: p-values of background, coverage, and fitted strengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["coverage"]

Floats = NDArray[np.float64]

_BINS = 10
# where the fit finds no signal p is a half
_LARGEST = 0.5


def coverage(
    p_values: Floats,
    rows: Sequence[tuple[str, float, Mapping[str, float]]],
    strengths: Mapping[str, Floats],
    path: Path,
) -> None:
    """p-values (experiments,) of background, rows of what, expected and found, fitted strengths.

    Found are `share`, `low` and `high`; strengths (experiments,) by the name of the truth.
    """
    import matplotlib.pyplot as plt

    with style():
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.0, 3.8))
        _draw_p_values(left, p_values)
        _draw_rows(middle, rows)
        _draw_strengths(right, strengths)
        save(figure, path)


def _draw_p_values(axes: Axes, p_values: Floats) -> None:
    """Histogram beside what a uniform law would give, and its spread; a half is in the last bin."""
    edges = np.linspace(0.0, _LARGEST, _BINS + 1)
    wanted = np.full(_BINS, len(p_values) * _LARGEST / _BINS)
    wanted[-1] += len(p_values) / 2
    spread = np.sqrt(wanted * (1.0 - wanted / len(p_values)))
    counts, _ = np.histogram(np.minimum(p_values, _LARGEST), edges)
    axes.stairs(
        wanted + spread,
        edges,
        baseline=wanted - spread,
        fill=True,
        color=COLOURS[-1],
        alpha=0.35,
        label="uniform, half of all at 0.5",
    )
    axes.stairs(counts, edges, color=COLOURS[0], linewidth=1.6, label="background alone")
    axes.set(xlabel="p-value of the background", ylabel="pseudo-experiments", xlim=(0, _LARGEST))
    axes.set_yscale("log")
    axes.legend(loc="upper left", fontsize=9)


def _draw_rows(axes: Axes, rows: Sequence[tuple[str, float, Mapping[str, float]]]) -> None:
    """Coverage of each interval with its error, beside the expected one."""
    places = np.arange(len(rows))[::-1]
    share, low, high = (
        np.array([found[name] for *_, found in rows]) for name in ("share", "low", "high")
    )
    axes.errorbar(
        share,
        places,
        xerr=(share - low, high - share),
        fmt="o",
        color=COLOURS[0],
        markersize=5,
        label="found",
    )
    expected = [wanted for _, wanted, _ in rows]
    axes.plot(
        *(expected, places),
        linestyle="none",
        marker="|",
        color="black",
        markersize=16,
        label="expected",
    )
    axes.set_yticks(places, [words for words, *_ in rows], fontsize=9)
    axes.set_ylim(-0.6, len(rows) + 0.2)
    axes.set_xlabel("part that holds the truth")
    axes.legend(loc="upper left", ncols=2, fontsize=9)


def _draw_strengths(axes: Axes, strengths: Mapping[str, Floats]) -> None:
    edges = np.linspace(0.0, max(one.max(initial=0.1) for one in strengths.values()), 31).tolist()
    for (name, values), colour in zip(strengths.items(), COLOURS, strict=False):
        words = f"{name}: mean {values.mean():.2f}"
        axes.hist(values, edges, histtype="step", color=colour, linewidth=1.6, label=words)
    axes.set(xlabel=r"fitted strength $\hat\mu$", ylabel="pseudo-experiments")
    axes.legend(loc="upper right", fontsize=9)
