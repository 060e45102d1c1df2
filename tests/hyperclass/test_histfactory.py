from __future__ import annotations

import numpy as np
import pytest

from hyperhex.detect.region import effective_number
from hyperhex.errors import SelectionError
from hyperhex.hyperclass.histfactory import (
    Histogram,
    counting_significance,
    edges,
    fill,
    outcome,
    workspace,
)


def histogram(name: str, counts: list[float], relative: float = 0.1) -> Histogram:
    values = np.array(counts)
    return Histogram(name, values, relative * values)


def spec(signal: float = 10.0, relative: float = 0.1, *, errors: bool = True) -> dict:
    top, z = histogram("top", [300.0, 20.0], relative), histogram("z", [100.0, 5.0], relative)
    shape = histogram("signal", [0.5 * signal, signal], 0.05)
    return workspace("region", [top, z], shape, 0.05, simulation_errors=errors)


@pytest.mark.parametrize(("s", "b"), [(10.0, 50.0), (30.0, 100.0), (5.0, 400.0)])
def test_one_bin_without_uncertainties_is_the_counting_formula(s: float, b: float) -> None:
    one = workspace(
        "region",
        [histogram("top", [b])],
        histogram("signal", [s]),
        1e-6,
        simulation_errors=False,
    )
    expected = np.sqrt(2 * ((s + b) * np.log(1 + s / b) - s))
    assert counting_significance(s, b) == pytest.approx(expected)
    assert outcome(one).significance == pytest.approx(expected, rel=2e-3)


def test_a_signal_beyond_all_doubt_still_has_a_finite_significance() -> None:
    found = outcome(spec(signal=2000.0, errors=False))
    assert 39.0 < found.significance < np.inf
    assert found.p_value == 0.0


def test_background_alone_has_no_significance() -> None:
    found = outcome(spec(), signal=False)
    assert found.significance == pytest.approx(0.0, abs=0.01)
    assert found.p_value == pytest.approx(0.5, abs=0.005)


def test_statistical_errors_of_simulation_cost_significance() -> None:
    without = outcome(spec(errors=False)).significance
    small, large = (outcome(spec(relative=value)).significance for value in (0.05, 0.4))
    assert without > small > large > 0.0


def test_more_signal_is_more_significant_and_p_agrees_with_z() -> None:
    found = [outcome(spec(signal=value)) for value in (2.0, 10.0, 20.0)]
    assert found[0].significance < found[1].significance < found[2].significance
    assert found[0].p_value > found[1].p_value > found[2].p_value > 0.0


def test_the_workspace_is_one_that_pyhf_opens_and_always_has_the_errors() -> None:
    samples = spec()["channels"][0]["samples"]
    kinds = {sample["name"]: {m["type"] for m in sample["modifiers"]} for sample in samples}
    assert kinds == {
        "top": {"normsys", "staterror"},
        "z": {"normsys", "staterror"},
        "signal": {"normfactor", "staterror"},
    }
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import pyhf

        model = pyhf.Workspace(spec()).model()
    assert model.config.poi_name == "mu"
    assert model.config.channel_nbins == {"region": 2}
    expected = model.expected_data(model.config.suggested_init(), include_auxdata=False)
    np.testing.assert_allclose(expected, spec()["observations"][0]["data"])


def test_bins_lie_at_quantiles_and_hold_enough_events() -> None:
    generator = np.random.default_rng(1)
    score, weight = generator.normal(size=5000), generator.random(5000)
    inner = edges(score, weight, [0.1, 0.3, 0.01], least=10)
    shares = [weight[score > edge].sum() / weight.sum() for edge in inner]
    np.testing.assert_allclose(shares, [0.3, 0.1, 0.01], atol=1e-3)
    few = edges(score, weight, [0.3, 0.1, 0.01, 0.001], least=100)
    counts = np.digitize(score, few)
    assert len(few) < 4
    for value in range(len(few) + 1):
        assert effective_number(weight[counts == value]) >= 100
    assert len(edges(score[:5], weight[:5], [0.3], least=10)) == 0


def test_a_bin_of_negative_sum_is_merged() -> None:
    score = np.arange(100, dtype=float)
    weight = np.where(score >= 97, -1.0, 1.0)
    inner = edges(score, weight, [0.5], least=1)
    counts = fill("z", score, weight, inner, 1.0).counts
    assert (counts > 0).all()
    assert len(edges(score, weight, [0.001], least=1)) == 0


def test_filling_keeps_sums_and_scales_errors() -> None:
    found = fill(
        "z",
        np.array([0.0, 1.0, 1.0, 5.0]),
        np.array([1.0, 2.0, -1.0, 3.0]),
        np.array([1.0, 4.0]),
        10.0,
    )
    np.testing.assert_allclose(found.counts, [10, 10, 30])
    np.testing.assert_allclose(found.errors, [10, 10 * np.sqrt(5), 30])


def test_an_empty_background_is_refused_with_its_numbers() -> None:
    with pytest.raises(SelectionError, match=r"\[3.0, 0.0\].*every bin"):
        workspace("region", [histogram("top", [3.0, 0.0])], histogram("signal", [1.0, 1.0]), 0.1)
    with pytest.raises(SelectionError, match="0 events sums to 0"):
        edges(np.array([]), np.array([]), [0.1], 10)
