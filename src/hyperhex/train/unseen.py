"""What a training must never see: the theories that it leaves out, and choices that they made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hyperhex.config import Train, TrainSettings, Tuning, dealt
from hyperhex.errors import TrainingError
from hyperhex.train.methods import section_of

__all__ = ["GROUP", "NONE", "known_signal", "members", "theories_of", "tuned", "with_parameters"]

# what a training that leaves nothing out is called, and what the name of a group begins with
NONE = "none"
GROUP = "group_"


def theories_of(settings: TrainSettings, name: str) -> list[str]:
    """Theories that a training must never see, by what it leaves out."""
    if name == NONE:
        return []
    group = name.removeprefix(GROUP)
    found = sorted(theory for theory, other in _groups(settings).items() if other == group)
    if name.startswith(GROUP) and found:
        return found
    known_signal(settings, name)
    return [name]


def known_signal(settings: TrainSettings, theory: str) -> None:
    """Raise `TrainingError` unless a theory is a signal of the production."""
    known = sorted(_groups(settings))
    if theory not in known:
        msg = f"{theory}: not a signal of this production, expected one of {known}"
        raise TrainingError(msg)


def members(settings: TrainSettings, part: int) -> list[str]:
    """Theories of a part, which have no say in the parameters of trainings that leave them out."""
    parts = dealt(_groups(settings), (settings.train.tuning or Tuning()).parts)
    found = sorted(theory for theory, number in parts.items() if number == part)
    if not found:
        msg = f"part {part}: no theory in it, expected one of {sorted(set(parts.values()))}"
        raise TrainingError(msg)
    return found


def tuned(settings: TrainSettings, tuning: Mapping[str, Any], unseen: Sequence[str]) -> Train:
    """Settings with the parameters of a tuning in which no unseen theory had a say."""
    told = sorted(set(unseen) & set(tuning["theories"]))
    if told:
        msg = (
            f"parameters chosen by {told} given to a training that leaves out {list(unseen)};"
            f" expected those of the part that these are in, not of part {tuning['left_out_part']}"
        )
        raise TrainingError(msg)
    train = settings.train
    for method, found in tuning["methods"].items():
        train = with_parameters(train, method, found["parameters"])
    return train


def with_parameters(train: Train, method: str, parameters: Mapping[str, Any]) -> Train:
    """Settings with other parameters of a method, checked like a config."""
    section = getattr(train, section_of(method))
    changed = type(section).model_validate({**section.model_dump(), **parameters})
    return train.model_copy(update={section_of(method): changed})


def _groups(settings: TrainSettings) -> dict[str, str]:
    return {n: label.group for n, label in settings.theories.items() if label.role == "signal"}
