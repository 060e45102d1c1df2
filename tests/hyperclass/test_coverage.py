from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.stats import norm, poisson

from hyperhex.hyperclass import stage
from hyperhex.hyperclass.coverage import cls, coverage, expected, injection, uniformity
from hyperhex.hyperclass.histfactory import Histogram, quiet, workspace
from hyperhex.hyperclass.pseudo_experiments import (
    Experiments,
    draw,
    fit_experiments,
    model_of,
    parameters,
)
from hyperhex.hyperclass.toys import toy_test


def counting(background: float, signal: float) -> dict:
    one = Histogram("b", np.array([background]), np.zeros(1))
    return workspace(
        "one", [one], Histogram("s", np.array([signal]), np.zeros(1)), 1e-7, simulation_errors=False
    )


def normal_tests(true: float, number: int, scale: float = 1.0) -> Experiments:
    """Tests of strengths in units of 1 / `true` deviations, which are off by `scale` of them."""
    fitted = true + scale * np.random.default_rng(1).normal(size=number)
    t = np.where(fitted > 0, (true - fitted) ** 2, true**2 - 2 * true * fitted)
    q0 = np.maximum(fitted, 0.0) ** 2
    strength = 1.0 if true else 0.0
    return Experiments(strength, np.maximum(fitted, 0) / (true or 1.0), q0, t, 0)


@pytest.mark.parametrize("true", [0.0, 0.5, 1.5, 5.0])
def test_normal_strengths_are_covered_as_expected(true: float) -> None:
    rows = coverage(normal_tests(true, 20_000), true**2)
    assert [row.kind for row in rows] == ["interval", "interval", *["upper limit"] * bool(true)]
    for row in rows:
        assert row.found.share == pytest.approx(row.expected, abs=0.012)


def test_expectations_at_the_ends_are_known() -> None:
    # a strength at zero is in the interval whenever the fit goes below; far from zero all is normal
    assert expected(0.0)["interval", 0.683] == pytest.approx(0.5 + 0.683 / 2, abs=1e-3)
    far = expected(400.0)
    assert far["interval", 0.683] == pytest.approx(0.683, abs=1e-3)
    assert far["upper limit", 0.95] == pytest.approx(0.95, abs=1e-3)
    # CLs excludes nothing that cannot be seen
    assert expected(0.01)["upper limit", 0.95] > 0.99


def test_intervals_from_wrong_errors_do_not_cover() -> None:
    row = coverage(normal_tests(5.0, 2000, scale=2.0), 25.0)[0]
    assert row.found.high < row.expected - 0.2


def test_one_bin_is_covered_as_the_poisson_law_says() -> None:
    background, signal, number = 100.0, 60.0, 150
    model, _ = model_of(counting(background, signal))
    data = draw(model, parameters(model, 1.0), number, np.random.default_rng(5))
    found = coverage(fit_experiments(model, data, 1.0), asimov=1.0)[0].found
    counts = np.arange(1, 500)
    mean = background + signal
    best = np.maximum(counts, background)

    def ratio(value: Any) -> Any:
        return 2 * (counts * np.log(counts / value) - counts + value)

    held = ratio(mean) - ratio(best) < norm.isf((1 - 0.683) / 2) ** 2
    exact = poisson.pmf(counts[held], mean).sum()
    # of the very experiments, and of all
    assert found.count == np.isin(data[:, 0], counts[held]).sum()
    assert found.share == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / number))


def test_cls_is_that_of_pyhf() -> None:
    spec = counting(50.0, 12.0)
    with quiet():
        model = pyhf.Workspace(spec).model()
        asimov = None
        for count in (45.0, 50.0, 56.0, 90.0):
            data = [count, *model.config.auxdata]
            told, (with_signal, without) = pyhf.infer.hypotest(
                1.0, data, model, test_stat="qtilde", return_tail_probs=True
            )
            nothing = model.expected_data(parameters(model, 0.0).tolist())
            asimov = float(fit_experiments(model, np.array([nothing]), 1.0).q[0])
            q = fit_experiments(model, np.array([data]), 1.0).q
            assert float(with_signal / without) == pytest.approx(float(told))
            assert cls(q, asimov)[0] == pytest.approx(float(told), rel=2e-3)


def test_p_values_are_uniform_unless_the_model_is_wrong() -> None:
    right = counting(400.0, 40.0)
    model, _ = model_of(right)
    truth = parameters(model, 0.0)
    data = draw(model, truth, 150, np.random.default_rng(7))
    good = uniformity(fit_experiments(model, data, 0.0).p_values)
    assert good.kolmogorov_smirnov > 0.01
    assert good.without_signal.share == pytest.approx(0.5, abs=0.15)
    # a background that is a tenth higher than the model says
    other, _ = model_of(counting(440.0, 40.0))
    wrong = draw(other, parameters(other, 0.0), 150, np.random.default_rng(7))
    bad = uniformity(fit_experiments(model, wrong, 0.0).p_values)
    assert bad.kolmogorov_smirnov < 1e-6
    assert bad.without_signal.high < 0.2
    assert bad.below["2 sigma"].low > 0.3


def test_an_injection_finds_what_it_put_in() -> None:
    backgrounds = [Histogram("b", np.array([300.0, 20.0]), np.array([6.0, 1.0]))]
    spec = workspace("two", backgrounds, Histogram("s", np.array([5.0, 15.0]), np.zeros(2)), 0.05)
    found, made = injection(spec, 20, np.random.default_rng(2))
    assert found["fitted_strength"]["signal"]["mean"] == pytest.approx(1.0, abs=0.3)
    assert found["fitted_strength"]["background"]["mean"] < 0.3
    significance = found["significance"]
    assert significance["median"] == pytest.approx(significance["observation"], abs=0.9)
    assert [row["strength"] for row in found["coverage"]] == [0, 0, 1, 1, 1]
    assert {name: len(one.q0) for name, one in made.items()} == {"background": 20, "signal": 20}


def test_toys_agree_with_the_formula_where_they_are_enough() -> None:
    spec = counting(400.0, 25.0)
    found = toy_test(spec, 200, np.random.default_rng(4))
    exact = float(poisson.sf(424, 400.0))
    assert found.resolved
    assert found.p_value.share == pytest.approx(exact, abs=3 * np.sqrt(exact / 200))
    assert found.asymptotic_p_value == pytest.approx(exact, rel=0.1)
    assert f"{found.p_value.count} of 200 toys" in found.statement


def test_too_few_toys_say_so_and_how_many_it_takes() -> None:
    found = toy_test(counting(100.0, 60.0), 20, np.random.default_rng(4))
    assert not found.resolved
    # one-sided bound of none in n, 1 - 0.05^(1 / n)
    assert f"below {1 - 0.05 ** (1 / 20):.2g} at 95 % confidence" in found.statement
    needed = float(found.statement.split("about ")[1].split(" toys")[0])
    assert needed == pytest.approx(10 / found.asymptotic_p_value, rel=0.1)


def test_the_stage_writes_coverage_and_toys_that_are_asked_for(
    production: Any, records: ModuleType, tmp_path: Path
) -> None:
    wanted = {"theory": "gluino"}
    plain = records.hyperclass_settings(production.toys, injection=wanted)
    output = tmp_path / "workspace.json"
    stage.discovery(plain, production.scores, output, tmp_path)
    assert "toys" not in json.loads((tmp_path / "discovery.json").read_text())
    asked = plain.hyperclass.model_copy(update={"toys": 4, "pseudo_experiments": 3})
    settings = plain.model_copy(update={"hyperclass": asked})
    stage.discovery(settings, production.scores, output, tmp_path)
    told = json.loads((tmp_path / "discovery.json").read_text())
    assert told["toys"]["p_value"]["number"] == 4
    assert told["toys"]["asymptotic_p_value"] == pytest.approx(told["p_value"], rel=0.05)
    stage.coverage(settings, output, tmp_path / "coverage.json", tmp_path)
    assert json.loads((tmp_path / "coverage.json").read_text())["experiments"] == 3
    assert "</svg>" in (tmp_path / "coverage.svg").read_text()
