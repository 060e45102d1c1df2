"""HEALPix pixels: numbers, centres and neighbours (Gorski et al., ApJ 622 (2005) 759).

Twelve square faces, four around the north pole (0-3), four on the equator (4-7), four around the
south pole (8-11). In a face x grows to the north-east and y to the north-west, 0 to nside - 1; the
nested number of a pixel has the bits of x and y interleaved, so that four siblings follow one
another. Ring numbers run along rings of equal latitude from north to south.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled, uncounted
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.threads import spread

__all__ = [
    "healpix_centres",
    "healpix_graph",
    "healpix_neighbourhood",
    "pixel_of_face",
    "ring_of_nested",
]

# steps to the neighbours SW, W, NW, N, NE, E, SE, S, the order of healpy
STEP_X = (-1, -1, 0, 1, 1, 1, 0, -1)
STEP_Y = (0, 1, 1, 1, 0, -1, -1, -1)


@uncounted
def _spread_bits(x: int) -> int:
    """Bits of x (up to 2^16) at the even places: ...cba -> ...0c0b0a."""
    x = (x | (x << 8)) & 0x00FF00FF
    x = (x | (x << 4)) & 0x0F0F0F0F
    x = (x | (x << 2)) & 0x33333333
    return (x | (x << 1)) & 0x55555555


@uncounted
def _even_bits(x: int) -> int:
    """The reverse of `_spread_bits`; odd places are ignored."""
    x &= 0x55555555
    x = (x | (x >> 1)) & 0x33333333
    x = (x | (x >> 2)) & 0x0F0F0F0F
    x = (x | (x >> 4)) & 0x00FF00FF
    return (x | (x >> 8)) & 0x0000FFFF


@uncounted
def _across(face: int, x: int, y: int, nside: int) -> tuple[int, int, int]:
    """Face and place within it of a place at most one edge outside of a face.

    The faces around a pole meet at its corner turned by a quarter; all others keep directions.
    """
    row, f = face // 4, face % 4
    if x >= nside:
        if row == 0:
            return (f + 1) % 4, y, 2 * nside - 1 - x
        return (f if row == 1 else 4 + (f + 1) % 4), x - nside, y
    if x < 0:
        if row == 2:
            return 8 + (f + 3) % 4, y, -1 - x
        return (4 + f if row == 0 else 8 + (f + 3) % 4), x + nside, y
    if y >= nside:
        if row == 0:
            return (f + 3) % 4, 2 * nside - 1 - y, x
        return ((f + 3) % 4 if row == 1 else 4 + f), x, y - nside
    if y < 0:
        if row == 2:
            return 8 + (f + 1) % 4, -1 - y, x
        return (4 + (f + 1) % 4 if row == 0 else 8 + f), x, y + nside
    return face, x, y


@uncounted
def pixel_of_face(face: int, x: int, y: int, nside: int) -> int:
    """Nested number of the pixel at (x, y) of a face, up to one pixel outside of it.

    -1 where only three faces meet: east and west of the faces at the poles, north and south of
    those on the equator.
    """
    x_out = (1 if x >= nside else 0) - (1 if x < 0 else 0)
    y_out = (1 if y >= nside else 0) - (1 if y < 0 else 0)
    if x_out != 0 and y_out != 0 and (x_out == y_out) == (face // 4 == 1):
        return -1
    face, x, y = _across(face, x, y, nside)
    face, x, y = _across(face, x, y, nside)
    return face * nside * nside + _spread_bits(x) + 2 * _spread_bits(y)


@uncounted
def _ring_and_place(face: int, x: int, y: int, nside: int) -> tuple[int, int, int]:
    """Ring from 1 in the north to 4 nside - 1, place on it from 0, pixels in a quarter of it."""
    ring = (2 + face // 4) * nside - x - y - 1
    quarter = min(ring, nside, 4 * nside - ring)
    # longitude of the face's centre, in eighths of a turn
    eighth = 2 * (face % 4) + (0 if face // 4 == 1 else 1)
    shift = (ring - nside) & 1 if quarter == nside else 0
    place = (eighth * quarter + x - y + 1 + shift) // 2 - 1
    return ring, place % (4 * quarter), quarter


@uncounted
def _ring_number(ring: int, place: int, nside: int) -> int:
    """Ring number of a pixel from its ring and its place on it."""
    if ring < nside:
        return 2 * ring * (ring - 1) + place
    if ring > 3 * nside:
        left = 4 * nside - ring
        return 12 * nside * nside - 2 * left * (left + 1) + place
    return 2 * nside * (nside - 1) + (ring - nside) * 4 * nside + place


@compiled
def _fill_neighbours(start: int, stop: int, nside: int, table: NDArray[np.int32]) -> None:
    """Rows `start` to `stop` of the neighbour table in nested numbers."""
    in_face = nside * nside
    for pixel in range(start, stop):
        face, rest = pixel // in_face, pixel % in_face
        x, y = _even_bits(rest), _even_bits(rest >> 1)
        table[pixel, 0] = pixel
        if 0 < x < nside - 1 and 0 < y < nside - 1:
            base = face * in_face
            west, here, east = _spread_bits(x - 1), _spread_bits(x), _spread_bits(x + 1)
            south, north = base + 2 * _spread_bits(y - 1), base + 2 * _spread_bits(y + 1)
            middle = base + 2 * _spread_bits(y)
            table[pixel, 1] = west + middle
            table[pixel, 2] = west + north
            table[pixel, 3] = here + north
            table[pixel, 4] = east + north
            table[pixel, 5] = east + middle
            table[pixel, 6] = east + south
            table[pixel, 7] = here + south
            table[pixel, 8] = west + south
        else:
            for k in range(8):
                table[pixel, k + 1] = pixel_of_face(face, x + STEP_X[k], y + STEP_Y[k], nside)


@compiled
def _fill_rings(nside: int, number: NDArray[np.int64]) -> None:
    """Ring number of each nested pixel."""
    in_face = nside * nside
    for pixel in range(12 * in_face):
        face, rest = pixel // in_face, pixel % in_face
        ring, place, _ = _ring_and_place(face, _even_bits(rest), _even_bits(rest >> 1), nside)
        number[pixel] = _ring_number(ring, place, nside)


@compiled
def _fill_centres(nside: int, centre: NDArray[np.float64]) -> None:
    """Unit vector of each nested pixel's centre."""
    in_face = nside * nside
    for pixel in range(12 * in_face):
        face, rest = pixel // in_face, pixel % in_face
        ring, place, quarter = _ring_and_place(face, _even_bits(rest), _even_bits(rest >> 1), nside)
        if quarter < nside:
            # 1 - |z| apart: the rings at the poles would lose digits of sin(theta)
            beside = quarter * quarter / (3.0 * in_face)
            z = math.copysign(1.0 - beside, 2.0 * nside - ring)
            sin = math.sqrt(beside * (2.0 - beside))
            offset = 0.5
        else:
            z = (4.0 * nside - 2.0 * ring) / (3.0 * nside)
            sin = math.sqrt((1.0 - z) * (1.0 + z))
            offset = 0.0 if (ring - nside) & 1 else 0.5
        phi = 0.5 * math.pi * (place + offset) / quarter
        centre[pixel, 0] = sin * math.cos(phi)
        centre[pixel, 1] = sin * math.sin(phi)
        centre[pixel, 2] = z


def healpix_neighbourhood(
    nside: int, *, nested: bool = True, threads: int = 1
) -> NDArray[np.int32]:
    """Table (12 nside^2, 9): each pixel, then its neighbours SW, W, NW, N, NE, E, SE, S.

    -1 where there is none: 24 pixels at the corners where three faces meet have seven.

    Examples
    --------
    >>> healpix_neighbourhood(2)[0]
    array([ 0, 17, 19,  2,  3,  1, 23, 22, 35], dtype=int32)
    """
    _require_nside(nside)
    table = np.empty((12 * nside * nside, 9), dtype=np.int32)
    spread(
        lambda start, stop: _fill_neighbours(start, stop, nside, table), len(table), threads, 1024
    )
    if nested:
        return table
    ring = ring_of_nested(nside)
    named = np.where(table >= 0, ring[table], -1)
    table[ring] = named
    return table


def ring_of_nested(nside: int) -> NDArray[np.int64]:
    """Ring number (12 nside^2,) of each pixel in nested order.

    Examples
    --------
    >>> ring_of_nested(2)[:4]
    array([13,  5,  4,  0])
    """
    _require_nside(nside)
    number = np.empty(12 * nside * nside, dtype=np.int64)
    _fill_rings(nside, number)
    return number


def healpix_centres(nside: int, *, nested: bool = True) -> NDArray[np.float64]:
    """Unit vectors (12 nside^2, 3) of the pixels' centres (eqs. 4-9 of the source).

    Examples
    --------
    >>> healpix_centres(1)[4]
    array([1., 0., 0.])
    """
    _require_nside(nside)
    centre = np.empty((12 * nside * nside, 3))
    _fill_centres(nside, centre)
    if not nested:
        centre[ring_of_nested(nside)] = centre.copy()
    return centre


def healpix_graph(nside: int, *, nested: bool = True, gaussian: bool = False) -> Graph:
    """Graph that links each pixel with its seven or eight neighbours.

    Weights are 1, or exp(-d^2 / (2 s^2)) with d the distance of the centres and s its mean, as in
    DeepSphere (arXiv:1904.05146).

    Examples
    --------
    >>> healpix_graph(4).n_edges
    756
    """
    table = healpix_neighbourhood(nside, nested=nested)
    if not gaussian:
        return Graph.from_table(table)
    centre = healpix_centres(nside, nested=nested)
    distance = np.linalg.norm(centre[table] - centre[:, None], axis=2)
    there = table[:, 1:] >= 0
    mean = distance[:, 1:][there].mean()
    return Graph.from_table(table, np.exp(-0.5 * (distance / mean) ** 2))


def _require_nside(nside: int) -> None:
    """ValueError unless nside is a power of two that the tables can name in 32 bits."""
    if not (1 <= nside <= 8192 and nside & (nside - 1) == 0):
        msg = f"nside={nside} given, expected a power of two from 1 to 8192"
        raise ValueError(msg)
