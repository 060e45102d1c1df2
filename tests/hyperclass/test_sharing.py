from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hyperhex.errors import SelectionError
from hyperhex.hyperclass import stage
from hyperhex.hyperclass.scores import AVERAGE, Scores
from hyperhex.hyperclass.sharing import EFFICIENCY, overlap, passing, sharing

BACKGROUND, SIGNAL = 20_000, 400
NAMES = ("alpha", "beta", "gamma")


def scores() -> Scores:
    """alpha and beta are one physics, gamma another; mixtures know both kinds."""
    generator = np.random.default_rng(1)
    theory = np.repeat([0, 1, 2, 3], [BACKGROUND, SIGNAL, SIGNAL, SIGNAL]).astype(np.int16)
    first, second = generator.normal(size=(2, len(theory)))
    first[(theory == 1) | (theory == 2)] += 5.0
    second[theory == 3] += 5.0
    mixture = np.stack([np.maximum(first, second)] * 3, axis=1)[..., None]
    return Scores(
        theories=[
            {"name": "b", "role": "background", "group": "b", "points": ["p"]},
            *(
                {"name": name, "role": "signal", "group": group, "points": ["p"]}
                for name, group in zip(NAMES, ("two", "one", "two"), strict=True)
            ),
        ],
        left_out=NAMES,
        methods=[AVERAGE],
        names=["single_alpha", "single_beta", "single_gamma", "met"],
        theory=theory,
        point=np.zeros(len(theory), dtype=np.int16),
        weight=generator.uniform(0.5, 1.5, len(theory)),
        mixture=mixture.astype(np.float32),
        fixed=np.stack([first, first, second, first], axis=1).astype(np.float32),
    )


def test_a_theory_shares_with_what_is_like_it_and_with_nothing_else() -> None:
    found = {one.theory: one for one in sharing(scores())}
    # by group, then by name
    assert list(found) == ["beta", "alpha", "gamma"]
    parts = {name: {part.theory: part.part for part in one.parts} for name, one in found.items()}
    assert list(parts["alpha"]) == ["beta", "alpha", "gamma"]
    assert parts["alpha"]["beta"] > 0.95
    assert parts["beta"]["alpha"] > 0.95
    assert parts["gamma"]["alpha"] < 0.1
    assert parts["alpha"]["gamma"] < 0.1
    assert found["alpha"].lender == "beta"
    assert found["beta"].lender == "alpha"
    assert all(one.efficiency > 0.9 and one.events > 350 for one in found.values())
    # the mixture's background is half of the one kind, half of the other
    background = [part.background for part in found["alpha"].parts]
    np.testing.assert_allclose(background, 0.5, atol=0.15)


def test_the_overlap_with_itself_is_one_and_with_the_rest_nothing() -> None:
    generator = np.random.default_rng(2)
    weight = generator.normal(1.0, 1.0, 500)
    # some on the cut, which pass by a part
    passed = generator.choice([0.0, 0.3, 1.0], 500)
    assert overlap(passed, passed, weight) == (1.0, 0.0)
    whole = (passed == 1.0).astype(float)
    assert overlap(whole, 1.0 - whole, weight) == (0.0, 0.0)
    with pytest.raises(SelectionError, match="weigh 0 pb, expected more than 0"):
        overlap(np.zeros(500), passed, weight)


def test_the_error_of_an_overlap_is_the_spread_of_replicas() -> None:
    generator = np.random.default_rng(3)
    first, second = (generator.random((2, 400)) < [[0.5], [0.3]]).astype(float)
    weight = generator.exponential(size=400)
    _, error = overlap(first, second, weight)
    replicas = [
        overlap(first, second, weight * generator.poisson(1.0, 400))[0] for _ in range(1000)
    ]
    assert error == pytest.approx(np.std(replicas), rel=0.1)


def test_a_cut_lets_the_wanted_part_of_the_background_pass() -> None:
    generator = np.random.default_rng(4)
    score = np.round(generator.normal(size=3000), 1)
    weight = generator.uniform(size=3000)
    background = np.arange(2000)
    passed = passing(score, weight, background, EFFICIENCY)
    part = (weight * passed)[:2000].sum() / weight[:2000].sum()
    assert part == pytest.approx(EFFICIENCY)
    assert np.all(np.diff(passed[np.argsort(score)]) >= 0.0)


def test_the_stage_writes_the_matrix_of_all_theories_with_events(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    settings = records.hyperclass_settings(production.toys)
    stage.sharing(settings, production.scores, tmp_path / "sharing.json", tmp_path)
    found = json.loads((tmp_path / "sharing.json").read_text())
    assert found["efficiency"] == EFFICIENCY
    theories = {one["theory"]: one for one in found["theories"]}
    assert set(theories) == {"excited", "gluino", "leptoquark", "zprime"}
    for name, one in theories.items():
        parts = {part["theory"]: part["part"] for part in one["parts"]}
        assert set(parts) == set(theories)
        assert all(0.0 <= part <= 1.0 for part in parts.values())
        assert one["lender"] != name
    assert "</svg>" in (tmp_path / "sharing.svg").read_text()
