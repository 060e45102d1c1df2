from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hyperhex.kernels import counter
from hyperhex.kernels.shower.direction import scattered, turned

SEED = np.uint64(20220)


def _state(number: int) -> counter.State:
    state = np.empty(2, dtype=np.uint64)
    counter.begin(state, SEED, np.uint64(number))
    return state


def test_uniform_numbers_are_uniform_within_and_across_streams() -> None:
    within = _state(3)
    first = np.array([counter.uniform(_state(number)) for number in range(4000)])
    following = np.array([counter.uniform(within) for _ in range(4000)])
    for numbers in (first, following):
        assert ((numbers > 0) & (numbers < 1)).all()
        assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    lagged = np.corrcoef(following[1:], following[:-1])[0, 1]
    assert abs(lagged) < 4 / np.sqrt(4000)


def test_a_stream_is_the_same_every_time_and_differs_from_the_next() -> None:
    one, again, other = _state(5), _state(5), _state(6)
    numbers = [[counter.uniform(state) for _ in range(50)] for state in (one, again, other)]
    assert numbers[0] == numbers[1]
    assert not set(numbers[0]) & set(numbers[2])


def test_exponential_and_normal_follow_their_laws() -> None:
    state = _state(1)
    waits = [counter.exponential(state) for _ in range(3000)]
    normals = [counter.normal(state) for _ in range(3000)]
    assert stats.kstest(waits, "expon").pvalue > 1e-3
    assert stats.kstest(normals, "norm").pvalue > 1e-3


def test_azimuth_is_uniform() -> None:
    state = _state(2)
    cos, sin = np.array([counter.unit_circle(state) for _ in range(3000)]).T
    np.testing.assert_allclose(cos**2 + sin**2, 1.0)
    angle = np.arctan2(sin, cos)
    assert stats.kstest(angle, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3


@pytest.mark.parametrize("uz", [1.0, -1.0, 0.0, 0.3, -1e-9])
@pytest.mark.parametrize("cos", [1.0, 0.2, -0.9])
def test_turning_keeps_the_length_and_makes_the_angle(uz: float, cos: float) -> None:
    across = np.sqrt(1 - uz**2)
    before = (0.6 * across, -0.8 * across, uz)
    after = np.array([turned(*before, cos, np.cos(phi), np.sin(phi)) for phi in (0.0, 1.0, 4.0)])
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(after @ before, cos, atol=1e-12)
    # different azimuths are different directions at the right angle to one another
    separation = after[0] @ after[1]
    assert separation == pytest.approx(cos**2 + (1 - cos**2) * np.cos(1.0), abs=1e-12)
    drawn = np.array(scattered(_state(1), *before, 1 - cos))
    assert drawn @ before == pytest.approx(cos, abs=1e-12)
