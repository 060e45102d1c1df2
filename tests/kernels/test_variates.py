from __future__ import annotations

from math import log

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hyperhex.kernels import counter, variates


def begun(seed: int, number: int) -> NDArray[np.uint64]:
    state = np.empty(2, np.uint64)
    counter.begin(state, np.uint64(seed), np.uint64(number))
    return state


def test_exponential_numbers_are_those_of_the_hashed_counter() -> None:
    """The same words in NumPy, with a logarithm of 64 bits."""
    state = np.array([11, 0x9E3779B97F4A7C15], np.uint64)
    after = state.copy()
    values = np.empty(5000, np.float32)
    variates.exponentials(values, after)
    with np.errstate(over="ignore"):
        word = counter.hashed(state[0] + state[1])
    key, step = np.uint32(word & 0xFFFFFFFF), np.uint32(word >> np.uint64(32)) | np.uint32(1)
    mixed = np.arange(5000, dtype=np.uint32) * step + key
    mixed = (mixed ^ (mixed >> 16)) * np.uint32(0x7FEB352D)
    mixed = (mixed ^ (mixed >> 15)) * np.uint32(0x846CA68B)
    mixed ^= mixed >> 16
    np.testing.assert_allclose(values, -np.log(((mixed >> 9) + 0.5) / 2**23), atol=2e-5)


def test_exponential_numbers_follow_their_law() -> None:
    state = begun(5, 1)
    drawn = np.empty((200, 1000), np.float32)
    for row in drawn:
        variates.exponentials(row, state)
    values = drawn.ravel().astype(np.float64)
    assert values.min() > 0
    assert values.max() <= log(2.0**24)
    assert stats.kstest(values, "expon").pvalue > 1e-3
    error = 5 / np.sqrt(values.size)
    assert values.mean() == pytest.approx(1.0, abs=error)
    assert (values**2).mean() == pytest.approx(2.0, abs=20**0.5 * error)
    assert (values**3).mean() == pytest.approx(6.0, abs=684**0.5 * error)
    # neither from cell to cell nor from layer to layer is there a connection
    for ahead, behind in ((drawn[:, 1:], drawn[:, :-1]), (drawn[1:], drawn[:-1])):
        assert abs(np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]) < error


@pytest.mark.parametrize(("number", "chance"), [(0, 0.5), (1, 0.3), (9, 0.2), (50, 0.9)])
def test_binomial_numbers_follow_their_law(number: int, chance: float) -> None:
    state = begun(6, 1)
    found = np.array([variates.binomial(number, chance, state) for _ in range(20_000)])
    law = stats.binom(number, chance)
    assert found.mean() == pytest.approx(law.mean(), abs=5 * law.std() / 20_000**0.5 + 1e-12)
    assert found.var() == pytest.approx(law.var(), rel=0.06)
    assert found.max() <= number


def test_sums_of_uniform_numbers_are_nearly_normal() -> None:
    state = begun(8, 1)
    found = np.array([variates.standard_normal(state) for _ in range(40_000)])
    assert found.mean() == pytest.approx(0.0, abs=5 / 40_000**0.5)
    assert found.var() == pytest.approx(1.0, rel=0.04)
    np.testing.assert_allclose(np.quantile(found, [0.05, 0.5, 0.95]), [-1.66, 0.0, 1.66], atol=0.04)
