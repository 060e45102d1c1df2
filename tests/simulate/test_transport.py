from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.config import Simulate
from hyperhex.errors import HyperhexError
from hyperhex.kernels.shower.matter import Matter
from hyperhex.simulate import library
from hyperhex.simulate.library import Showers, simulate
from hyperhex.simulate.stage import matter_of

SECTION = Simulate()
LAYERS = 8


@pytest.fixture(scope="module")
def matter() -> Matter:
    return matter_of(SECTION)


def _make(matter: Matter, particle: str, numbers: list[int], seed: int = 1) -> Showers:
    return simulate(matter, LAYERS, particle, (0.5, 4.0), seed, np.array(numbers, dtype=np.uint64))


@settings(deadline=None, max_examples=25)
@given(
    particle=st.sampled_from(["photon", "electron", "positron"]),
    seed=st.integers(0, 2**64 - 1),
    number=st.integers(0, 2**40),
)
def test_all_energy_is_accounted_for(matter: Matter, particle: str, seed: int, number: int) -> None:
    made = _make(matter, particle, [number], seed)
    booked = made.deposits.sum() + made.absorbed + made.outside + made.leakage
    # a positron's annihilation adds the pair's masses
    expected = made.energy + (2 * 0.51099895e-3 if particle == "positron" else 0.0)
    np.testing.assert_allclose(booked, expected, rtol=1e-9)
    for part in (made.deposits, made.absorbed, made.outside, made.leakage):
        assert (part >= 0).all()


def test_a_shower_is_the_same_alone_and_in_any_company(matter: Matter) -> None:
    together = _make(matter, "photon", [0, 1, 2, 3, 4])
    shuffled = _make(matter, "photon", [3, 0, 4, 1])
    alone = _make(matter, "photon", [4])
    np.testing.assert_array_equal(shuffled.deposits, together.deposits[[3, 0, 4, 1]])
    np.testing.assert_array_equal(alone.deposits, together.deposits[[4]])
    np.testing.assert_array_equal(alone.impact, together.impact[[4]])
    assert not np.array_equal(_make(matter, "photon", [4], seed=2).deposits, alone.deposits)


def test_primaries_fill_the_range_and_the_central_cell(matter: Matter) -> None:
    starts = np.empty((4000, 9))
    numbers = np.arange(4000, dtype=np.uint64)
    beam = library.Beam(1.0, 100.0, flat=False, kind=0.0, angle=0.3, pitch=1.2)
    library.primaries(starts, beam, np.uint64(3), numbers, np.empty(2, dtype=np.uint64))
    logarithm = np.log10(starts[:, 6])
    assert logarithm.min() > 0
    assert logarithm.max() < 2
    assert logarithm.mean() == pytest.approx(1.0, abs=4 * 2 / np.sqrt(12 * 4000))
    assert np.allclose(starts[:, 3:6], [np.sin(0.3), 0.0, np.cos(0.3)])
    flat = library.draw(matter, 0.0, (1.0, 3.0), 3, numbers, angle=0.0, flat=True)[:, 6]
    assert flat.mean() == pytest.approx(2.0, abs=4 * 2 / np.sqrt(12 * 4000))
    x, y = starts[:, 0], starts[:, 1]
    assert (np.abs(x) <= 0.6).all()
    # a hexagon of width w has a mean square radius of 5/36 w^2
    assert np.mean(x**2 + y**2) == pytest.approx(5 / 36 * 1.2**2, rel=0.03)


def test_absorbing_soft_electrons_changes_no_mean() -> None:
    """Absorption in place saves most steps and moves the visible energy by less than its error."""
    energy = (5.0, 5.0000001)
    numbers = np.arange(60, dtype=np.uint64)
    fractions = []
    for absorption in (0.0, 2e-3):
        section = Simulate(transport={"absorption": absorption})
        made = simulate(matter_of(section), LAYERS, "electron", energy, 4, numbers)
        fractions.append(made.deposits.sum((1, 2)) / made.energy)
    without, with_it = fractions
    error = np.hypot(without.std(), with_it.std()) / np.sqrt(60)
    assert with_it.mean() == pytest.approx(without.mean(), abs=4 * error)
    assert error < 0.02 * without.mean()


def test_showers_are_symmetric_about_a_central_impact(matter: Matter) -> None:
    starts = np.zeros((150, 9))
    starts[:, 5], starts[:, 6], starts[:, 7] = 1.0, 3.0, -1.0
    made = library.simulate_given(matter, LAYERS, starts, 9, np.arange(150, dtype=np.uint64))
    around = made.deposits.sum(1)[:, 1:7]
    mean, error = around.mean(0), around.std(0) / np.sqrt(150)
    assert (np.abs(mean - mean.mean()) < 5 * error).all()


def test_a_full_pile_is_an_error(matter: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_PILE", 3)
    with pytest.raises(HyperhexError, match=r"raise the cuts of simulate\.transport"):
        _make(matter, "photon", [0, 1, 2])
