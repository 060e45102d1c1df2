from __future__ import annotations

import copy
from dataclasses import replace
from itertools import product
from math import inf, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from hyperhex.config import FastsimNetwork
from hyperhex.fastsim.calibration import calibrate_layers
from hyperhex.fastsim.conditions import Conditions, Layers, fit_conditions
from hyperhex.fastsim.density import LayerDensity, drawn_from_mixture
from hyperhex.fastsim.library import Showers
from hyperhex.fastsim.likelihood import fit_density
from hyperhex.fastsim.places import value_at

THRESHOLD = 0.5
QUANTILES = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
LOG_ENERGY, IMPACT = log(20.0), (0.3, 0.1)


def conditions(n_layers: int, root: float) -> Conditions:
    """Scales of layers in which some hundred MIP are, with 2 sqrt(hits) about `root`."""
    return Conditions(
        THRESHOLD,
        logs=torch.tensor([0.0, 5.0]),
        reach=torch.tensor(0.6),
        response=torch.tensor([1.0, 1.0]),
        hits=torch.stack([torch.full((n_layers,), root), torch.full((n_layers,), 1.0)]),
        excess=torch.stack([torch.full((n_layers,), 5.0), torch.full((n_layers,), 2.0)]),
    )


def known(n_layers: int, n_cells: int = 3, root: float = 2.5) -> LayerDensity:
    """A density with random weights, every factor of which depends on all that it sees."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        density = LayerDensity(conditions(n_layers, root), n_cells, hidden=16, components=3)
    density.conditions.response.copy_(torch.tensor([60.0, 0.4]))
    density.left[0], density.left[1] = 3.0, 1.0
    density.add_excess(torch.full_like(density.excess, 3.0))
    return density.requires_grad_(requires_grad=False)


def drawn(density: LayerDensity, number: int, seed: int = 2) -> Layers:
    random = np.random.default_rng(seed)
    uniform = random.random((2, number, density.factors), dtype=np.float32)
    choice, place = torch.from_numpy(uniform)
    impact = torch.tensor(IMPACT).expand(number, 2)
    return density(torch.full((number,), LOG_ENERGY), impact, choice, place)


def likelihood(density: LayerDensity, layers: Layers) -> torch.Tensor:
    """Ln of the density of the total energy and the hits, in the variables of their factors."""
    number = len(layers.hits)
    impact = torch.tensor(IMPACT).expand(number, 2)
    told = density.known(torch.full((number,), LOG_ENERGY), impact, layers)
    without_energies = replace(told, counts=torch.zeros_like(told.counts))
    return density.log_likelihood(without_energies).double() - 0.5 * log(2 * pi)


def test_the_density_of_two_layers_is_normalised_and_is_what_is_drawn() -> None:
    """p(T, h, h'), integrated over the energy T: one in all, and of each pair its frequency."""
    density = known(2)
    total = torch.linspace(10.0, 2400.0, 4000)
    step = float(total[1] - total[0]) / (60.0 * sqrt(np.exp(LOG_ENERGY)) * 0.4)
    found = []
    for pair in product(range(4), repeat=2):
        # with the whole energy in one layer, as the hits do not know where it is
        energy = torch.stack([total, torch.zeros_like(total)], dim=1)
        layers = Layers(energy, torch.tensor(pair).float().expand(4000, 2))
        found.append(float(likelihood(density, layers).exp().sum()) * step)
    assert sum(found) == pytest.approx(1.0, abs=2e-3)
    layers = drawn(density, 40_000)
    place = (4 * layers.hits[:, 0] + layers.hits[:, 1]).int()
    observed = torch.bincount(place, minlength=16).double().numpy()
    expected = 40_000 * np.array(found) / sum(found)
    rare = expected < 8
    merged = [np.append(part[~rare], part[rare].sum() + 1e-9) for part in (observed, expected)]
    merged[1] *= merged[0].sum() / merged[1].sum()
    assert stats.chisquare(*merged).pvalue > 1e-3


def test_the_density_of_an_energy_is_normalised() -> None:
    """p(x) of the first layer, at places x of the normal density."""
    density = known(2)
    number, step = 801, 0.025
    layers = Layers(torch.tensor([[120.0, 60.0]]), torch.tensor([[2.0, 3.0]]))
    told = density.known(torch.full((1,), LOG_ENERGY), torch.tensor([IMPACT]), layers)
    places = step * (torch.arange(number) - number // 2)[:, None] * torch.tensor([1.0, 0.0])
    many = told.rows(torch.zeros(number, dtype=torch.long))
    counts = torch.tensor([1.0, 0.0]).expand(number, 2)
    with_first = density.log_likelihood(replace(many, place=places, counts=counts))
    without = density.log_likelihood(replace(many, counts=torch.zeros_like(counts)))
    mass = (with_first - without).double().exp().sum() * step / sqrt(2 * pi)
    assert float(mass) == pytest.approx(1.0, abs=1e-3)


def test_places_of_energies_are_normal_whatever_their_distribution() -> None:
    """A hit has at least e^0.4 MIP, with a tail where there are many; and back to the energies."""
    density, random = known(2, n_cells=50), np.random.default_rng(6)
    hits = torch.from_numpy(random.integers(1, 40, (20_000, 2))).float()
    tail = torch.from_numpy(random.exponential(1.0, hits.shape)).float()
    above = hits * torch.exp(0.4 + (0.2 + 0.1 * torch.log(hits)) * tail)
    layers = Layers(above + THRESHOLD * hits, hits)
    density.excess.copy_(density.quantiles(layers))
    told = density.known(torch.zeros(20_000), torch.zeros(20_000, 2), layers)
    for layer in range(2):
        place = told.place[:, layer]
        for few, many in ((1, 4), (4, 16), (16, 40)):
            chosen = (hits[:, layer] >= few) & (hits[:, layer] < many)
            assert stats.kstest(place[chosen].numpy(), "norm").statistic < 0.04
        table = density.of_hits(hits[:, layer]) @ density.excess[layer]
        again, inside = hits[:, layer] * torch.exp(value_at(table, place)), place.abs() < 3.9
        torch.testing.assert_close(again[inside], above[inside, layer], rtol=1e-3, atol=1e-3)


def test_no_factor_sees_what_comes_after_it() -> None:
    """Inputs of the factors of showers that are alike up to a layer, and then are not."""
    density = known(4, n_cells=50)
    random = np.random.default_rng(3)
    hits = torch.from_numpy(random.integers(1, 20, (2, 4))).float()
    energy = 100.0 * torch.from_numpy(random.random((2, 4))).float() + THRESHOLD * hits

    def seen(energy: torch.Tensor, hits: torch.Tensor) -> NDArray[np.bool_]:
        """Which factors see two showers alike."""
        told = density.known(torch.zeros(2), torch.zeros(2, 2), Layers(energy, hits)).inputs
        inputs = told[:, None] * density.seen
        return np.isclose(inputs[0], inputs[1], atol=1e-5).all(1)

    assert seen(energy[:1].expand(2, 4), hits[:1].expand(2, 4)).all()
    # same total energy, other hits from layer 2 on: seen by those of layer 3 and by all shares
    other = hits.clone()
    other[1, :2] = other[0, :2]
    same = energy.clone()
    same[1] = energy[0].flip(0)
    np.testing.assert_array_equal(seen(same, other), [True] * 4 + [False] * 5)
    # same hits and energies before layer 1: the share of layer 0 is known, and seen by those after
    same[1] = energy[0]
    same[1, 1] += 5.0
    same[1, 2] -= 5.0
    np.testing.assert_array_equal(
        seen(same, hits[:1].expand(2, 4)), [True] * 5 + [True, True, False, False]
    )


@pytest.mark.parametrize("n_layers", [1, 2, 5])
@pytest.mark.parametrize("giga", [1e-3, 0.05, 20.0])
def test_hits_are_whole_numbers_that_the_energies_allow(n_layers: int, giga: float) -> None:
    """Also of showers that leave next to nothing, as most do at the lowest of these energies."""
    density = known(n_layers, n_cells=7)
    number = 3000
    random = torch.Generator().manual_seed(4)
    choice, place = torch.rand(2, number, density.factors, generator=random)
    impact = torch.rand(number, 2, generator=random) * 0.5
    layers = density(torch.full((number,), log(giga)), impact, choice, place)
    assert layers.energy.isfinite().all()
    assert (layers.hits == layers.hits.round()).all()
    assert (layers.hits >= 0).all()
    assert (layers.hits <= 7).all()
    assert (layers.energy >= THRESHOLD * layers.hits - 1e-3).all()
    assert (layers.energy[layers.hits == 0] == 0).all()
    some = layers.hits.sum(1) > 0
    if giga == 1e-3:
        assert not some.all()


def test_layers_have_the_energy_of_the_shower(fitted: Any) -> None:
    """That which is drawn first, in nine of ten showers and more."""
    density, number = fitted.density, 2000
    random = torch.Generator().manual_seed(4)
    choice, place = torch.rand(2, number, density.factors, generator=random)
    told = fitted.showers.rows(slice(number))
    energy = told.log_energy.exp()
    with torch.no_grad():
        layers = density(told.log_energy, told.impact, choice, place)
        particle = density.conditions.of_particle(told.log_energy, told.impact)
        later = torch.zeros(number, 1 + 3 * density.n_layers)
        mixture = density._mixture(0, torch.cat([particle, later], dim=1))
    value = drawn_from_mixture(mixture, choice[:, 0], torch.special.ndtri(place[:, 0]))
    mean, width = density.conditions.response
    total = (value * width / energy.sqrt() + 1.0) * mean * energy
    total = total * (density.of_energy(told.log_energy) @ density.more_energy)
    reached = layers.energy.sum(1) / total
    assert float((reached - 1.0).abs().quantile(0.9)) < 1e-4


def test_showers_without_hits_and_with_one_layer_hit_have_a_likelihood() -> None:
    density = known(3, n_cells=7).requires_grad_()
    hits = torch.tensor([[0.0, 0.0, 0.0], [0.0, 5.0, 0.0], [7.0, 7.0, 7.0], [1.0, 0.0, 1.0]])
    layers = Layers(THRESHOLD * hits + 3.0 * (hits > 0), hits)
    told = density.known(torch.full((4,), 1.0), torch.zeros(4, 2), layers)
    np.testing.assert_array_equal(told.counts, [[0, 0, 0], [0, 1, 0], [1, 1, 1], [1, 0, 1]])
    found = density.log_likelihood(told)
    assert found.isfinite().all()
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in density.parameters())


def test_what_is_drawn_from_a_fit_is_like_the_showers(fitted: Any) -> None:
    showers, density = fitted.showers, fitted.density
    random = torch.Generator().manual_seed(5)
    choice, place = torch.rand(2, len(showers), density.factors, generator=random)
    with torch.no_grad():
        layers = density(showers.log_energy, showers.impact, choice, place)
    energy = showers.log_energy.exp()
    for found, real in (
        (layers.energy.sum(1) / energy, showers.layers.energy.sum(1) / energy),
        (layers.hits.sum(1) / energy.sqrt(), showers.layers.hits.sum(1) / energy.sqrt()),
    ):
        error = sqrt(2 / len(showers)) * float(real.std())
        assert float(found.mean()) == pytest.approx(float(real.mean()), abs=4 * error)
        assert float(found.std()) == pytest.approx(float(real.std()), rel=0.12)
    for name in ("energy", "hits"):
        parts = [getattr(one, name).double() for one in (layers, showers.layers)]
        shares = [(part / part.sum(1, keepdim=True).clamp_min(1e-6)).numpy() for part in parts]
        np.testing.assert_allclose(*(share.mean(0) for share in shares), atol=0.012)
        np.testing.assert_allclose(*(share.std(0) for share in shares), rtol=0.15)
        logs = [torch.log1p(part).T.numpy() for part in parts]
        np.testing.assert_allclose(*map(np.corrcoef, logs), atol=0.06)
    for few, many in ((1, 3), (3, 9), (9, 27)):
        of_hit = []
        for part in (layers, showers.layers):
            chosen = (part.hits >= few) & (part.hits < many)
            of_hit.append((part.energy[chosen] / part.hits[chosen]).log().quantile(QUANTILES))
        torch.testing.assert_close(*of_hit, rtol=0.0, atol=0.15)


def toy(density: LayerDensity, number: int, seed: int) -> Showers:
    """Showers whose layers are drawn from a density."""
    random = torch.Generator().manual_seed(seed)
    log_energy = 5.0 * torch.rand(number, generator=random)
    impact = 0.5 * torch.rand(number, 2, generator=random)
    choice, place = torch.rand(2, number, density.factors, generator=random)
    layers = density(log_energy, impact, choice, place)
    return Showers(
        log_energy, impact, layers, torch.zeros(number, density.n_layers, density.n_cells)
    )


def test_a_fit_comes_near_to_the_density_that_showers_were_drawn_from(
    fitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mean of ln(p / q), the Kullback-Leibler divergence, on showers that it has not seen."""
    truth = copy.deepcopy(fitted.density)
    # the likelihood knows nothing of what is calibrated after it
    truth.more_energy.fill_(1.0)
    truth.more_hits.fill_(0.0)
    # nor of showers whose layers have another energy than the shower
    monkeypatch.setattr("hyperhex.fastsim.density._TIMES", (0.0, inf))
    training, unseen = toy(truth, 8000, 6), toy(truth, 4000, 7)
    told = fit_conditions(training.log_energy, training.layers, 1.2, THRESHOLD)

    def apart(passes: int) -> float:
        settings = FastsimNetwork(density_width=16, density_components=3, density_passes=passes)
        return difference(truth, fit_density(told, training, settings, 1), unseen)

    assert 0.0 < apart(40) < 0.25
    assert apart(40) < 0.05 * apart(1)


def difference(truth: LayerDensity, fit: LayerDensity, showers: Showers) -> float:
    """Mean of ln(p / q) of total and hits, for which the scales of both matter."""
    values = []
    for density in (truth, fit):
        given = density.known(showers.log_energy, showers.impact, showers.layers)
        given = replace(given, counts=torch.zeros_like(given.counts))
        values.append(density.log_likelihood(given) - density.conditions.response.prod().log())
    return float((values[0] - values[1]).double().mean())


def test_calibrated_means_are_those_of_the_showers(fitted: Any) -> None:
    """Also where the density is that of other showers: less energy, and more of it in front."""
    showers, density = fitted.showers, copy.deepcopy(fitted.density)
    density.conditions.response[0] *= 0.9
    density.excess[0] += 0.3
    apart = [departures(density, showers)]
    calibrate_layers(density, showers, 1)
    apart.append(departures(density, showers))
    assert apart[0][0] == pytest.approx(0.1, abs=0.02)
    assert apart[0][1] > 0.2
    assert apart[1][0] < 0.01
    # what two thousand showers tell of the hits of a layer
    assert apart[1][1] < 0.05


def test_few_showers_calibrate_what_they_can(fitted: Any) -> None:
    """Of three showers there are none near some energies and some numbers of hits."""
    density = copy.deepcopy(fitted.density)
    calibrate_layers(density, fitted.showers.rows(slice(3)), 1)
    for table in (density.more_energy, density.more_hits, density.excess):
        assert table.isfinite().all()


def departures(density: LayerDensity, showers: Showers) -> tuple[float, float]:
    """Largest departures of the mean visible energy in thirds of ln E, and of layers' energies."""
    random, energies = torch.Generator().manual_seed(11), []
    for _ in range(16):
        choice, place = torch.rand(2, len(showers), density.factors, generator=random)
        with torch.no_grad():
            layers = density(showers.log_energy, showers.impact, choice, place)
        energies.append(layers.energy)
    ratio = torch.stack(energies).mean(0), showers.layers.energy
    thirds = torch.tensor_split(showers.log_energy.argsort(), 3)
    total = [torch.stack([part.sum(1)[k].mean() for k in thirds]) for part in ratio]
    mean = [part.mean(0) for part in ratio]
    return tuple(float((drawn / real - 1).abs().max()) for drawn, real in (total, mean))


def test_the_same_showers_give_the_same_bytes(fitted: Any) -> None:
    settings = FastsimNetwork(density_width=16, density_components=2, density_passes=2)
    fits = []
    for seed in (1, 1, 2):
        torch.manual_seed(99 + len(fits))
        fits.append(fit_density(fitted.conditions, fitted.showers, settings, seed).state_dict())
    assert all(torch.equal(fits[0][name], fits[1][name]) for name in fits[0])
    assert not torch.equal(fits[0]["first"], fits[2]["first"])


def test_same_random_numbers_same_layers(fitted: Any) -> None:
    """One shower as part of many."""
    random = torch.Generator().manual_seed(8)
    choice, place = torch.rand(2, 50, fitted.density.factors, generator=random)
    told = fitted.showers.rows(slice(50))
    with torch.no_grad():
        many = fitted.density(told.log_energy, told.impact, choice, place)
        few = fitted.density(told.log_energy[:7], told.impact[:7], choice[:7], place[:7])
    torch.testing.assert_close(few.hits, many.hits[:7], rtol=0, atol=0)
    torch.testing.assert_close(few.energy, many.energy[:7], rtol=1e-4, atol=1e-3)


def test_both_networks_are_told_the_response_in_deviations() -> None:
    """What leaks out of the cells shows in it, and in no other input by itself."""
    random = torch.Generator().manual_seed(1)
    energy = torch.exp(4.0 * torch.rand(5000, generator=random))
    response = 50.0 * (1.0 + 0.3 * torch.randn(5000, generator=random) / energy.sqrt())
    layers = Layers((response * energy)[:, None] * torch.tensor([0.3, 0.7]), torch.ones(5000, 2))
    told = fit_conditions(energy.log(), layers, 1.2, THRESHOLD)
    found = told.of_shower(energy.log(), torch.zeros(5000, 2), layers)
    assert found.shape == (5000, 10)
    for few in (energy < 5.0, energy > 20.0):
        assert float(found[few, -1].mean()) == pytest.approx(0.0, abs=0.1)
        assert float(found[few, -1].std()) == pytest.approx(1.0, abs=0.1)
