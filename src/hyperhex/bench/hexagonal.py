"""Benchmarks of hexagonal indexing: lookup, neighbour tables, sums, cleaning, Hillas parameters.

Peers are scipy's KD-tree, ctapipe, IndexedConv and plain NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.bench.case import Call, Case
from hyperhex.detector.camera import Camera
from hyperhex.detector.cylinder import Cylinder
from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.cleaning import tailcuts
from hyperhex.kernels.hexagonal.clusters import islands
from hyperhex.kernels.hexagonal.hillas import Hillas, hillas
from hyperhex.kernels.hexagonal.lookup import lookup
from hyperhex.kernels.hexagonal.neighbours import neighbourhood
from hyperhex.kernels.hexagonal.scatter import first_of_event, scatter_patches

__all__ = ["cases"]

POINTS = 1_000_000
IMAGES = 2_000
# ctapipe takes 10 ms an image where it is given the whole camera
FEW_IMAGES = 100
# pixels of the camera of CTAO's largest telescopes, 5 cm wide
PIXELS, PITCH = 1_855, 0.05
PICTURE, BOUNDARY, LEAST = 8.0, 4.0, 1


def cases() -> Iterator[Case]:
    """All cases of hexagonal indexing, made one by one."""
    yield lookup_case(26)
    yield table_case(26)
    yield table_case(182)
    yield scatter_case(200, 50)
    images = toy_images(IMAGES)
    yield cleaning_case(images)
    yield islands_case(images)
    yield hillas_case(images, "sliced camera")
    yield hillas_case(images.first(FEW_IMAGES), "full camera")


def lookup_case(rings: int) -> Case:
    """Points within a patch to cells, in float32 and float64 alike."""
    from scipy.spatial import cKDTree

    patch = Patch(rings, PITCH)
    random = np.random.default_rng(1)
    # no point outside: a KD-tree does not know, and ctapipe's answer is wrong there
    radius = 0.85 * rings * PITCH * np.sqrt(random.random(POINTS))
    angle = random.uniform(0, 2 * np.pi, POINTS)
    x, y = ((radius * f(angle)).astype(np.float32) for f in (np.cos, np.sin))
    points = np.stack([x, y], axis=1)
    tree = cKDTree(patch.positions)
    out = np.empty(POINTS, np.int32)
    camera = _ctapipe_camera(patch.positions, PITCH)

    def ours(threads: int) -> Call:
        return lambda: lookup(x, y, PITCH, patch.table, -rings, -rings, threads=threads, out=out)

    def check() -> None:
        """Agrees with exact geometry but where the point is within rounding of an edge."""
        found: Any = ours(1)()
        exact = patch.index(x.astype(np.float64), y.astype(np.float64))
        for expected in (exact, camera.position_to_pix_index(*_quantities(x, y))):
            wrong = np.flatnonzero(found != expected)
            assert len(wrong) < 1e-4 * POINTS
            steps = [points[wrong] - patch.positions[cells[wrong]] for cells in (found, expected)]
            one, other = (np.hypot(*step.T) for step in steps)
            np.testing.assert_allclose(one, other, atol=1e-5 * PITCH)

    return Case(
        name=f"lookup of {POINTS:,} points, {patch.n_cells:,} cells",
        ours=ours,
        peers={
            "scipy cKDTree": lambda: tree.query(points),
            "ctapipe": lambda: camera.position_to_pix_index(*_quantities(x, y)),
            "numpy cube rounding": lambda: patch.index(x, y),
        },
        check=check,
        moved=12.0 * POINTS,
        required={"scipy cKDTree": 20.0},
        required_bound=6.0,
    )


def table_case(rings: int) -> Case:
    """The table of nearest neighbours of a whole camera."""
    from scipy.spatial import cKDTree

    patch = Patch(rings, PITCH)
    axial, positions = patch.axial, patch.positions
    number = patch.n_cells
    indexed = _indexed_conv(patch)

    def pairs() -> Any:
        return cKDTree(positions).query_pairs(1.2 * PITCH, output_type="ndarray")

    def check() -> None:
        table = neighbourhood(axial, 1)
        cell, place = np.nonzero(table[:, 1:] >= 0)
        other = table[cell, place + 1]
        edges = set(zip(*(part[cell < other].tolist() for part in (cell, other)), strict=True))
        assert edges == {(min(a, b), max(a, b)) for a, b in pairs().tolist()}
        theirs = np.asarray(indexed())
        # theirs have the cell itself in the middle, and come in the order of the storage
        theirs = theirs[:, np.argsort(theirs[3])]
        np.testing.assert_array_equal(np.sort(table.T, axis=0), np.sort(theirs, axis=0))

    return Case(
        name=f"neighbour table, {number:,} cells",
        ours=lambda threads: lambda: neighbourhood(axial, 1, threads=threads),
        peers={
            "scipy cKDTree": pairs,
            "ctapipe": lambda: _ctapipe_camera(positions, PITCH).neighbor_matrix_sparse,
            "IndexedConv": indexed,
        },
        check=check,
        moved=axial.nbytes + 28.0 * number,
        required={"scipy cKDTree": 30.0} if number > 10_000 else {},
    )


def scatter_case(events: int, showers: int) -> Case:
    """Patches of showers laid on a cylinder, event by event."""
    cylinder, rings = Cylinder(128, 1.5), 6
    table = cylinder.neighbourhood(rings)
    random = np.random.default_rng(3)
    number = events * showers
    centre = random.integers(0, cylinder.n_cells, number).astype(np.int32)
    patches = random.exponential(size=(number, table.shape[1])).astype(np.float32)
    event = np.repeat(np.arange(events), showers)
    first = first_of_event(event, events)
    out = np.zeros((events, cylinder.n_cells), np.float32)

    def ours(threads: int) -> Call:
        return lambda: scatter_patches(first, centre, patches, table, out=out, threads=threads)

    def by_bincount() -> NDArray[np.float64]:
        cell = table[centre]
        inside = cell >= 0
        place = (event[:, None] * cylinder.n_cells + cell)[inside]
        sums = np.bincount(place, patches[inside].astype(np.float64), out.size)
        return sums.reshape(out.shape).astype(np.float64)

    def by_add_at() -> NDArray[np.float32]:
        grid = np.zeros_like(out)
        cell = table[centre]
        inside = cell >= 0
        row = np.broadcast_to(event[:, None], cell.shape)
        np.add.at(grid, (row[inside], cell[inside]), patches[inside])
        return grid

    def check() -> None:
        found = scatter_patches(first, centre, patches, table)
        np.testing.assert_array_equal(found, by_add_at())
        np.testing.assert_allclose(found, by_bincount(), rtol=1e-5)

    return Case(
        name=f"sums of {number:,} patches, {table.shape[1]} cells each",
        ours=ours,
        peers={"numpy bincount": by_bincount, "numpy add.at": by_add_at},
        check=check,
        moved=float(patches.nbytes + 2 * out.nbytes),
    )


@dataclass(frozen=True)
class Images:
    """Toy images of showers (n, cells) on a camera, and what cleaning keeps of them."""

    camera: Camera
    charges: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def first(self, number: int) -> Images:
        """The first few of them."""
        return Images(self.camera, self.charges[:number], self.mask[:number])

    @property
    def bytes_read(self) -> float:
        """Bytes of charges and masks."""
        return float(self.charges.nbytes + self.mask.nbytes)


def toy_images(number: int) -> Images:
    """Elliptic showers of 150 to 800 photoelectrons over noise, three cells or more kept."""
    patch = Patch(26, PITCH)
    near = np.argsort(np.hypot(*patch.positions.T), kind="stable")[:PIXELS]
    camera = Camera(patch.positions[np.sort(near)])
    random = np.random.default_rng(2)
    charges = _showers(camera.positions, number + number // 4, random)
    mask = tailcuts(charges, camera.neighbours, PICTURE, BOUNDARY, min_picture_neighbours=LEAST)
    good = np.flatnonzero(mask.sum(axis=1) >= 3)[:number]
    return Images(camera, charges[good], mask[good])


def _showers(
    positions: NDArray[np.float64], number: int, random: np.random.Generator
) -> NDArray[np.float32]:
    x, y = positions.T
    centre = random.uniform(-0.6, 0.6, (2, number, 1))
    turn = random.uniform(0, np.pi, (number, 1))
    length, width = (
        random.uniform(0.06, 0.15, (number, 1)),
        random.uniform(0.025, 0.05, (number, 1)),
    )
    along = (x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)
    across = (y - centre[1]) * np.cos(turn) - (x - centre[0]) * np.sin(turn)
    light = np.exp(-0.5 * (along / length) ** 2 - 0.5 * (across / width) ** 2)
    light *= random.uniform(150, 800, (number, 1)) / light.sum(axis=1, keepdims=True)
    noise = random.normal(-1.0, 0.3, light.shape)
    return (random.poisson(light + 1.0) + noise).astype(np.float32)


def cleaning_case(images: Images) -> Case:
    """Two-threshold cleaning, a picture cell having one neighbour in the picture."""
    from ctapipe.image import tailcuts_clean

    geometry = _ctapipe_camera(images.camera.positions, PITCH)
    near, charges = images.camera.neighbours, images.charges
    out = np.empty(charges.shape, np.bool_)
    geometry.neighbor_matrix_sparse  # noqa: B018 -- made once, before the clock starts

    def ours(threads: int) -> Call:
        return lambda: tailcuts(
            charges, near, PICTURE, BOUNDARY, min_picture_neighbours=LEAST, threads=threads, out=out
        )

    def theirs() -> list[Any]:
        return [
            tailcuts_clean(geometry, image, PICTURE, BOUNDARY, min_number_picture_neighbors=LEAST)
            for image in charges
        ]

    return Case(
        name=f"cleaning of {len(charges):,} images, {charges.shape[1]:,} cells",
        ours=ours,
        peers={"ctapipe": theirs},
        check=lambda: np.testing.assert_array_equal(ours(1)(), np.stack(theirs())),
        moved=images.bytes_read,
        required={"ctapipe": 10.0},
    )


def islands_case(images: Images) -> Case:
    """Connected parts of cleaned images."""
    from ctapipe.image import number_of_islands

    geometry = _ctapipe_camera(images.camera.positions, PITCH)
    near, mask = images.camera.neighbours, images.mask
    out = np.empty(mask.shape, np.int32)

    def check() -> None:
        labels, number = islands(mask, near)
        for i in range(len(mask)):
            their_number, their_labels = number_of_islands(geometry, mask[i])
            assert number[i] == their_number
            # theirs begin with 1, in the order of the lowest cell too
            np.testing.assert_array_equal(labels[i] + 1, their_labels)

    return Case(
        name=f"islands in {len(mask):,} images, {mask.shape[1]:,} cells",
        ours=lambda threads: lambda: islands(mask, near, threads=threads, out=out),
        peers={"ctapipe": lambda: [number_of_islands(geometry, one) for one in mask]},
        check=check,
        moved=5.0 * mask.size,
    )


def hillas_case(images: Images, what: str) -> Case:
    """Hillas parameters with all uncertainties; ctapipe recommends to slice the camera."""
    from ctapipe.image import hillas_parameters

    geometry = _ctapipe_camera(images.camera.positions, PITCH)
    (x, y), area = images.camera.positions.T.copy(), images.camera.area
    charges, mask = images.charges, images.mask
    cleaned = np.where(mask, charges, 0)

    def ours(threads: int) -> Call:
        return lambda: hillas(charges, x, y, area=area, mask=mask, threads=threads)

    def sliced() -> list[Any]:
        pairs = zip(charges, mask, strict=True)
        return [hillas_parameters(geometry[lit], image[lit]) for image, lit in pairs]

    def full() -> list[Any]:
        return [hillas_parameters(geometry, image) for image in cleaned]

    def check() -> None:
        found = hillas(charges, x, y, area=area, mask=mask)
        theirs = sliced() if what == "sliced camera" else full()
        for name in Hillas._fields:
            expected = np.array(
                [getattr(getattr(one, name), "value", getattr(one, name)) for one in theirs]
            )
            scale = np.nanmax(np.abs(expected))
            np.testing.assert_allclose(
                getattr(found, name), expected, rtol=1e-6, atol=1e-10 * scale, err_msg=name
            )

    return Case(
        name=f"Hillas parameters of {len(charges):,} images, {charges.shape[1]:,} cells",
        ours=ours,
        peers={f"ctapipe, {what}": sliced if what == "sliced camera" else full},
        check=check,
        moved=images.bytes_read,
        required={f"ctapipe, {what}": 200.0},
    )


def _quantities(x: NDArray[Any], y: NDArray[Any]) -> tuple[Any, Any]:
    from astropy import units

    return x * units.m, y * units.m


def _ctapipe_camera(positions: NDArray[np.float64], pitch: float) -> Any:
    """Hexagonal pixels in ctapipe; their corners point up and down, as ours do."""
    from astropy import units
    from ctapipe.instrument import CameraGeometry, PixelShape

    number = len(positions)
    return CameraGeometry(
        name="bench",
        pix_id=np.arange(number),
        pix_x=positions[:, 0] * units.m,
        pix_y=positions[:, 1] * units.m,
        pix_area=np.full(number, np.sqrt(3) / 2 * pitch**2) * units.m**2,
        pix_type=PixelShape.HEXAGON,
        pix_rotation=0 * units.deg,
        cam_rotation=0 * units.deg,
    )


def _indexed_conv(patch: Patch) -> Call:
    """IndexedConv's table (7, cells); its axes have the other handedness."""
    import torch
    from indexedconv.utils import neighbours_extraction

    matrix = torch.from_numpy(np.ascontiguousarray(patch.table[:, ::-1])).float()[None, None]
    return lambda: neighbours_extraction(matrix, kernel_type="Hex", radius=1)
