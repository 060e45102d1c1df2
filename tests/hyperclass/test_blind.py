from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, poisson

from hyperhex import cli, store
from hyperhex.hyperclass.blind import local_p, search

RNG = np.random.default_rng


def test_without_an_error_the_chance_is_that_of_poisson() -> None:
    seen, expected = np.array([0, 3, 12, 40]), np.array([2.0, 5.5, 4.0, 30.0])
    found = local_p(seen, expected, 1e-4 * expected)
    np.testing.assert_allclose(found, poisson.sf(seen - 1, expected), rtol=1e-4)


def test_an_error_makes_an_excess_less_surprising() -> None:
    chances = [float(local_p(np.array(40), np.array(20.0), np.array(e))) for e in (0.1, 2.0, 8.0)]
    assert chances == sorted(chances)


def test_background_alone_is_as_unlikely_as_it_should_be() -> None:
    generator = RNG(1)
    weight = np.full(2000, 0.3)
    found = []
    for _ in range(120):
        # data and simulated events are drawn from the same truth
        passing = generator.random(2000)
        data = generator.random(generator.poisson(weight.sum()))
        one = search({"a": data}, {"a": passing}, weight, [0.1, 0.03], 60, generator)
        found.append(one.p_value)
    assert kstest(found, "uniform").pvalue > 1e-3


def test_an_injected_excess_is_found_in_its_region() -> None:
    generator = RNG(2)
    passing, weight = generator.random((2, 4000)), np.full(4000, 0.25)
    background = {"blind": passing[0], "sharp": passing[1]}
    data = {
        "blind": generator.random(1040),
        "sharp": np.append(generator.random(1000), generator.random(40) * 0.01),
    }
    found = search(data, background, weight, [0.1, 0.01], 300, generator)
    first = found.regions[0]
    assert (first.score, first.efficiency) == ("sharp", 0.01)
    assert first.observed >= 40
    assert first.expected == pytest.approx(10, rel=0.5)
    assert found.p_value == pytest.approx(1 / 301)
    assert found.significance > 2.5


def test_a_store_without_labels_is_searched(
    production: Any,
    records: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "train").symlink_to(production.folder)
    (tmp_path / "detect").mkdir()
    for events in production.events:
        for file in (events, store.manifest_path(events)):
            (tmp_path / "detect" / file.name).symlink_to(file)
    command = ["hyperclass", "blind", "--production", str(tmp_path), "--experiments", "50"]
    for name, toy in (("background", records.BACKGROUNDS[1]), ("signal", records.SIGNALS[1])):
        folder = tmp_path / name
        folder.mkdir()
        data = records.write(folder, toy, seed=9)
        assert cli.main([*command, "--data", str(data), "--luminosity", "0.02"]) == 0
        *_, verdict = capsys.readouterr().out.splitlines()
        assert verdict.startswith("most anomalous: ")
    # 200 events of a heavy signal among 200 expected ones of background
    assert "0.02 of 50 pseudo-experiments" in verdict
