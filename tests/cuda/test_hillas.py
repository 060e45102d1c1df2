"""Hillas parameters on the device agree with those of the CPU in all that is defined."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.hillas import Hillas, hillas


@pytest.mark.parametrize("masked", [False, True])
def test_hillas(masked: bool) -> None:
    patch = Patch(3, 1.0)
    x, y = patch.positions.T
    random = np.random.default_rng(5)
    images = random.exponential(5.0, (4, 37)).astype(np.float32)
    mask = random.random(images.shape) < 0.6
    mask[0] = False  # no light
    mask[1] = np.arange(37) == 5  # one cell
    if masked:
        found = hillas(cuda.to_device(images), x, y, area=0.7, mask=cuda.to_device(mask))
        expected = hillas(images, x, y, area=0.7, mask=mask)
    else:
        images = np.where(mask, images, 0).astype(np.float32)
        found = hillas(cuda.to_device(images), x, y, area=0.7)
        expected = hillas(images, x, y, area=0.7)
    for name in Hillas._fields:
        np.testing.assert_allclose(
            getattr(found, name).copy_to_host(),
            getattr(expected, name),
            rtol=1e-10,
            atol=1e-12,
            err_msg=name,
        )
