from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.train.features import NAMES, effective_mass, inputs

RNG = np.random.default_rng


def event(
    *objects: Any,
    met: float = 200.0,
    met_phi: float = 0.0,
    ht: float = 500.0,
    min_dphi: float = 1.0,
) -> dict[str, Any]:
    """Event record of one event with objects (type, E, pt, eta, phi)."""
    values, kinds = np.zeros((1, 20, 4), np.float32), np.zeros((1, 20), np.uint8)
    for slot, (kind, *numbers) in enumerate(objects):
        kinds[0, slot], values[0, slot] = kind, numbers
    single = {"met": met, "met_phi": met_phi, "ht": ht, "min_dphi": min_dphi}
    return {"objects": values, "object_type": kinds} | {k: np.array([v]) for k, v in single.items()}


def named(record: dict[str, Any]) -> dict[str, float]:
    return dict(zip(NAMES, inputs(record)[0], strict=True))


def test_names_are_unique_and_in_the_stated_number() -> None:
    assert len(set(NAMES)) == len(NAMES) == 76


def test_an_object_stands_in_the_slot_of_its_type_and_rank() -> None:
    values = named(
        event((1, 400, 300, 0.5, 1.0), (2, 250, 200, -0.4, -2.0), (1, 120, 100, 0.7, 2.5))
    )
    assert values["jet_1_log_pt"] == pytest.approx(np.log1p(300))
    assert values["jet_2_log_pt"] == pytest.approx(np.log1p(100))
    assert values["bjet_1_log_energy"] == pytest.approx(np.log1p(250))
    assert values["bjet_1_eta"] == pytest.approx(-0.4)
    assert values["bjet_1_dphi"] == pytest.approx(-2.0)
    assert values["jet_3_log_pt"] == values["photon_1_log_pt"] == 0.0
    assert (values["n_jet"], values["n_bjet"], values["n_photon"]) == (3, 1, 0)


def test_transverse_mass_and_charge_of_leptons() -> None:
    values = named(event((5, 60, 50, 0.0, 2.0), (3, 45, 40, 0.1, 1.0), met=80.0))
    expected = np.sqrt(2 * 50 * 80 * (1 - np.cos(2.0)))
    assert values["log_transverse_mass"] == pytest.approx(np.log1p(expected), rel=1e-5)
    assert values["lepton_charge"] == 2
    assert values["log_lepton_pt"] == pytest.approx(np.log1p(90))


def test_mass_of_two_back_to_back_massless_jets() -> None:
    values = named(event((1, 100, 100, 0, 0.0), (1, 100, 100, 0, np.pi)))
    assert values["log_dijet_mass"] == pytest.approx(np.log1p(200), rel=1e-5)
    assert values["sphericity"] == pytest.approx(0.0, abs=1e-6)


def test_effective_mass_is_missing_energy_and_all_objects() -> None:
    record = event((1, 400, 300, 0.5, 1.0), (5, 60, 50, 0.0, 2.0), met=150.0)
    assert effective_mass(record) == pytest.approx([500.0])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), angle=st.floats(-3, 3))
def test_rotation_and_reflections_change_nothing(
    records: ModuleType, seed: int, angle: float
) -> None:
    record = records.arrays(records.Toy("any", events=20), seed)
    expected = inputs(record)
    for eta, phi, turn in ((1, 1, angle), (-1, 1, 0.0), (1, -1, angle)):
        moved = dict(record)
        moved["objects"] = record["objects"] * [1, 1, eta, phi]
        moved["objects"][..., 3] += turn * (record["object_type"] > 0)
        moved["met_phi"] = record["met_phi"] * phi + turn
        np.testing.assert_allclose(inputs(moved), expected, rtol=1e-4, atol=1e-3)
