"""The benchmarks of hexagonal indexing that need no peers beyond scipy are made and agree."""

from __future__ import annotations

import numpy as np

from hyperhex.bench.hexagonal import PIXELS, toy_images


def test_toy_images_are_like_a_telescopes() -> None:
    images = toy_images(20)
    assert images.charges.shape == images.mask.shape == (20, PIXELS)
    assert images.camera.lattice.residual < 1e-9
    assert 10 < images.mask.sum(axis=1).mean() < 60
    assert images.mask.sum(axis=1).min() >= 3
    assert images.first(5).bytes_read == 5 * PIXELS * 5
    np.testing.assert_array_equal(toy_images(20).charges, images.charges)
