from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from hyperhex.fastsim import distances


def gaussians(number: int, dimensions: int, seed: int = 3) -> NDArray:
    return np.random.default_rng(seed).normal(size=(2, number, dimensions))


def test_frechet_distance_of_gaussians_is_known() -> None:
    first, second = gaussians(6000, 3)
    second = second * [1.0, 1.5, 1.0] + [0.7, 0.0, 0.0]
    # |m1 - m2|^2 + (s1 - s2)^2 of independent coordinates
    expected = 0.7**2 + 0.5**2
    assert distances.frechet_distance(first, second, seed=1) == pytest.approx(expected, abs=0.05)


def test_frechet_distance_stands_dependent_observables() -> None:
    """A column that is the sum of others adds its own distance and no imaginary parts."""
    first, second = gaussians(6000, 2)
    second[:, 0] += 0.5
    together = [
        np.column_stack([part, part.sum(axis=1), np.ones(6000)]) for part in (first, second)
    ]
    expected = 0.5**2 + 0.5**2 / 2.0
    found = distances.frechet_distance(*together, seed=1)
    assert found == pytest.approx(expected, abs=0.03)


def test_trace_of_the_root_is_that_of_the_matrix_root() -> None:
    random = np.random.default_rng(5)
    first, second = (random.normal(size=(500, 6)) @ random.normal(size=(6, 6)) for _ in range(2))
    covariances = [np.cov(part, rowvar=False) for part in (first, second)]
    shift = first.mean(axis=0) - second.mean(axis=0)
    expected = shift @ shift + np.trace(
        covariances[0] + covariances[1] - 2.0 * sqrtm(covariances[0] @ covariances[1]).real
    )
    assert distances._frechet(first, second) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_of_shifted_gaussians_is_known() -> None:
    """In one dimension with (xy + 1)^4: sum over k of binom(4, k) (difference of moment k)^2."""
    first, second = gaussians(20000, 1)
    shift = 0.5
    # moments 1 to 4 of N(a, 1) are a, 1 + a^2, a^3 + 3 a, a^4 + 6 a^2 + 3
    differences = shift, shift**2, shift**3 + 3 * shift, shift**4 + 6 * shift**2
    expected = sum(c * d**2 for c, d in zip((4, 6, 4, 1), differences, strict=True))
    found = distances.kernel_distance(first, second + shift, seed=1)
    assert 0 < found.error < 0.15 * expected
    assert found.value == pytest.approx(expected, abs=4 * found.error)


def test_kernel_distance_of_like_samples_is_zero_within_its_error() -> None:
    found = distances.kernel_distance(*gaussians(4000, 5), seed=1)
    assert abs(found.value) < 4 * found.error < 0.05


def test_an_observable_that_hardly_any_shower_has_is_no_distance() -> None:
    """As the hardest bin of a spectrum, in which one sample has a shower and the other none."""
    first, second = gaussians(6000, 3)
    first[:, 2], second[:, 2] = 0.0, 0.0
    first[:3, 2] = 1.0
    assert abs(distances.frechet_distance(first, second, seed=1)) < 0.02
    # but what one in a hundred has is
    first[:60, 2] = 1.0
    assert distances.frechet_distance(first, second, seed=1) == pytest.approx(1.0, abs=0.05)


def test_distances_do_not_depend_on_units() -> None:
    first, second = gaussians(400, 3)
    second = second + 0.3
    units = np.array([1e-3, 1.0, 1e3])
    found = [
        (distances.frechet_distance(*pair, 1), distances.kernel_distance(*pair, 1).value)
        for pair in ((first, second), (first * units, second * units))
    ]
    assert found[1] == pytest.approx(found[0])


def test_separation_power_has_its_limits() -> None:
    values = np.random.default_rng(4).normal(size=4000)
    assert distances.separation_power(values, values) == 0.0
    assert distances.separation_power(values, values + 100.0) > 0.95
