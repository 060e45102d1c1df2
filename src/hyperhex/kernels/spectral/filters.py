"""Filters of a graph's spectrum, and their Chebyshev coefficients with a bound of the error.

A filter g maps eigenvalues in [0, largest] to factors; g(L) ~ sum_k c_k T_k(2 L / largest - 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Expansion",
    "Filter",
    "chebyshev_expansion",
    "heat",
    "itersine",
    "mexican_hat",
    "order_for",
]

Values = NDArray[np.float64]
Filter = Callable[[Values], Values]

# coefficients that are computed to bound what is cut off
MOST_TERMS = 1024


class Expansion(NamedTuple):
    """Chebyshev coefficients (order,) and a bound of |filter - series| on the whole interval."""

    coefficients: NDArray[np.float64]
    error: float


def chebyshev_expansion(function: Filter, order: int, largest: float) -> Expansion:
    """The first `order` Chebyshev coefficients of a filter on [0, largest].

    c_k = (2 - [k = 0]) / M sum_j cos(k t_j) g(largest (1 + cos t_j) / 2), t_j = pi (j + 1/2) / M:
    Gauss-Chebyshev quadrature with M = 2048 points (Hammond et al., arXiv:0912.3848, sec. 6). As
    |T_k| <= 1, the sum of the sizes of the coefficients that are left out bounds the error; for
    filters that are not smooth this counts the first 1,024 alone.

    Examples
    --------
    >>> linear = chebyshev_expansion(lambda x: 3.0 * x, 2, largest=2.0)
    >>> linear.coefficients.round(12), linear.error < 1e-12
    (array([3., 3.]), True)
    """
    if not 1 <= order <= MOST_TERMS:
        msg = f"order={order} given, expected 1 to {MOST_TERMS} Chebyshev terms"
        raise ValueError(msg)
    coefficients = _coefficients(function, largest)
    # differences below the rounding of the quadrature say nothing
    left = np.abs(coefficients[order:])
    left[left < 4e-16 * np.abs(coefficients).max(initial=0.0)] = 0.0
    return Expansion(coefficients[:order], float(left.sum()))


def order_for(function: Filter, largest: float, tolerance: float) -> int:
    """Least number of terms whose error on [0, largest] is below the tolerance.

    Examples
    --------
    >>> order_for(heat(1.0), largest=2.0, tolerance=1e-6)
    8
    """
    rest = np.cumsum(np.abs(_coefficients(function, largest))[::-1])[::-1]
    # the later half of the terms must show that the series has ended
    most = MOST_TERMS // 2
    if rest[most] > tolerance:
        msg = (
            f"{most} Chebyshev terms leave an error of {rest[most]:.1e}, above the tolerance"
            f" {tolerance}: take a smoother filter or a larger tolerance"
        )
        raise ValueError(msg)
    return max(1, int(np.argmax(rest <= tolerance)))


def heat(time: float) -> Filter:
    """exp(-t lambda): heat that has spread for a time t (in units of 1 / eigenvalue).

    Examples
    --------
    >>> heat(2.0)(np.array([0.0, 1.0])).round(6)
    array([1.      , 0.135335])
    """
    return lambda value: np.exp(-time * value)


def mexican_hat(scale: float) -> Filter:
    """Band pass s l exp(1 - s l), 1 at its peak l = 1 / s and 0 at l = 0.

    The wavelet of Hammond et al. (arXiv:0912.3848, sec. 2) on the spectrum, where L stands for
    the square of a frequency.

    Examples
    --------
    >>> mexican_hat(4.0)(np.array([0.0, 0.25]))
    array([0., 1.])
    """
    return lambda value: scale * value * np.exp(1.0 - scale * value)


def itersine(number: int, largest: float) -> list[Filter]:
    """Band passes with peaks evenly spaced from 0 to `largest`, whose squares add up to one.

    g_i = sin(pi/2 cos^2(pi u/2)) for |u| < 1, u = (number - 1) lambda / largest - i: a tight
    frame (Perraudin et al., arXiv:1408.5781), so that sum_i g_i(L)^2 x = x.

    Examples
    --------
    >>> values = np.array([0.0, 0.3, 1.7])
    >>> sum(g(values) ** 2 for g in itersine(4, largest=2.0)).round(12)
    array([1., 1., 1.])
    """
    if number < 2:
        msg = f"{number} filters asked for, expected at least 2"
        raise ValueError(msg)
    return [_itersine(k, (number - 1) / largest) for k in range(number)]


def _itersine(place: int, density: float) -> Filter:
    """One filter of a tight frame."""

    def factor(value: Values) -> Values:
        u = np.clip(density * value - place, -1.0, 1.0)
        return np.sin(0.5 * math.pi * np.cos(0.5 * math.pi * u) ** 2)

    return factor


def _coefficients(function: Filter, largest: float) -> NDArray[np.float64]:
    """Chebyshev coefficients of a filter on [0, largest], as many as are reliable."""
    if not largest > 0:
        msg = f"largest eigenvalue {largest} given, expected above 0"
        raise ValueError(msg)
    points = 2 * MOST_TERMS
    angle = np.pi * (np.arange(points) + 0.5) / points
    values = function(0.5 * largest * (1.0 + np.cos(angle)))
    # cos(k t_j) depends on k (2 j + 1) modulo 4 M alone: the transform through one table
    turn = np.arange(MOST_TERMS)[:, None] * (2 * np.arange(points) + 1) % (4 * points)
    cosine = np.cos(0.5 * np.pi * np.arange(4 * points) / points)
    coefficients = 2.0 / points * np.einsum("kj,j->k", cosine[turn], values)
    coefficients[0] *= 0.5
    return coefficients
