from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hyperhex.errors import SelectionError, TrainingError
from hyperhex.random import stream
from hyperhex.train.mixture import mixture_weights, positive, training_set
from hyperhex.train.robust import improvements, robust_shares
from hyperhex.train.sample import Sample, fold_of, require


def sample(theory: str, points: list[int], role: str = "signal", weight: Any = None) -> Sample:
    """Sample with points[i] events at point i, whose only input is a number of the theory."""
    point = np.repeat(np.arange(len(points), dtype=np.int16), points)
    number = np.concatenate([np.arange(n) for n in points]).astype(np.int64)
    mark = float(sum(theory.encode()))
    return Sample(
        theory=theory,
        role=role,
        group="toys",
        labels=tuple(f"p{i}" for i in range(len(points))),
        inputs=np.full((len(point), 1), mark, np.float32),
        baselines=np.zeros((len(point), 2), np.float32),
        weight=np.ones(len(point)) if weight is None else np.asarray(weight, float),
        point=point,
        number=number,
        fold=fold_of(3, theory, point, number, 2),
    )


SIGNALS = [sample("a", [40, 60]), sample("b", [30]), sample("c", [10, 0, 20])]


CHOICES = ["per_theory", "per_group", "per_point", "cross_section", {"a": 1, "c": 3}]


@pytest.mark.parametrize("choice", CHOICES)
def test_weights_sum_to_one_and_empty_points_have_none(choice: Any) -> None:
    shares = mixture_weights(SIGNALS, choice)
    assert sum(part.sum() for part in shares.values()) == pytest.approx(1.0)
    assert shares["c"][1] == 0.0


def test_weights_are_what_the_choice_says() -> None:
    equal = mixture_weights(SIGNALS, "per_theory")
    np.testing.assert_allclose(equal["a"], [1 / 6, 1 / 6])
    np.testing.assert_allclose(equal["b"], [1 / 3])
    np.testing.assert_allclose(mixture_weights(SIGNALS, "per_point")["b"], [1 / 5])
    np.testing.assert_allclose(mixture_weights(SIGNALS, "cross_section")["a"], [40 / 160, 60 / 160])
    named = mixture_weights(SIGNALS, {"a": 1, "c": 3})
    assert named["b"].sum() == 0.0
    assert named["c"].sum() == pytest.approx(3 * named["a"].sum())


def test_groups_are_equal_whatever_their_number_of_theories() -> None:
    grouped = [replace(s, group="pair" if s.theory in "ab" else "alone") for s in SIGNALS]
    shares = mixture_weights(grouped, "per_group")
    assert [shares[name].sum() for name in "abc"] == pytest.approx([1 / 4, 1 / 4, 1 / 2])


def test_robust_weights_go_to_the_theory_that_a_fit_improves_least() -> None:
    background, signal = sample("z", [400], "background"), [sample("a", [300]), sample("b", [300])]
    # background is uniform in one input; the first theory is at its end, the other one like it
    spots = np.random.default_rng(1).random(400)
    background.inputs[:, 0] = spots
    signal[0].inputs[:, 0] = 2.0
    signal[1].inputs[:, 0] = spots[:300]

    class Cut:
        def score(self, inputs: Any) -> Any:
            return inputs[:, 0].astype(float)

    def data(shares: Any) -> Any:
        return training_set([background], signal, shares, 0, 0.5, stream(1))

    begin = mixture_weights(signal, "per_theory")
    shares = robust_shares(signal, begin, data, lambda _: Cut(), 0)
    assert shares["a"].sum() + shares["b"].sum() == pytest.approx(1.0)
    assert 0.1 <= shares["a"].sum() < 0.3

    events = data(begin)
    owner = np.concatenate(
        [np.full((one.fold != 0).sum(), number) for number, one in enumerate([background, *signal])]
    )
    found = improvements(events, owner - 1, Cut())
    assert found[0] == pytest.approx(1 / np.sqrt(0.03), rel=1e-6)
    assert found[1] == pytest.approx(np.sqrt(0.03), abs=0.2)


def test_a_mixture_without_events_is_refused_by_name() -> None:
    with pytest.raises(TrainingError, match=r"\['b'\].*train.mixture.weights"):
        mixture_weights([sample("b", [0])], "per_theory")


def test_classes_have_equal_totals_and_points_their_shares() -> None:
    background = [sample("z", [300], "background", np.linspace(0.1, 2, 300))]
    shares = mixture_weights(SIGNALS, "per_theory")
    data = training_set(background, SIGNALS, shares, 0, 0.2, stream(1))
    assert data.weight[data.label == 0].sum() == pytest.approx(data.weight[data.label == 1].sum())
    assert data.weight.mean() == pytest.approx(1.0)
    total = data.weight[data.label == 1].sum()
    for one in SIGNALS:
        mine = data.weight[(data.inputs[:, 0] == one.inputs[0, 0])].sum()
        assert mine / total == pytest.approx(shares[one.theory].sum(), rel=1e-5)


def test_no_event_of_the_fold_is_trained_on_and_both_classes_are_held_out() -> None:
    background, signal = sample("z", [300], "background"), sample("a", [200])
    for one in (background, signal):
        one.inputs[:, 0] = one.fold
    data = training_set([background], [signal], {"a": np.ones(1)}, 1, 0.25, stream(1))
    assert set(data.inputs[:, 0]) == {0.0}
    for label in (0, 1):
        assert data.held[data.label == label].mean() == pytest.approx(0.25, abs=0.01)


def test_negative_weights_keep_the_total_of_each_point() -> None:
    generator = np.random.default_rng(2)
    point = np.repeat([0, 1], 500)
    weight = np.where(generator.random(1000) < 0.2, -1.0, 1.0) * (1 + point)
    found = positive(weight, point)
    assert (found >= 0).all()
    for value in (0, 1):
        chosen = point == value
        assert found[chosen].sum() == pytest.approx(weight[chosen].sum())
    np.testing.assert_array_equal(positive(np.abs(weight), point), np.abs(weight))


def test_a_background_that_cancels_is_refused() -> None:
    background = sample("z", [4], "background", [1, -1, 1, -1.5])
    with pytest.raises(TrainingError, match=r"\['z'\].*positive"):
        training_set([background], [], {}, 9, 0.2, stream(1))


def test_folds_are_even_independent_of_other_events_and_differ_by_theory() -> None:
    number = np.arange(20_000)
    point = np.zeros(20_000, np.int16)
    fold = fold_of(5, "a", point, number, 2)
    assert fold.mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(fold[::7], fold_of(5, "a", point[::7], number[::7], 2))
    for other in (fold_of(5, "b", point, number, 2), fold_of(5, "a", point + 1, number, 2)):
        assert np.mean(other == fold) == pytest.approx(0.5, abs=0.02)
    assert set(fold_of(6, "a", point, number, 3)) == {0, 1, 2}


def test_too_few_events_are_named_with_numbers_and_a_remedy() -> None:
    with pytest.raises(SelectionError, match=r"a 100, b 30.*500 needed.*generate.scale"):
        require(SIGNALS[:2], 500, "mixture")
