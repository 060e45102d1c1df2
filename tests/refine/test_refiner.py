from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.refine.calibration import Calibration
from hyperhex.refine.network import ResponseNetwork
from hyperhex.refine.refiner import Refiner, Scale, load_refiner

ENERGY = np.geomspace(1.0, 100.0, 300)


@pytest.fixture
def refiner(patch: Patch, scale: Scale) -> Refiner:
    torch.manual_seed(1)
    network = ResponseNetwork(patch.neighbourhood(1), 4, 9, 8)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    return Refiner(network, scale, Calibration((-4.0, 0.0), (4.0, 4.1)))


@pytest.fixture
def deposits(patch: Patch, scale: Scale) -> NDArray[np.float32]:
    drawn = np.random.default_rng(2).exponential(3.0, (300, 4, patch.n_cells)) * scale.mip
    return drawn.astype(np.float32)


def test_what_is_saved_is_what_is_loaded(
    refiner: Refiner, deposits: NDArray[np.float32], tmp_path: Path
) -> None:
    refiner.save(tmp_path, {"settings": {}})
    loaded = load_refiner(tmp_path)
    refined = refiner.apply(deposits, ENERGY, 3)
    np.testing.assert_array_equal(loaded.apply(deposits, ENERGY, 3), refined)
    np.testing.assert_array_equal(loaded.calibrate(refined), refiner.calibrate(refined))
    assert loaded.scale == refiner.scale


def test_noise_is_that_of_the_seed(refiner: Refiner, deposits: NDArray[np.float32]) -> None:
    first, same, other = (refiner.apply(deposits, ENERGY, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_threads_of_torch_change_nothing(refiner: Refiner, deposits: NDArray[np.float32]) -> None:
    before = torch.get_num_threads()
    runs = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        runs.append(refiner.apply(deposits, ENERGY, 3))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*runs)


def test_cells_below_the_threshold_are_the_same_as_none(
    refiner: Refiner, deposits: NDArray[np.float32], scale: Scale
) -> None:
    cut = np.where(deposits < scale.threshold * scale.mip, 0.0, deposits)
    np.testing.assert_array_equal(refiner.apply(deposits, ENERGY, 3), refiner.apply(cut, ENERGY, 3))


def test_refined_cells_are_zero_or_above_the_threshold(
    refiner: Refiner, deposits: NDArray[np.float32], scale: Scale
) -> None:
    refined = refiner.apply(deposits, ENERGY, 3)
    hit = refined[refined != 0.0]
    assert hit.min() >= 0.999 * scale.threshold * scale.mip
    assert refined.dtype == np.float32


def test_empty_and_enormous_showers_stay_finite(refiner: Refiner, patch: Patch) -> None:
    deposits = np.zeros((2, 4, patch.n_cells), dtype=np.float32)
    deposits[1] = 10.0
    refined = refiner.apply(deposits, np.array([1e-3, 1e4]), 3)
    assert np.isfinite(refined).all()
    assert np.isfinite(refiner.calibrate(refined)).all()
    assert refiner.apply(deposits[:0], np.zeros(0), 3).shape == (0, 4, patch.n_cells)


def test_wrong_shapes_and_missing_files_are_named(
    refiner: Refiner, deposits: NDArray[np.float32], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"\(300, 3, 19\) given, expected \(300, 4, 19\)"):
        refiner.apply(deposits[:, :3], ENERGY, 3)
    with pytest.raises(StoreError, match=r"no refiner\.safetensors"):
        load_refiner(tmp_path)
