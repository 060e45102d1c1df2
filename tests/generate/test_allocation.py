from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.errors import SelectionError
from hyperhex.generate.allocation import (
    Slice,
    effective_events,
    largest_share,
    optimum,
    variance_shares,
)


def equal_weights(name: str, rate: float, efficiency: float, seconds: float) -> Slice:
    """Slice whose events all weigh the same: its cross-section is rate / efficiency."""
    return Slice(
        name=name,
        rate=rate,
        squares=rate**2 / efficiency,
        largest=rate / efficiency,
        selected=efficiency,
        trial=100,
        seconds=seconds,
    )


SLICES = (
    equal_weights("rare", 1.0, 0.002, 0.005),
    equal_weights("medium", 2.0, 0.05, 0.004),
    equal_weights("common", 1.5, 0.5, 0.003),
)


def test_equal_weights_count_as_they_are() -> None:
    (one,) = (SLICES[1],)
    assert effective_events([one], np.array([1000.0])) == pytest.approx(1000 * 0.05)
    assert largest_share([one], np.array([1000.0])) == pytest.approx([1 / 50])


def test_effective_events_are_those_of_the_weights_themselves() -> None:
    events = np.array([4000.0, 3000.0, 200.0])
    weights = np.concatenate(
        [np.full(round(n * s.selected), s.largest / n) for n, s in zip(events, SLICES, strict=True)]
    )
    assert effective_events(SLICES, events) == pytest.approx(
        weights.sum() ** 2 / (weights**2).sum()
    )
    assert variance_shares(SLICES, events).sum() == pytest.approx(1.0)


def test_without_bounds_the_time_goes_as_rate_and_root_of_cost() -> None:
    events = optimum(SLICES, 1e5, 1.0)
    assert effective_events(SLICES, events) == pytest.approx(1e5, rel=1e-3)
    times = [n * one.seconds for n, one in zip(events, SLICES, strict=True)]
    expected = [one.rate * np.sqrt(one.seconds / one.selected) for one in SLICES]
    np.testing.assert_allclose(times / np.sum(times), expected / np.sum(expected), rtol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3))
def test_no_other_allocation_of_the_same_time_is_worth_more(factors: list[float]) -> None:
    events = optimum(SLICES, 1e5, 1.0)
    seconds = np.array([one.seconds for one in SLICES])
    other = events * factors
    other *= (events @ seconds) / (other @ seconds)
    assert effective_events(SLICES, other) <= effective_events(SLICES, events) * (1 + 1e-6)


def test_no_weight_is_larger_than_allowed() -> None:
    free, bound = optimum(SLICES, 1e4, 1.0), optimum(SLICES, 1e4, 1e-4)
    assert largest_share(SLICES, free).max() > 1e-4
    assert largest_share(SLICES, bound).max() <= 1e-4
    assert effective_events(SLICES, bound) >= 1e4 * (1 - 1e-6)


def test_a_slice_that_the_trial_never_saw_is_named() -> None:
    unseen = replace(SLICES[0], rate=0.0, squares=0.0, largest=0.0, selected=0.0, trial=0)
    with pytest.raises(SelectionError, match="rare: no event in the region"):
        optimum([unseen, *SLICES[1:]], 1e4, 1.0)
