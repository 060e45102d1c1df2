"""The only reader of YAML: one frozen model per stage, checked as a whole before anything starts.

A config is a YAML file with one section per stage. Everything has a default, unknown keys are
errors, and all faults are listed at once. Each stage sees its own section only, as a small JSON
file that Snakemake takes for the trigger of reruns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hyperhex.errors import ConfigError

__all__ = [
    "Config",
    "Data",
    "Detect",
    "DetectSettings",
    "Fastsim",
    "FastsimSettings",
    "Generate",
    "GenerateSettings",
    "Hyperclass",
    "HyperclassSettings",
    "Point",
    "Refine",
    "RefineSettings",
    "Region",
    "Simulate",
    "SimulateSettings",
    "Theory",
    "TheoryLabel",
    "Train",
    "TrainSettings",
    "load_stage",
    "resolve",
    "schema",
    "stage_settings",
    "theories",
]

THEORY_FOLDER = Path("config/theories")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="letters, digits and _")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(gt=0)]
Threads = Annotated[
    int, Field(ge=1, le=64, description="threads of the training; changes floating-point sums")
]


class Section(BaseModel):
    """A frozen part of the config in which unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Point(Section):
    """One choice of a theory's parameters."""

    label: Name
    parameters: dict[str, float] = Field(
        default={}, description="values that replace {name} in the settings [GeV where a mass]"
    )
    events: Count = Field(default=1000, description="events to generate, before `scale`")


class Theory(Section):
    """A hypothesis about nature: a generator with its settings and a grid of parameters."""

    name: Name
    title: str
    role: Literal["background", "signal"]
    group: Name = Field(description="family of theories, left out together")
    paper: str = Field(default="", description="where the theory is defined, arXiv number")
    settings: list[str] = Field(default=[], description="Pythia 8 settings, one `Key = value` each")
    lhe: str | None = Field(default=None, description="Les Houches file that Pythia showers instead")
    slha: str | None = Field(default=None, description="which supersymmetric spectrum to write")
    points: list[Point] = Field(min_length=1)


class TheoryChoice(Section):
    """A theory as this production uses it."""

    scale: Positive = Field(default=1.0, description="multiplies the events of its points")
    points: list[Name] = Field(default=[], description="labels of the points to use; empty is all")


class Generate(Section):
    """Monte Carlo generation."""

    energy: Positive = Field(default=13000.0, description="centre-of-mass energy [GeV]")
    scale: Positive = Field(default=1.0, description="multiplies the events of every point")
    events_per_part: Count = Field(
        default=5000, description="events of one child process: the unit of resume and of randomness"
    )
    time_limit: Positive = Field(default=600.0, description="longest life of a child process [s]")


class Slab(Section):
    """A layer of matter across the beam."""

    material: str
    thickness: Positive = Field(description="[cm]")
    sensitive: bool = False


class Simulate(Section):
    """Full simulation of showers in a stack of slabs."""

    particles: list[Literal["photon", "electron"]] = ["photon", "electron"]
    number: Count = Field(default=5000, description="showers per particle")
    energy: tuple[Positive, Positive] = Field(
        default=(1.0, 100.0), description="range, log-uniform [GeV]"
    )
    showers_per_part: Count = Field(default=250, description="showers of one shard")


class Fastsim(Section):
    """Conditional WGAN-GP and the gate that judges it."""

    threads: Threads = 1


class Data(Section):
    """Detector response that the simulation does not know: what makes showers into "data"."""


class Refine(Section):
    """Adversarial refinement of simulated showers."""

    threads: Threads = 1


class Region(Section):
    """Selection of events in which the search takes place."""

    name: Name = "ht400_met150"
    ht: float = Field(default=400.0, ge=0, description="least scalar sum of jet pT [GeV]")
    met: float = Field(default=150.0, ge=0, description="least missing transverse energy [GeV]")
    min_dphi: float = Field(
        default=0.4, ge=0, lt=3.1416, description="least angle of jets 1-3 to the missing energy [rad]"
    )


class Detect(Section):
    """Detection and reconstruction of generated events."""

    region: Region = Region()


class Train(Section):
    """Classifiers of event records."""

    threads: Threads = 1


class Hyperclass(Section):
    """Scores, significance improvement and hypothesis test."""


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
    """Settings of the fast simulation."""

    fastsim: Fastsim


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

    hyperclass: Hyperclass
    theories: dict[Name, TheoryLabel]


_STAGES: dict[str, type[StageSettings]] = {
    "generate": GenerateSettings,
    "simulate": SimulateSettings,
    "fastsim": FastsimSettings,
    "refine": RefineSettings,
    "detect": DetectSettings,
    "train": TrainSettings,
    "hyperclass": HyperclassSettings,
}

Model = TypeVar("Model", bound=BaseModel)


def resolve(raw: Mapping[str, Any], folder: Path | None = None) -> tuple[Config, dict[str, Theory]]:
    """Config with all defaults filled in, and its theories by name (backgrounds first).

    `folder` holds the theories' files. Raises `ConfigError` with every fault of the config and of
    the theories' files.
    """
    faults: list[str] = []
    config = _parse(Config, raw, "", faults)
    chosen = _mapping(raw, "theories") if config is None else config.theories
    known = theories(folder or THEORY_FOLDER, faults, only=list(chosen))
    if config is not None and not faults:
        known = _choose(config, known, faults)
        _check_together(config, known, faults)
    if faults or config is None:
        raise ConfigError(faults)
    return config, known


def theories(
    folder: Path, faults: list[str] | None = None, only: list[str] | None = None
) -> dict[str, Theory]:
    """Theories of a folder by name, backgrounds first; faults are appended, or raised if None."""
    found: dict[str, Theory] = {}
    listed: list[str] = [] if faults is None else faults
    names = only or sorted(path.stem for path in folder.glob("*.yaml"))
    if not names:
        listed.append(f"theories: no theory file in {folder}, expected <name>.yaml files")
    for name in names:
        theory = _read_theory(folder / f"{name}.yaml", listed)
        if theory is not None:
            found[name] = theory
    if faults is None and listed:
        raise ConfigError(listed)
    return dict(sorted(found.items(), key=lambda item: (item[1].role, item[0])))


def stage_settings(
    config: Config, known: Mapping[str, Theory], stage: str, theory: str | None = None
) -> str:
    """JSON text of what a stage is told; of one theory's generation if `stage` is generate."""
    told: dict[str, Any] = {"production": config.name, "seed": config.seed}
    if stage == "generate" and theory is not None:
        choice = config.theories.get(theory, TheoryChoice())
        told |= {"generate": config.generate, "theory": known[theory], "scale": choice.scale}
    else:
        fields = _STAGES[stage].model_fields
        told |= {key: getattr(config, key) for key in fields if key not in {*told, "theories"}}
        if "theories" in fields:
            told["theories"] = {name: _label(value) for name, value in known.items()}
    return _STAGES[stage].model_validate(told).model_dump_json(indent=1)


def load_stage(path: Path, stage: str) -> Any:
    """Settings of a stage from the JSON file that the production wrote (`<Stage>Settings`)."""
    try:
        text = path.read_text()
    except OSError as error:
        msg = f"{path}: {error.strerror}; `snakemake {path}` writes it"
        raise ConfigError([msg]) from error
    faults: list[str] = []
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError([f"{path}: not JSON: {error}"]) from error
    settings = _parse(_STAGES[stage], raw, "", faults)
    if settings is None:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return settings


def read(path: Path) -> dict[str, Any]:
    """Mapping in a YAML file."""
    try:
        raw = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}, expected a YAML file"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(raw, dict):
        raise ConfigError([f"{path}: {type(raw).__name__} given, expected `key: value` lines"])
    return raw


def schema() -> str:
    """JSON schema of a config, for editors."""
    return json.dumps(Config.model_json_schema(), indent=1, sort_keys=True) + "\n"


def _label(theory: Theory) -> TheoryLabel:
    points = [point.label for point in theory.points]
    return TheoryLabel(role=theory.role, group=theory.group, title=theory.title, points=points)


def _read_theory(path: Path, faults: list[str]) -> Theory | None:
    try:
        raw = read(path)
    except ConfigError as error:
        faults += [f"theories.{path.stem}: {fault}" for fault in error.faults]
        return None
    theory = _parse(Theory, raw, f"theories.{path.stem}.", faults)
    if theory is not None and theory.name != path.stem:
        faults.append(f"theories.{path.stem}.name: {theory.name} given, expected the file's name")
    return theory


def _choose(config: Config, known: dict[str, Theory], faults: list[str]) -> dict[str, Theory]:
    chosen = dict(known)
    for name, choice in config.theories.items():
        if name not in known or not choice.points:
            continue
        labels = {point.label: point for point in known[name].points}
        unknown = [label for label in choice.points if label not in labels]
        if unknown:
            faults.append(f"theories.{name}.points: {unknown} given, allowed {sorted(labels)}")
        points = [labels[label] for label in choice.points if label in labels]
        if points:
            chosen[name] = known[name].model_copy(update={"points": points})
    return chosen


def _check_together(config: Config, known: Mapping[str, Theory], faults: list[str]) -> None:
    for role, least in (("background", 1), ("signal", 2)):
        number = sum(theory.role == role for theory in known.values())
        if number < least:
            faults.append(f"theories: {number} with role {role} given, at least {least} needed")
    del config


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _parse(
    model: type[Model], raw: Mapping[str, Any], prefix: str, faults: list[str]
) -> Model | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults += [prefix + _fault(model, dict(detail)) for detail in error.errors()]
        return None


def _fault(model: type[BaseModel], detail: dict[str, Any]) -> str:
    place = ".".join(str(key) for key in detail["loc"]) or model.__name__.lower()
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key; allowed here: {_allowed(model, detail['loc'][:-1])}"
    if detail["type"] == "missing":
        return f"{place}: nothing given, a value is required"
    reason = re.sub(r"^(Input|Value error,) (should be )?", "", detail["msg"])
    return f"{place}: {detail['input']!r} given, expected {reason}"


def _allowed(model: Any, place: tuple[str | int, ...]) -> str:
    for key in place:
        field = getattr(model, "model_fields", {}).get(key)
        model = getattr(field, "annotation", None)
    fields = getattr(model, "model_fields", None)
    return ", ".join(sorted(fields)) if fields else "see config/schema.json"
