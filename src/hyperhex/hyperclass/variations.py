"""Shape uncertainties of the showers: what another detection of the same events does to each bin.

The same generated events are detected with other showers (`detect variation`) and scored by the
same mixtures. An event may then move to another bin, or in or out of the region; the relative shift
of a bin's content and its error are

    r_b = sum_i w_i ([v_i = b] - [n_i = b]) / sum_i w_i [n_i = b]
    sigma_b^2 = sum_i w_i^2 ([v_i = b] - [n_i = b])^2 / (sum_i w_i [n_i = b])^2

with n_i, v_i the bins of event i before and after: what does not move does not fluctuate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.store import Array, Schema

__all__ = ["SCHEMA", "Shift", "Varied", "smoothed"]

Floats = NDArray[np.float64]
_SIGNAL = "signal"
# a bin is never emptied, so that both of its templates stay positive
_LARGEST = 0.9

SCHEMA: Schema = {
    "variation": Array("int16", ("event",), "1", "index of the variation in the attributes"),
    "theory": Array("int16", ("event",), "1", "index of the theory in the attribute theories"),
    "point": Array("int16", ("event",), "1", "index of the point in its theory"),
    "number": Array("int64", ("event",), "1", "index of the event in its point"),
    "weight": Array("float64", ("event",), "pb", "weight over the share of its point's events"),
    "nominal": Array(
        "float32",
        ("event", "left_out"),
        "1",
        "score of the mixture without a theory, as in the analysis; nan outside of the region",
    ),
    "varied": Array(
        "float32", ("event", "left_out"), "1", "the same of the event with other showers"
    ),
}


@dataclass(frozen=True)
class Shift:
    """Relative shift of a sample in each bin and its statistical error, (bins,)."""

    relative: Floats
    error: Floats

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whether the shift is larger than its error, (bins,)."""
        return np.asarray(np.abs(self.relative) > self.error)


@dataclass(frozen=True)
class Varied:
    """Events that were detected twice; rows are events of one variation each.

    `nominal` and `varied` (event, left_out) are scores, nan outside of the region.
    """

    variations: Sequence[str]
    theories: Sequence[Mapping[str, object]]
    left_out: Sequence[str]
    variation: NDArray[np.int16]
    theory: NDArray[np.int16]
    point: NDArray[np.int16]
    weight: Floats
    nominal: NDArray[np.float32]
    varied: NDArray[np.float32]

    def shifts(self, theory: str, label: str, inner: Floats) -> dict[str, dict[str, Shift]]:
        """Shifts by variation and sample (backgrounds, `signal`, all `background`).

        For the point `label` of `theory`, between the `inner` edges of the score of the mixture
        without it; none where this score is not known.
        """
        if theory not in self.left_out:
            return {}
        column = self.left_out.index(theory)
        names = [str(one["name"]) for one in self.theories]
        backgrounds = [name for one, name in zip(self.theories, names, strict=True)
                       if one["role"] == "background"]  # fmt: skip
        known = self.theories[names.index(theory)]["points"]
        signal = (self.theory == names.index(theory)) & (
            self.point == list(known).index(label)  # type: ignore[call-overload]
        )
        rows = {name: self.theory == names.index(name) for name in backgrounds}
        rows |= {"background": np.isin(self.theory, [names.index(name) for name in backgrounds])}
        rows |= {_SIGNAL: signal}
        return {
            variation: {
                name: self._shift(chosen & (self.variation == index), column, inner)
                for name, chosen in rows.items()
            }
            for index, variation in enumerate(self.variations)
        }

    def _shift(self, chosen: NDArray[np.bool_], column: int, inner: Floats) -> Shift:
        weight, bins = self.weight[chosen], np.arange(len(inner) + 1)[:, None]
        before, after = (
            _bin(scores[chosen, column], inner) == bins for scores in (self.nominal, self.varied)
        )
        moved = after.astype(np.float64) - before
        content = before @ weight
        filled = content > 0.0
        relative, error = np.zeros(len(bins)), np.full(len(bins), np.inf)
        np.divide(moved @ weight, content, out=relative, where=filled)
        np.divide(np.sqrt(moved**2 @ weight**2), content, out=error, where=filled)
        return Shift(relative, error)


def smoothed(shifts: Mapping[str, Shift]) -> dict[str, Floats]:
    """Relative shifts of all samples as the test uses them, (bins,).

    A background's own shift where it is larger than its error, else that of all backgrounds
    together, which is measured better; the signal's own. A shift of everything that is smaller than
    its error is kept: it is then an upper limit of what is not known.
    """
    together = shifts["background"]
    found = {
        name: np.where(one.measured, one.relative, together.relative)
        for name, one in shifts.items()
        if name not in {"background", _SIGNAL}
    }
    found[_SIGNAL] = shifts[_SIGNAL].relative
    return {name: np.clip(relative, -_LARGEST, _LARGEST) for name, relative in found.items()}


def _bin(score: NDArray[np.float32], inner: Floats) -> NDArray[np.intp]:
    """Bin of each event, -1 outside of the region, (n,)."""
    found = np.searchsorted(inner, score.astype(np.float64), side="right")
    return np.where(np.isnan(score), -1, found)
