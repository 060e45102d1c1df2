from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hyperhex.generate.particles import (
    BOTTOM_HADRON,
    CHARM_HADRON,
    HADRONIC_TAU,
    VISIBLE,
    Batch,
    Cuts,
    contains_quark,
    reduce_batch,
)
from hyperhex.generate.pythia import Generator, fixed_commands

ALL = Cuts(particle_pt=0.0, eta=20.0, visible_pt=0.0, missing_pt=0.0)


@cache
def top_pairs() -> Batch:
    fixed = fixed_commands(energy=13000.0, seed=8, multiparton=False)
    generator = Generator(["Top:gg2ttbar = on", "Top:qqbar2ttbar = on"], fixed)
    ((_, batch),) = generator.batches(60, 60)
    return batch


def event_of(batch: Batch) -> np.ndarray:
    return np.repeat(np.arange(len(batch.counts)), batch.counts)


@pytest.mark.parametrize(
    ("code", "quark"),
    [
        (511, 5),
        (-521, 5),
        (531, 5),
        (541, 5),
        (5122, 5),
        (513, 5),
        (10511, 5),
        (411, 4),
        (-421, 4),
        (4122, 4),
        (10431, 4),
        (443, 0),
        (553, 0),
        (100553, 0),
        (5101, 0),
        (-4203, 0),
        (5, 0),
        (211, 0),
        (130, 0),
        (1000512, 0),
        (2212, 0),
    ],
)
def test_heaviest_quark_of_a_hadron(code: int, quark: int) -> None:
    codes = np.array([code])
    assert [heavy for heavy in (4, 5) if contains_quark(codes, heavy)[0]] == [quark] * (quark > 0)


def test_visible_and_missing_momentum_balance() -> None:
    kept = reduce_batch(top_pairs(), ALL)
    assert len(kept.events) == 60
    owner = np.repeat(np.arange(60), kept.counts)
    seen = kept.kind == VISIBLE
    for axis in (0, 1):
        visible = np.bincount(owner[seen], kept.momentum[seen, axis], 60)
        np.testing.assert_allclose(visible, -kept.missing[:, axis], atol=2e-2)
    assert not np.isin(np.abs(kept.pdg[seen]), (12, 14, 16)).any()


def test_a_floor_on_pt_and_eta_drops_particles_not_missing_momentum() -> None:
    all_of_them = reduce_batch(top_pairs(), ALL)
    kept = reduce_batch(top_pairs(), Cuts(0.5, 5.0, 0.0, 0.0))
    np.testing.assert_array_equal(kept.missing, all_of_them.missing)
    seen = kept.momentum[kept.kind == VISIBLE].astype(float)
    pt = np.hypot(seen[:, 0], seen[:, 1])
    assert pt.min() >= 0.5
    assert np.abs(np.arcsinh(seen[:, 2] / pt)).max() < 5.0
    assert len(kept.pdg) < len(all_of_them.pdg)


def test_preselection_keeps_the_events_above_both_thresholds() -> None:
    batch = top_pairs()
    everything = reduce_batch(batch, Cuts(0.0, 5.0, 0.0, 0.0))
    owner = np.repeat(np.arange(60), everything.counts)
    seen = everything.kind == VISIBLE
    pt = np.hypot(everything.momentum[:, 0], everything.momentum[:, 1])
    visible_pt = np.bincount(owner[seen], pt[seen], 60)
    missing_pt = np.hypot(*everything.missing.T)
    expected = np.flatnonzero((visible_pt >= 350.0) & (missing_pt >= 60.0))
    kept = reduce_batch(batch, Cuts(0.0, 5.0, 350.0, 60.0))
    assert 0 < len(expected) < 60
    np.testing.assert_array_equal(kept.events, expected)
    np.testing.assert_array_equal(kept.counts, everything.counts[expected])


def test_top_pairs_hold_two_bottom_hadrons_and_the_taus_of_their_w_bosons() -> None:
    batch = top_pairs()
    kept = reduce_batch(batch, ALL)
    owner = np.repeat(np.arange(60), kept.counts)
    bottoms = np.bincount(owner[kept.kind == BOTTOM_HADRON], minlength=60)
    assert np.mean(bottoms >= 2) > 0.9
    assert contains_quark(kept.pdg[kept.kind == BOTTOM_HADRON].astype(np.int64), 5).all()
    assert contains_quark(kept.pdg[kept.kind == CHARM_HADRON].astype(np.int64), 4).all()

    # a tau's hadrons carry its momentum less that of its neutrino
    taus = kept.momentum[kept.kind == HADRONIC_TAU].astype(float)
    mass = np.sqrt(np.maximum(taus[:, 3] ** 2 - (taus[:, :3] ** 2).sum(axis=1), 0))
    assert len(taus) > 0
    assert mass.max() < 1.78


def test_a_tau_that_decays_to_a_muon_is_not_hadronic() -> None:
    def batch(neutrinos: tuple[int, ...]) -> Batch:
        code = np.array([90, 15, *neutrinos, 13])
        number = len(code)
        return Batch(
            counts=np.array([number]),
            id=code,
            status=np.array([-11, -2, *[91] * (number - 2)]),
            mother=np.array([-1, -1, *[1] * (number - 2)]),
            momentum=np.tile([30.0, 0.0, 0.0, 30.0], (number, 1)),
            visible=~np.isin(np.abs(code), (90, 12, 14, 16)),
        )

    assert HADRONIC_TAU in reduce_batch(batch((16,)), ALL).kind
    assert HADRONIC_TAU not in reduce_batch(batch((16, -14)), ALL).kind
