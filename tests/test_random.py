from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hyperhex.random import integer, pythia_seed, stream

seeds = st.integers(min_value=0, max_value=2**63 - 1)


@given(seeds, st.text(), st.integers(min_value=0, max_value=2**31))
def test_the_same_place_draws_the_same_numbers(seed: int, theory: str, part: int) -> None:
    first, second = (stream(seed, "generate", theory, part).random(4) for _ in range(2))
    assert np.array_equal(first, second)


def test_each_label_makes_a_stream_of_its_own() -> None:
    places = [(1, "a", 0), (1, "a", 1), (1, "b", 0), (2, "a", 0), (1, "a"), (1, "a", 0, 0)]
    draws = {stream(*place).random() for place in places}
    assert len(draws) == len(places)


def test_streams_of_neighbouring_parts_are_uncorrelated() -> None:
    draws = np.array([stream(5, "simulate", part).standard_normal(20_000) for part in range(6)])
    off_diagonal = np.corrcoef(draws)[np.triu_indices(6, 1)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(draws.shape[1])


@given(seeds, st.integers(min_value=1, max_value=64))
def test_integers_fit_their_bits(seed: int, bits: int) -> None:
    assert 0 <= integer(seed, "x", bits=bits) < 2**bits


@given(seeds)
def test_pythia_accepts_the_seed(seed: int) -> None:
    assert 1 <= pythia_seed(seed, "generate", "ttbar", 0) <= 900_000_000
