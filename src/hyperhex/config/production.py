"""A whole config, and what each stage is told of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hyperhex.config.detect import Detect
from hyperhex.config.fastsim import Fastsim, FastsimGate, FastsimNetwork
from hyperhex.config.generate import Generate, Theory
from hyperhex.config.hyperclass import Hyperclass
from hyperhex.config.refine import Data, Refine
from hyperhex.config.section import Count, Name, Positive, Section
from hyperhex.config.simulate import Simulate
from hyperhex.config.train import Train

__all__ = [
    "STAGE_SETTINGS",
    "Config",
    "DetectSettings",
    "FastsimSettings",
    "GateSettings",
    "GenerateSettings",
    "HyperclassSettings",
    "RefineSettings",
    "SimulateSettings",
    "StageSettings",
    "TheoryChoice",
    "TheoryLabel",
    "TrainSettings",
]


class TheoryChoice(Section):
    """A theory as this production uses it."""

    scale: Positive = Field(default=1.0, description="multiplies the events of its points")
    points: list[Name] = Field(default=[], description="labels of the points to use; empty is all")
    events: dict[Name, Count] = Field(
        default={}, description="events of points by label, instead of those in the theory's file"
    )


class Config(Section):
    """One production: a config and all that it makes."""

    name: Name = "collider"
    experiment: Literal["collider"] = "collider"
    seed: int = Field(default=20220, ge=0, lt=2**63)
    theories: dict[Name, TheoryChoice] = Field(
        default={}, description="theories by name, files of config/theories; empty is all of them"
    )
    generate: Generate = Generate()
    simulate: Simulate = Simulate()
    fastsim: Fastsim = Fastsim()
    data: Data = Data()
    refine: Refine = Refine()
    detect: Detect = Detect()
    train: Train = Train()
    hyperclass: Hyperclass = Hyperclass()


class TheoryLabel(Section):
    """What training and testing know about a theory."""

    role: Literal["background", "signal"]
    group: Name
    title: str
    points: list[Name]


class StageSettings(Section):
    """What a stage is told: the production, its seed and the sections that it reads."""

    production: Name
    seed: int


class GenerateSettings(StageSettings):
    """Settings of the generation of one theory."""

    generate: Generate
    theory: Theory
    scale: Positive = 1.0


class SimulateSettings(StageSettings):
    """Settings of the full simulation."""

    simulate: Simulate


class FastsimSettings(StageSettings):
    """Settings of the fast simulation, without the limits of its gate."""

    fastsim: FastsimNetwork


class GateSettings(StageSettings):
    """Settings of the gate behind the fast simulation."""

    fastsim: FastsimGate


class RefineSettings(StageSettings):
    """Settings of the refinement."""

    data: Data
    refine: Refine


class DetectSettings(StageSettings):
    """Settings of the detection."""

    detect: Detect


class TrainSettings(StageSettings):
    """Settings of the training."""

    train: Train
    theories: dict[Name, TheoryLabel]


class HyperclassSettings(StageSettings):
    """Settings of the scores and the hypothesis test."""

    detect: Detect
    train: Train
    hyperclass: Hyperclass
    theories: dict[Name, TheoryLabel]


STAGE_SETTINGS: dict[str, type[StageSettings]] = {
    "generate": GenerateSettings,
    "simulate": SimulateSettings,
    "fastsim": FastsimSettings,
    "fastsim/gate": GateSettings,
    "refine": RefineSettings,
    "detect": DetectSettings,
    "train": TrainSettings,
    "hyperclass": HyperclassSettings,
}
