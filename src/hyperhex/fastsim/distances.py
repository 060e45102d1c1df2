"""Distances between two samples of observables, which need no classifier.

Observables are measured in standard deviations of the full simulation. Those are left out in which
fewer than one shower in a thousand differs there from the median: their deviation is that of a few
showers, and one more or less would be a distance of order one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hyperhex.random import stream

__all__ = ["Distance", "frechet_distance", "kernel_distance", "separation_power"]

_SIZES = np.repeat(np.linspace(0.35, 1.0, 8), 4)
_BATCHES = 10
_BATCH = 2500
_RARE = 1e-3


@dataclass(frozen=True)
class Distance:
    """A distance and its standard error."""

    value: float
    error: float


def frechet_distance(full: NDArray, fast: NDArray, seed: int) -> float:
    """Frechet distance of observables (n, k) for infinitely many showers (FPD, arXiv:2211.10295).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) of Gaussians fitted to both; its bias falls as 1/N,
    so it is measured for several N and extrapolated. It may come out below zero by its error.
    """
    scaled = _scaled(full, fast)
    random = stream(seed, "fastsim", "frechet")
    sizes = (_SIZES * min(len(full), len(fast))).astype(int)
    with threadpool_limits(1):
        found = [
            _frechet(*(part[random.choice(len(part), size, replace=False)] for part in scaled))
            for size in sizes
        ]
    return float(np.polynomial.polynomial.polyfit(1.0 / sizes, found, 1)[0])


def kernel_distance(full: NDArray, fast: NDArray, seed: int) -> Distance:
    """Kernel distance of observables (n, k): squared MMD, unbiased (KPD, arXiv:2211.10295).

    With the kernel (x.y / k + 1)^4, median over ten batches of at most 2500 showers that share
    none; the error is that of a median, the spread being half of what holds 68 % of the batches.
    """
    scaled = _scaled(full, fast)
    random = stream(seed, "fastsim", "kernel")
    number = min(map(len, scaled))
    batches = min(_BATCHES, number // 2)
    size = min(_BATCH, number // batches)
    chosen = [random.permutation(len(part))[: size * batches] for part in scaled]
    with threadpool_limits(1):
        found = [
            _discrepancy(*(part[rows] for part, rows in zip(scaled, pair, strict=True)))
            for pair in zip(*(np.split(rows, batches) for rows in chosen), strict=True)
        ]
    low, middle, high = np.quantile(found, (0.16, 0.5, 0.84))
    return Distance(float(middle), float((high - low) / 2.0 * np.sqrt(np.pi / 2.0 / batches)))


def separation_power(full: NDArray, fast: NDArray, bins: int = 40) -> float:
    """Separation power 1/2 sum (h1 - h2)^2 / (h1 + h2) of unit histograms (arXiv:2410.21611).

    0 for equal, 1 for disjoint distributions; bins of equal population of `full`, (n,) each.
    """
    edges = np.unique(np.quantile(full, np.linspace(0, 1, bins + 1)))
    edges[0], edges[-1] = -np.inf, np.inf
    first, second = (np.histogram(part, edges)[0] / len(part) for part in (full, fast))
    return float(0.5 * ((first - second) ** 2 / (first + second).clip(1e-12)).sum())


def _scaled(full: NDArray, fast: NDArray) -> list[NDArray[np.float64]]:
    """Both about the mean of `full` and in its standard deviations."""
    mean, deviation = full.mean(axis=0), full.std(axis=0)
    varying = deviation > 1e-6
    varying &= (full != np.median(full, axis=0)).mean(axis=0) >= _RARE
    return [(part[:, varying] - mean[varying]) / deviation[varying] for part in (full, fast)]


def _frechet(first: NDArray, second: NDArray) -> float:
    """The trace of (S1 S2)^1/2 is the sum of the singular values of S1^1/2 S2^1/2.

    Unlike the eigenvalues of S1 S2 these are exact where observables depend on each other, as
    fractions do that sum to one.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(part, rowvar=False)) for part in (first, second)]
    roots = [_root(covariance) for covariance in covariances]
    overlap = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return float(shift @ shift + sum(np.trace(c) for c in covariances) - 2.0 * overlap)


def _root(covariance: NDArray) -> NDArray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0.0))) @ vectors.T


def _kernel(first: NDArray, second: NDArray) -> NDArray:
    return (first @ second.T / first.shape[1] + 1.0) ** 4


def _discrepancy(first: NDArray, second: NDArray) -> float:
    """Unbiased squared MMD of two samples of n rows each (Gretton et al., JMLR 13 (2012) 723)."""
    n = len(first)
    tables = (_kernel(part, part) for part in (first, second))
    own = sum((table.sum() - np.trace(table)) / (n * (n - 1)) for table in tables)
    return float(own - 2.0 * _kernel(first, second).mean())
