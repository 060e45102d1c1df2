from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hyperhex.config import FastsimNetwork
from hyperhex.errors import TrainingError
from hyperhex.fastsim.adversarial import Progress, Trainer
from hyperhex.fastsim.course import Course, follow
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.library import Given
from hyperhex.plots.training import draw_course
from hyperhex.spool import Spool

SMALL = FastsimNetwork(
    iterations=12, batch=32, noise=4, generator_widths=[8], critic_widths=[8], report_every=3,
)  # fmt: skip


class KilledError(BaseException):
    """As sudden as SIGKILL: nothing in the package catches it."""


class Dying(Trainer):
    """Dies in an iteration, before anything of it is kept."""

    dies_at = 8

    def _follow(self, iteration: int) -> None:
        if iteration == self.dies_at:
            raise KilledError
        super()._follow(iteration)


class Spoiled(Trainer):
    """Loses its critic in an iteration, at the first attempt."""

    def _follow(self, iteration: int) -> None:
        super()._follow(iteration)
        if iteration == 5 and self.attempt == 0:
            with torch.no_grad():
                self.critic.network[0][0].weight.fill_(np.nan)


class SpoiledAndDying(Spoiled, Dying):
    """Both, one after the other."""


def begin(fitted: Any, settings: FastsimNetwork, kind: type[Trainer] = Trainer) -> Trainer:
    generator = fitted.generator(settings.noise, tuple(settings.generator_widths))
    few = fitted.showers.rows(slice(400))
    return kind(generator, fitted.tables, few, fitted.patch, settings, 1)


@pytest.fixture
def train(fitted: Any, tmp_path: Path) -> Callable[..., tuple[Trainer, Course]]:
    def run(kind: type[Trainer] = Trainer, **changed: Any) -> tuple[Trainer, Course]:
        settings = SMALL.model_copy(update=changed)
        trainer = begin(fitted, settings, kind)
        spool = Spool(tmp_path / "generator", settings.model_dump())
        return trainer, follow(trainer, spool, lambda *_: {"photon": {"hits": 0.5}})

    return run


def assert_same(first: Trainer, second: Trainer) -> None:
    ours, theirs = first.state(), second.state()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()] == []


def without_minutes(course: Course) -> list[dict[str, Any]]:
    return [{**report, "minutes": 0} for report in course.reports]


def test_killed_and_resumed_gives_the_same_bytes(train: Any, tmp_path: Path) -> None:
    undisturbed, course = train()
    Spool(tmp_path / "generator", {}).remove()
    with pytest.raises(KilledError):
        train(Dying)
    (kept,) = tmp_path.glob(".generator.parts-*/state.npz")
    assert kept.stat().st_size > 0
    resumed, rest = train()
    assert_same(resumed, undisturbed)
    assert [report["iteration"] for report in rest.reports] == [3, 6, 9, 12]
    assert without_minutes(rest) == without_minutes(course)


def test_a_kill_after_a_divergence_changes_nothing_either(train: Any, tmp_path: Path) -> None:
    undisturbed, course = train(Spoiled)
    Spool(tmp_path / "generator", {}).remove()
    with pytest.raises(KilledError):
        train(SpoiledAndDying)
    resumed, rest = train(Spoiled)
    assert_same(resumed, undisturbed)
    assert rest.divergences == course.divergences


def test_a_checkpoint_of_other_settings_is_not_taken(train: Any) -> None:
    with pytest.raises(KilledError):
        train(Dying)
    _, course = train(critic_steps=1)
    untouched, expected = train(critic_steps=1)
    assert untouched.iteration == 12
    assert without_minutes(course) == without_minutes(expected)


def test_a_divergence_is_caught_and_starts_again_from_the_last_report(train: Any) -> None:
    trainer, course = train(Spoiled)
    assert not course.failed
    assert [found["iteration"] for found in course.divergences] == [6]
    assert [losses[0] for losses in course.divergences[0]["losses"]] == [4, 5, 6]
    assert course.divergences[0]["losses"][-1][1:3] == [None, None]
    assert [report["iteration"] for report in course.reports] == [3, 6, 9, 12]
    assert trainer.attempt == 1
    assert trainer._optimisers["critic"].param_groups[0]["lr"] == pytest.approx(
        0.5 * 0.05 * SMALL.critic_rate
    )


@pytest.mark.parametrize("rate", ["generator_rate", "critic_rate"])
def test_absurd_rates_diverge_twice_and_leave_their_curves(
    rate: str, train: Any, tmp_path: Path
) -> None:
    trainer, course = train(**{rate: 1e4})
    assert course.failed
    assert len(course.divergences) == 2
    for found in course.divergences:
        # before the first report, the start being the last good state
        assert found["iteration"] <= SMALL.report_every
        assert f"diverged at iteration {found['iteration']}" in found["reason"]
        assert found["losses"][-1][0] == found["iteration"]
    assert trainer.attempt == 1
    draw_course(vars(course), tmp_path / "diverged.svg")
    assert (tmp_path / "diverged.svg").read_text().rstrip().endswith("</svg>")


def test_showers_that_are_all_alike_are_a_collapse(
    fitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = begin(fitted, SMALL)
    assert 0.5 < trainer._check_generator() < 2.0

    def alike(generator: Generator, like: Given, _: np.random.Generator) -> torch.Tensor:
        return trainer._standard.mean(0).expand(len(like), -1)

    monkeypatch.setattr(trainer, "_generated", alike)
    with pytest.raises(TrainingError, match="0 as wide"):
        trainer._check_generator()


def test_looking_on_changes_nothing(fitted: Any) -> None:
    """The probe has noise of its own, so that the gate's stream is that of the training alone."""
    trainer = begin(fitted, SMALL)
    before = trainer.state()
    trainer._check_generator()
    assert all(before[name].tobytes() == now.tobytes() for name, now in trainer.state().items())


def reports() -> Iterator[dict[str, Any]]:
    """Two reports, of which only the last has areas."""
    figures = dict.fromkeys(("response", "width", "layers", "rings", "hits", "spectrum"), 0.1)
    for iteration in (3, 6):
        progress = vars(Progress(iteration, -1.0, 2.0, 0.1, 0.3, 0.9))
        area = {"auc_high": 0.8} if iteration == 6 else {}
        yield {**progress, "minutes": 0.1 * iteration, "particles": {"photon": figures | area}}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_course_is_drawn_however_short(number: int, tmp_path: Path) -> None:
    divergence = {"iteration": 2, "reason": "?", "losses": [[1, 0.5, None, 1e9]]}
    course = {
        "minutes": 0.5,
        "reports": [*reports()][:number],
        "divergences": [divergence],
    }
    draw_course(course, tmp_path / "course.svg")
    drawn = (tmp_path / "course.svg").read_text()
    assert drawn.count('id="axes_') == (2, 3, 4)[number]
