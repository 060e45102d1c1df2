from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hyperhex.config import Data, Refine
from hyperhex.detector.patch import Patch
from hyperhex.refine.adversary import Batches
from hyperhex.refine.refiner import Scale
from hyperhex.refine.response import Pattern, apply_threshold, draw_pattern, respond
from hyperhex.refine.showers import Showers
from hyperhex.refine.training import Fitted, alternatives, train

Toys = Callable[[int, int], Showers]

SETTINGS = Refine(iterations=250, batch=64, baseline_iterations=30, memory=0.95)
RESPONSE = Data(gain_spread=0.2, dead_fraction=0.0, saturation=1500.0)


@pytest.fixture(scope="module")
def pattern(patch: Patch) -> Pattern:
    drawn = draw_pattern(RESPONSE, 4, patch.n_cells, np.random.default_rng(8))
    drawn.alive[1, 1] = False
    return drawn


def read(showers: Showers, pattern: Pattern, patch: Patch, seed: int) -> Showers:
    stream = np.random.default_rng(seed)
    return showers.with_cells(respond(showers.cells, RESPONSE, pattern, patch.neighbours, stream))


def seen(showers: Showers) -> Showers:
    return showers.with_cells(apply_threshold(showers.cells, 0.5).astype(np.float32))


@pytest.fixture(scope="module")
def fitted(toys: Toys, pattern: Pattern, patch: Patch, scale: Scale) -> Fitted:
    data = read(toys(1500, 11), pattern, patch, 1)
    return train(seen(toys(1500, 12)), data, scale, SETTINGS, 5)


def response_error(found: Showers, truth: Showers) -> float:
    """Relative error of the visible energy, shower by shower."""
    ratio = found.cells.sum(axis=(1, 2)) / truth.cells.sum(axis=(1, 2))
    return float(np.sqrt(np.mean((ratio - 1.0) ** 2)))


def test_refined_showers_are_closer_to_what_the_detector_reads(
    fitted: Fitted, toys: Toys, pattern: Pattern, patch: Patch
) -> None:
    fresh = toys(600, 13)
    truth = read(fresh, pattern, patch, 2)
    kinds = alternatives(fitted, seen(fresh), 1)
    errors = {name: response_error(showers, truth) for name, showers in kinds.items()}
    assert errors["refined"] < 0.5 * errors["raw"], errors
    assert errors["refined"] < errors["layer_scale"], errors


def test_dead_cell_and_gains_are_found(fitted: Fitted, pattern: Pattern) -> None:
    learned = fitted.refiner.response(30.0)
    assert learned[1, 1] < 0.3
    core = pattern.alive.copy()
    core[:, 7:] = False
    assert np.corrcoef(learned[core], pattern.gain[core])[0, 1] > 0.9


def test_calibrated_energy_is_right_on_average(
    fitted: Fitted, toys: Toys, pattern: Pattern, patch: Patch, scale: Scale
) -> None:
    data = read(toys(1500, 14), pattern, patch, 3)
    measured = fitted.refiner.calibrate(data.cells * scale.mip)
    assert np.median(measured / data.energy) == pytest.approx(1.0, abs=0.03)


def test_training_is_that_of_its_seed(
    toys: Toys, pattern: Pattern, patch: Patch, scale: Scale
) -> None:
    short = SETTINGS.model_copy(update={"iterations": 4, "baseline_iterations": 2})
    simulated = seen(toys(200, 15))
    data = read(toys(200, 16), pattern, patch, 4)
    maps = []
    for seed in (1, 1, 2):
        torch.rand(seed)
        maps.append(train(simulated, data, scale, short, seed).refiner.response(10.0))
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] != maps[2]).any()


def test_training_leaves_the_global_stream_alone(
    toys: Toys, pattern: Pattern, patch: Patch, scale: Scale
) -> None:
    short = SETTINGS.model_copy(update={"iterations": 1, "baseline_iterations": 1})
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    train(seen(toys(100, 15)), read(toys(100, 16), pattern, patch, 4), scale, short, 1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_batches_pair_particles_of_like_energy(toys: Toys, patch: Patch) -> None:
    simulated, data = toys(800, 17), toys(700, 18)
    batches = Batches(simulated, data, patch.symmetries, SETTINGS)
    stream = torch.Generator().manual_seed(1)
    differences = []
    for _ in range(20):
        cells, energy, partner_cells, partner_energy = batches.draw(stream)
        assert cells.shape == partner_cells.shape == (64, 4, patch.n_cells)
        differences.append(energy - partner_energy)
    difference = torch.cat(differences)
    assert difference.abs().max() < 0.3
    assert difference.mean().abs() < 0.01


def test_batches_turn_showers_by_symmetries(toys: Toys, patch: Patch) -> None:
    simulated = toys(1, 19)
    batches = Batches(simulated, simulated, patch.symmetries, SETTINGS)
    stream = torch.Generator().manual_seed(2)
    original = simulated.cells[0].astype(np.float32)
    known = {original[:, turn].tobytes() for turn in patch.symmetries}
    drawn = {batches.draw(stream)[2][0].numpy().tobytes() for _ in range(60)}
    assert drawn <= known
    assert len(drawn) > 6
