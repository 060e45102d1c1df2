from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from hyperhex.errors import StoreError
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.library import Sample
from hyperhex.fastsim.reading import drawn_often
from hyperhex.fastsim.simulation import FastSimulation, load_generator
from hyperhex.fastsim.template import hats
from hyperhex.provenance import read_json

MIP = 8.5e-5


@pytest.fixture(scope="module")
def fast(fitted: Any) -> FastSimulation:
    simulation: FastSimulation = fitted.simulation()
    return simulation


def conditions(number: int, seed: int = 5) -> tuple[NDArray, NDArray]:
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(0.1, 4.5, number)), random.uniform(-0.5, 0.5, (number, 2))


def test_fractions_are_shares_and_their_gradient_reaches_every_parameter(fitted: Any) -> None:
    generator = fitted.generator()
    few = fitted.showers.rows(slice(6))
    noise = torch.randn(6, generator.noise)
    fractions = generator(noise, few.log_energy, few.impact, few.layers)
    assert fractions.shape == (6, 4, 37)
    torch.testing.assert_close(fractions.sum(2), torch.ones(6, 4))
    (fractions * torch.rand_like(fractions)).sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_an_untrained_generator_has_the_profile_of_the_library(fitted: Any) -> None:
    showers, generator = fitted.showers, fitted.generator(secondaries=0)
    with torch.no_grad():
        noise = torch.randn(len(showers), 8, generator=torch.Generator().manual_seed(1))
        fractions = generator(noise, showers.log_energy, showers.impact, showers.layers)
    energy = showers.layers.energy[..., None]
    real = (showers.deposits / energy.clamp_min(1e-6)).sum(0) / (energy > 0).sum(0)
    mean = (fractions * (energy > 0)).sum(0) / (energy > 0).sum(0)
    torch.testing.assert_close(mean, real, rtol=0.15, atol=0.004)


def test_compiled_showers_are_corrected_as_those_of_the_network(fitted: Any) -> None:
    """What a calibration says of cells and cores; a generator in training has none of it."""
    fast = fitted.simulation()
    generator, random = fast.generator, torch.Generator().manual_seed(3)
    for table in generator.correction.buffers():
        table.add_(torch.randn(table.shape, generator=random))
    few = fitted.showers.rows(slice(40))
    energy, impact = few.log_energy.double().exp().numpy(), few.impact.double().numpy()
    given = fast._told(energy, impact, np.random.default_rng(1))
    weights = fast._weights(given)
    layers = Layers(torch.from_numpy(given.energy), torch.from_numpy(given.hits))
    noise = np.random.default_rng(1).standard_normal((40, generator.noise), dtype=np.float32)
    told = torch.from_numpy(noise), few.log_energy, few.impact, layers
    with torch.no_grad():
        expected, plain = generator(*told), generator.train()(*told)
    hit = layers.hits > 0
    found = torch.from_numpy(weights / weights.sum(1, keepdims=True))
    # cores of a ten-thousandth of a layer are left out of the compiled ones
    torch.testing.assert_close(found, expected[hit], rtol=1e-3, atol=1e-3)
    assert float((plain - expected)[hit].abs().max()) > 0.1


def test_response_hits_and_layers_are_the_librarys(fast: FastSimulation, fitted: Any) -> None:
    showers = fitted.showers
    energy = np.exp(showers.log_energy.numpy().astype(np.float64))
    cells = fast.sample(energy, showers.impact.numpy(), seed=1) / MIP
    real = showers.deposits.numpy()
    ratio, expected = ((part.sum((1, 2)) / energy) for part in (cells, real))
    assert ratio.mean() == pytest.approx(expected.mean(), rel=0.015)
    assert ratio.std() == pytest.approx(expected.std(), rel=0.12)
    counts = [(part > 0).sum(2).mean(0) for part in (cells, real)]
    np.testing.assert_allclose(*counts, rtol=0.04)
    np.testing.assert_allclose(*(part.sum((0, 2)) for part in (cells, real)), rtol=0.04)


def test_samples_have_shape_threshold_and_units(fast: FastSimulation) -> None:
    energy, impact = conditions(300)
    showers = fast.sample(energy, impact, seed=3)
    assert fast.particle == "photon"
    assert showers.shape == (300, 4, 37)
    assert showers.dtype == np.float32
    assert showers[showers > 0].min() >= 0.5 * MIP * (1 - 1e-6)
    assert fast.sample(energy[:0], impact[:0], seed=3).shape == (0, 4, 37)


def test_cells_sum_to_the_layers_that_were_drawn(
    fast: FastSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []
    told = fast._told

    def keep(*given: Any) -> Any:
        kept.append(told(*given))
        return kept[-1]

    monkeypatch.setattr(fast, "_told", keep)
    energy, impact = conditions(700)
    showers = fast.sample(energy, impact, seed=4)
    layers = [np.concatenate([getattr(one, name) for one in kept]) for name in ("energy", "hits")]
    np.testing.assert_allclose(showers.sum(2) / MIP, layers[0], rtol=1e-5, atol=2e-3)
    np.testing.assert_array_equal((showers > 0).sum(2), layers[1])


def test_showers_that_are_drawn_often_are_those_of_the_same_conditions(
    fast: FastSimulation,
) -> None:
    energy, impact = conditions(300)
    like = Sample(np.zeros((300, 4, 37), np.float32), energy, impact)
    told, found = drawn_often(fast, like, seed=4)
    np.testing.assert_array_equal(told.reshape(8, 300), np.tile(energy, (8, 1)))
    drawn = fast.sample(energy, impact, seed=5)
    visible, hits = drawn.sum(axis=(1, 2)) / MIP, np.count_nonzero(drawn, axis=(1, 2))
    assert found["response"].mean() == pytest.approx((visible / energy).mean(), rel=0.05)
    assert found["hits"].mean() == pytest.approx(hits.mean(), rel=0.05)
    apart = found["response"].reshape(8, 300)
    assert (apart[0] != apart[1]).mean() > 0.99


def test_same_seed_same_bytes_on_any_number_of_threads(fast: FastSimulation) -> None:
    energy, impact = conditions(700)
    first = fast.sample(energy, impact, seed=3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        again = fast.sample(energy, impact, seed=3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(first, again)
    assert (first != fast.sample(energy, impact, seed=4)).any()


def test_full_blocks_do_not_depend_on_what_follows(fast: FastSimulation) -> None:
    energy, impact = conditions(700)
    whole = fast.sample(energy, impact, 3, batch=256)
    first = fast.sample(energy[:512], impact[:512], 3, batch=256)
    np.testing.assert_array_equal(whole[:512], first)
    alone = fast.sample(energy[256:512], impact[256:512], 3, batch=256)
    assert (whole[256:512] != alone).any()


def test_showers_turn_with_the_impact_point(fast: FastSimulation) -> None:
    """Equal bytes: the network only ever sees the wedge."""
    point = np.array([0.35, 0.12])
    images = fast.patch.symmetry_matrices @ point
    energy = np.array([20.0])
    here = fast.sample(energy, point[None], seed=9)
    for operation in range(12):
        there = fast.sample(energy, images[operation][None], seed=9)
        np.testing.assert_array_equal(there, here[..., fast.patch.symmetries[operation]])


def test_energies_beyond_the_library_are_scaled(fast: FastSimulation) -> None:
    impact = np.zeros((400, 2))
    low, high = fast.scale.energies
    edge, beyond = (fast.sample(np.full(400, energy), impact, 2) for energy in (high, 3 * high))
    np.testing.assert_allclose(beyond, 3 * edge, rtol=1e-5)
    edge, below = (fast.sample(np.full(400, energy), impact, 2) for energy in (low, 0.5 * low))
    kept = below > 0
    np.testing.assert_allclose(below[kept], 0.5 * edge[kept], rtol=1e-5)
    assert edge[~kept].max() <= MIP * (1 + 1e-5)
    assert below[kept].min() >= 0.5 * MIP * (1 - 1e-6)


def test_what_was_saved_is_loaded(fast: FastSimulation, tmp_path: Path) -> None:
    energy, impact = conditions(50)
    fast.save(tmp_path, {"settings": {"seed": 1}})
    again = load_generator(tmp_path)
    assert again.scale == fast.scale
    np.testing.assert_array_equal(again.sample(energy, impact, 1), fast.sample(energy, impact, 1))
    assert read_json(tmp_path / "generator.json")["settings"] == {"seed": 1}
    again.save(tmp_path / "copy", {"settings": {"seed": 1}})
    for name in ("generator.safetensors", "generator.json"):
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_folder_without_a_generator_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="hyperhex fastsim fit"):
        load_generator(tmp_path)


def test_a_generator_with_other_kinds_of_cells_is_refused(
    fast: FastSimulation, tmp_path: Path
) -> None:
    fast.save(tmp_path, {})
    path = tmp_path / "generator.safetensors"
    tensors = load_file(path)
    tensors["hits.sums"] = tensors["hits.sums"][:3].contiguous()
    save_file(tensors, path)
    with pytest.raises(StoreError, match="crossings of 3 kinds of cells, expected 9; train it"):
        load_generator(tmp_path)


@pytest.mark.parametrize("table", ["density.excess", "generator.correction.whole"])
def test_a_generator_without_a_table_is_refused(
    fast: FastSimulation, tmp_path: Path, table: str
) -> None:
    fast.save(tmp_path, {})
    path = tmp_path / "generator.safetensors"
    tensors = load_file(path)
    del tensors[table]
    save_file(tensors, path)
    with pytest.raises(StoreError, match="have another form; train it again"):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    ("energy", "impact"),
    [
        ([-1.0], [[0.0, 0.0]]),
        ([0.0], [[0.0, 0.0]]),
        ([np.nan], [[0.0, 0.0]]),
        ([1.0, 2.0], [[0.0, 0.0]]),
        ([1.0], [[0.0, np.nan]]),
        ([1.0], [0.0, 0.0]),
        ([1.0], [[0.0, 0.0, 0.0]]),
        ([[1.0]], [[0.0, 0.0]]),
    ],
)
def test_impossible_conditions_are_refused(fast: FastSimulation, energy: Any, impact: Any) -> None:
    with pytest.raises(ValueError, match="positive"):
        fast.sample(np.array(energy), np.array(impact), 1)


def test_hats_interpolate_linearly() -> None:
    knots = torch.tensor([0.0, 1.0, 3.0])
    weight = hats(torch.tensor([-1.0, 0.25, 2.0, 9.0]), knots)
    torch.testing.assert_close(weight @ knots, torch.tensor([0.0, 0.25, 2.0, 3.0]))
    torch.testing.assert_close(weight.sum(1), torch.ones(4))
