"""Hillas parameters of many camera images at once: moments of the light along and across its axis.

Definitions and uncertainties are those of ctapipe's `hillas_parameters`; sums are in float64.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.hexagonal.marks import marked_cells
from hyperhex.kernels.threads import spread

__all__ = ["Hillas", "axes_of_covariance", "fill_parameters", "hillas", "moments_about_axis"]

Floats = NDArray[np.float64]

# eigenvalues below so many roundings of the greatest are zero: the cells lie on a line
ROUNDINGS = 16 * 2.220446049250313e-16


class Hillas(NamedTuple):
    """Parameters of n images, each (n,) float64; lengths in the unit of x, angles [rad].

    NaN where there is no light; widths of images on a line are 0 and their uncertainties NaN;
    of images of one cell the length is 0 and what needs an axis is NaN.
    """

    intensity: Any  #: sum of the charges
    x: Any  #: centre of gravity
    y: Any
    r: Any  #: its distance from the origin
    phi: Any  #: its polar angle
    length: Any  #: standard deviation along the long axis
    length_uncertainty: Any
    width: Any  #: standard deviation across
    width_uncertainty: Any
    psi: Any  #: angle of the long axis to x, in (-pi/2, pi/2]
    psi_uncertainty: Any
    transverse_cog_uncertainty: Any
    skewness: Any  #: third and fourth moment along the axis, in powers of the length
    kurtosis: Any


def hillas(
    images: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    area: ArrayLike = 1.0,
    mask: Any = None,
    threads: int = 1,
    stream: Any = 0,
) -> Hillas:
    """Hillas parameters of images (n, cells), of the cells in the mask (n, cells).

    x, y (cells,): positions; area: of the cells, one number or (cells,), in the unit of the
    positions squared (only the uncertainties of psi and the centre need it). Without a mask all
    cells with charge count. Charges are meant to be positive, as those of cleaned images are.

    >>> image = np.array([[1.0, 2.0, 1.0, 0.0]])
    >>> found = hillas(image, [-1.0, 0.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0])
    >>> [float(found.x[0]), float(found.y[0]), round(float(found.length[0]), 6)]
    [0.0, 1.0, 0.707107]
    >>> [float(found.width[0]), float(found.psi[0]), round(float(found.kurtosis[0]), 6)]
    [0.0, 0.0, 2.0]
    """
    if images.ndim != 2 or images.dtype.kind != "f":
        msg = f"images {images.dtype} {images.shape} given, expected floating images (n, cells)"
        raise ValueError(msg)
    layout = np.empty((3, images.shape[1]))
    layout[0], layout[1], layout[2] = x, y, area
    if mask is not None and (mask.shape != images.shape or mask.dtype != np.bool_):
        msg = f"mask {mask.dtype} {mask.shape} given, expected bool {images.shape}"
        raise ValueError(msg)
    if on_device(images) if mask is None else on_device(images, mask):
        from hyperhex.kernels.cuda.hillas import hillas_on_device

        return Hillas(*hillas_on_device(images, mask, layout, stream))
    found = np.empty((len(Hillas._fields), len(images)))
    marks = images if mask is None else mask.view(np.uint8)

    def run(start: int, stop: int) -> None:
        cells, lit = np.empty(images.shape[1] + 1, np.uint32), np.empty((4, images.shape[1]))
        part = slice(start, stop)
        _fill_images(images[part], marks[part], layout, cells, lit, found[:, part])

    spread(run, len(images), threads, 16)
    return Hillas(*found)


@uncounted
def axes_of_covariance(xx: float, yy: float, xy: float) -> tuple[float, float, float, float]:
    """Variances along and across the long axis, and cosine and sine of its angle to x.

    The eigenvalues are (xx + yy +- d) / 2 with d = hypot(xx - yy, 2 xy); the axis has the doubled
    angle atan2(2 xy, xx - yy), whose half is taken without loss of digits.
    """
    difference = math.hypot(xx - yy, 2.0 * xy)
    great = 0.5 * (xx + yy + difference)
    small = 0.5 * (xx + yy - difference)
    if difference == 0.0:
        return great, small, 1.0, 0.0
    cos_2, sin_2 = (xx - yy) / difference, 2.0 * xy / difference
    if cos_2 >= 0.0:
        cos = math.sqrt(0.5 * (1.0 + cos_2))
        return great, small, cos, 0.5 * sin_2 / cos
    sin = math.sqrt(0.5 * (1.0 - cos_2))
    if sin_2 < 0.0:
        sin = -sin
    return great, small, 0.5 * sin_2 / sin, sin


@uncounted
def moments_about_axis(
    dx: float, dy: float, axes: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Distances along and across the axis, and how their squares differ from the variances."""
    great, small, cos, sin = axes
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    return along, across, along * along - great, across * across - small


@uncounted
def fill_parameters(
    size: float,
    x: float,
    y: float,
    axes: tuple[float, float, float, float],
    moments: tuple[float, ...],
    found: Floats,
) -> None:
    """Put the parameters of one image together, `found` (14,) in the order of `Hillas`.

    moments: sums over the cells of charge w times l^3, l^4, (l^2 - <l^2>)^2, (t^2 - <t^2>)^2, and
    of w/area times 1, l, l^2, t, l t, with l along and t across the axis.

    The angle's uncertainty is that of the slope of a weighted fit of a line to (l, t), the slope
    itself added in quadrature, times 1 + tan^2(pi/2 width/length); that of the centre across the
    axis is the one of the line's offset.
    """
    nan = math.nan
    great, small, cos, sin = axes
    found[0], found[1], found[2] = size, x, y
    found[3], found[4] = math.hypot(x, y), math.atan2(y, x)
    for k in range(5, 14):
        found[k] = nan
    if size == 0.0:
        for k in range(1, 5):
            found[k] = nan
        return
    # a single cell: what is left of the distances are roundings of its position
    if great <= (ROUNDINGS * ROUNDINGS) * (x * x + y * y):
        found[5] = found[7] = 0.0
        return
    if small <= ROUNDINGS * great:
        small = 0.0
    length, width = math.sqrt(great), math.sqrt(small)
    l3, l4, ll, tt, w0, w1, w2, t1, lt = moments
    found[5], found[6] = length, math.sqrt(ll) / (2.0 * length * size)
    found[7] = width
    if width > 0.0:
        found[8] = math.sqrt(tt) / (2.0 * width * size)
    found[9] = math.atan2(sin, cos)
    determinant = w2 * w0 - w1 * w1
    slope = (w0 * lt - w1 * t1) / determinant
    spread_out = math.tan(width / length * (0.5 * math.pi))
    found[10] = math.sqrt(w0 / determinant + slope * slope) * (1.0 + spread_out * spread_out)
    sin_slope = math.sin(slope)
    found[11] = math.sqrt(w2 / determinant * (1.0 + sin_slope * sin_slope))
    found[12] = l3 / (size * great * length)
    found[13] = l4 / (size * great * great)


@uncounted
def _fill_images(
    images: NDArray[Any],
    marks: NDArray[Any],
    layout: Floats,
    cells: NDArray[np.uint32],
    lit: Floats,
    found: Floats,
) -> None:
    """Parameters of images (n, cells), of the cells where `marks` (n, cells) are not zero."""
    for i in range(len(images)):
        number = marked_cells(marks[i], cells)
        for k in range(number):
            p = cells[k]
            lit[0, k], lit[1, k], lit[2, k] = layout[0, p], layout[1, p], layout[2, p]
            lit[3, k] = images[i, p]
        _fill_image(lit[0, :number], lit[1, :number], lit[2, :number], lit[3, :number], found[:, i])


@uncounted
def _fill_image(x: Floats, y: Floats, area: Floats, charge: Floats, found: Floats) -> None:
    """Parameters of one image of the cells that count."""
    size = sum_x = sum_y = 0.0
    for p in range(len(charge)):
        size += charge[p]
        sum_x += charge[p] * x[p]
        sum_y += charge[p] * y[p]
    # nothing is divided by the light of a dark image
    light = size if size != 0.0 else 1.0
    cog_x, cog_y = sum_x / light, sum_y / light
    xx = yy = xy = 0.0
    for p in range(len(charge)):
        dx, dy = x[p] - cog_x, y[p] - cog_y
        x[p], y[p] = dx, dy
        xx += charge[p] * dx * dx
        yy += charge[p] * dy * dy
        xy += charge[p] * dx * dy
    axes = axes_of_covariance(xx / light, yy / light, xy / light)
    l3 = l4 = ll = tt = w0 = w1 = w2 = t1 = lt = 0.0
    for p in range(len(charge)):
        weight = charge[p]
        along, across, more_along, more_across = moments_about_axis(x[p], y[p], axes)
        cubed = weight * along * along * along
        l3 += cubed
        l4 += cubed * along
        ll += weight * more_along * more_along
        tt += weight * more_across * more_across
        weight /= area[p]
        w0 += weight
        w1 += weight * along
        w2 += weight * along * along
        t1 += weight * across
        lt += weight * along * across
    fill_parameters(size, cog_x, cog_y, axes, (l3, l4, ll, tt, w0, w1, w2, t1, lt), found)
