"""One look for all figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "log_axis", "save", "style"]

# Okabe and Ito: told apart by colour-blind readers too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")

_SETTINGS: dict[str, Any] = {
    "axes.grid": False,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 120,
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    # the same figure has the same bytes
    "svg.hashsalt": "hyperhex",
    "svg.fonttype": "path",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of the project, without a display."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.use("agg")
    settings: Any = {**_SETTINGS, "axes.prop_cycle": cycler(color=COLOURS)}
    with mpl.rc_context(settings):
        yield


def log_axis(
    axes: Axes, which: Literal["x", "y"] = "x", digits: Sequence[float] = (1.0, 2.0, 5.0)
) -> None:
    """Make an axis logarithmic, with plain numbers at these digits of every decade.

    There are no minor ticks, which take most of a figure's time.
    """
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    if which == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_locator(NullLocator())


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG without the date, and close it."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, metadata=metadata)
    plt.close(figure)
