"""A signal and its backgrounds in bins of the score of a mixture that never saw the signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Injection
from hyperhex.hyperclass.histfactory import Histogram, edges, fill
from hyperhex.hyperclass.scores import AVERAGE, Events, Scores
from hyperhex.hyperclass.variations import Shift, Varied, smoothed

__all__ = ["Binned", "binned"]

# events from pb and 1/fb
_PER_FEMTOBARN = 1000.0


@dataclass(frozen=True)
class Binned:
    """Expected events of the backgrounds and of a signal, between the `inner` edges.

    `varied` are the shifts by variation of the showers and sample.
    """

    inner: NDArray[np.float64]
    backgrounds: list[Histogram]
    signal: Histogram
    varied: Mapping[str, Mapping[str, Shift]] = field(default_factory=dict)

    @property
    def shifts(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Relative shifts that the test uses, (bins,), by variation and sample."""
        return {name: smoothed(shifts) for name, shifts in self.varied.items()}

    @property
    def total(self) -> NDArray[np.float64]:
        """Expected background, (bins,)."""
        return np.asarray(np.sum([one.counts for one in self.backgrounds], axis=0))


def binned(
    scores: Scores,
    signal: Events,
    options: Injection,
    strength: float = 1.0,
    varied: Varied | None = None,
) -> Binned:
    """Histograms of a signal, `strength` times its cross-section, and of all backgrounds."""
    values = scores.of_mixture(AVERAGE, signal.theory)
    backgrounds = scores.backgrounds()
    rows = np.concatenate([events.rows for events in backgrounds])
    inner = edges(values[rows], scores.weight[rows], options.quantiles, options.events_per_bin)
    scale = _PER_FEMTOBARN * options.luminosity
    return Binned(
        inner,
        [fill(one.theory, values[one.rows], one.weight, inner, scale) for one in backgrounds],
        fill("signal", values[signal.rows], signal.weight, inner, scale * strength),
        varied.shifts(signal.theory, signal.label, inner) if varied else {},
    )
