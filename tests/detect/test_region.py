from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from hyperhex.config import Region
from hyperhex.detect.record import B_JET, ELECTRON, JET, SLOTS, Objects, fill_slots
from hyperhex.detect.region import (
    Totals,
    effective_number,
    in_region,
    min_dphi,
    missing,
    scalar_sum,
)


def _events(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_missing_energy_balances_a_hand_made_event() -> None:
    towers = (_events(0, 0, 1), np.array([30.0, 40.0, 5.0]), np.array([0.0, np.pi / 2, np.pi]))
    correction = (_events(1), np.array([-2.0]), np.array([np.pi]))
    met, phi = missing([towers, correction], 3)
    np.testing.assert_allclose(met, [50.0, 3.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(phi[:2], [np.arctan2(-40, -30), 0.0], atol=1e-12)


def test_scalar_sum_and_angle_of_the_leading_jets() -> None:
    event = _events(0, 0, 0, 1)
    pt = np.array([50.0, 90.0, 20.0, 30.0])
    phi = np.array([1.0, 3.0, 0.05, -3.1])
    np.testing.assert_allclose(scalar_sum(event, pt, 3), [160.0, 30.0, 0.0])
    met_phi = np.array([0.0, 3.1, 0.0])
    np.testing.assert_allclose(min_dphi(event, pt, phi, met_phi, 2), [1.0, 2 * np.pi - 6.2, np.pi])
    assert min_dphi(event, pt, phi, met_phi, 3)[0] == pytest.approx(0.05)


def test_the_region_is_bounded_on_every_side() -> None:
    ht = np.array([399.9, 400.0, 400.0, 400.0, 900.0])
    met = np.array([200.0, 150.0, 149.9, 200.0, 200.0])
    dphi = np.array([1.0, 0.41, 1.0, 0.4, 1.0])
    totals = Totals(met, met, ht, dphi)
    np.testing.assert_array_equal(in_region(totals, Region()), [False, True, False, False, True])
    bounded = Region(ht_max=900.0)
    np.testing.assert_array_equal(in_region(totals, bounded), [False, True, False, False, False])
    assert not in_region(totals, Region(met_max=150.1, min_dphi=0.5)).any()


@pytest.mark.parametrize(
    "impossible",
    [
        {"ht": 400, "ht_max": 300},
        {"met": 150, "met_max": 150},
        {"min_dphi": 3.2},
        {"dphi_jets": 21},
        {"ht": -1},
    ],
)
def test_an_impossible_region_is_refused(impossible: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Region(**impossible)


def test_effective_number() -> None:
    assert effective_number(np.array([2.0, 2.0, 2.0])) == pytest.approx(3.0)
    assert effective_number(np.array([1.0, -1.0])) == 0.0
    assert effective_number(np.zeros(0)) == 0.0


def test_slots_hold_the_hardest_objects_in_order() -> None:
    rng = np.random.default_rng(9)
    n = 2 * SLOTS
    event = np.concatenate([np.zeros(n), np.full(2, 2)]).astype(np.int32)
    pt = np.concatenate([rng.permutation(n) + 1.0, [7.0, 8.0]])
    kind = np.concatenate([np.full(n, JET), [ELECTRON, B_JET]]).astype(np.uint8)
    objects = Objects(event, kind, 2 * pt, pt, np.zeros(n + 2), np.ones(n + 2))
    values, kinds = fill_slots(objects, 3)
    np.testing.assert_array_equal(values[0, :, 1], np.arange(n, n - SLOTS, -1))
    np.testing.assert_array_equal(values[0, :, 0], 2 * values[0, :, 1])
    assert kinds[1].sum() == 0
    assert values[1].sum() == 0
    assert list(kinds[2, :3]) == [B_JET, ELECTRON, 0]
