from __future__ import annotations

import numpy as np

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.elementary import LARGEST_EXPONENT, exp32, log32


@compiled
def exponentials(values: np.ndarray, found: np.ndarray) -> None:
    for k in range(len(values)):
        found[k] = exp32(values[k])


@compiled
def logarithms(values: np.ndarray, found: np.ndarray) -> None:
    for k in range(len(values)):
        found[k] = log32(values[k])


def test_exponentials_are_exact_to_a_few_last_bits() -> None:
    """The whole range of exponents, and where the power of two changes."""
    values = np.linspace(-79.9, 79.9, 30_001).astype(np.float32)
    found = np.empty_like(values)
    exponentials(values, found)
    ratio = np.abs(found / np.exp(values.astype(np.float64)) - 1.0)
    assert ratio.max() < 2e-5
    assert ratio[np.abs(values) < 5].max() < 1e-6


def test_exponents_are_limited() -> None:
    values = np.array([-np.inf, -1e4, 1e4, np.inf], np.float32)
    found = np.empty_like(values)
    exponentials(values, found)
    expected = np.exp(np.array([-1, -1, 1, 1]) * LARGEST_EXPONENT)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_logarithms_are_exact_to_their_last_digits() -> None:
    random = np.random.default_rng(1)
    values = np.concatenate([np.geomspace(1e-37, 1e38, 9999), random.random(9999) + 0.5])
    values = values.astype(np.float32)
    found = np.empty_like(values)
    logarithms(values, found)
    np.testing.assert_allclose(found, np.log(values.astype(np.float64)), atol=2e-5)
