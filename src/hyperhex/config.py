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
    "DeepSvdd",
    "Detect",
    "DetectSettings",
    "Fastsim",
    "FastsimSettings",
    "Generate",
    "GenerateSettings",
    "Hyperclass",
    "HyperclassSettings",
    "Injection",
    "Mixture",
    "Network",
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
    "Trees",
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
    lhe: str | None = Field(
        default=None, description="Les Houches file that Pythia showers instead"
    )
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
        default=5000,
        description="events of one child process: the unit of resume and of randomness",
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


class FastsimLimits(Section):
    """What the gate asks of the fast simulation, for each particle."""

    auc_high: Fraction = Field(default=0.90, description="largest AUC on observables")
    response: Positive = Field(default=0.03, description="largest |G/R - 1| of the mean response")
    width: Positive = Field(default=0.30, description="largest |G/R - 1| of the response's width")
    layers: Positive = Field(default=0.10, description="largest departure of the layer fractions")
    rings: Positive = Field(default=0.10, description="largest departure of the ring fractions")
    hits: Positive = Field(default=0.10, description="largest |G/R - 1| of the number of hits")


class Fastsim(Section):
    """Conditional WGAN-GP and the gate that judges it."""

    threads: Threads = 1
    threshold: Positive = Field(default=0.5, description="least energy of a cell [MIP]")
    held_out: Fraction = Field(default=0.25, description="share of the library that judges")
    iterations: Count = Field(default=3000, description="generator steps")
    batch: Count = Field(default=256, description="showers of a step")
    noise: Count = Field(default=32, description="dimensions of the generator's noise")
    generator_widths: list[Count] = Field(default=[256, 256], description="hidden layers")
    critic_widths: list[Count] = Field(default=[256, 256, 64], description="hidden layers")
    critic_steps: Count = Field(default=3, description="critic steps to one of the generator")
    penalty: Positive = Field(default=10.0, description="weight of the gradient penalty")
    penalty_every: Count = Field(default=2, description="critic steps to one with the penalty")
    generator_rate: Positive = Field(default=1e-4, description="learning rate")
    critic_rate: Positive = Field(default=2e-4, description="learning rate")
    average: Fraction = Field(default=0.999, description="memory of the averaged generator")
    report_every: Count = Field(default=100, description="iterations between progress lines")
    limits: FastsimLimits = FastsimLimits()


class Data(Section):
    """Detector response that the simulation does not know: what makes showers into "data"."""

    gain_spread: float = Field(
        default=0.10, ge=0, lt=1, description="standard deviation of ln(gain) from cell to cell"
    )
    crosstalk: float = Field(
        default=0.015, ge=0, lt=1 / 6, description="share of a cell that each neighbour receives"
    )
    noise: float = Field(default=0.15, ge=0, description="electronic noise of a cell, rms [MIP]")
    dead_fraction: float = Field(default=0.02, ge=0, lt=1, description="chance of a dead cell")
    saturation: Positive = Field(
        default=5000.0, description="energy at which a cell reads half of it [MIP]"
    )
    threshold: float = Field(default=0.5, ge=0, description="least energy of a hit [MIP]")


class Refine(Section):
    """Adversarial refinement of simulated showers."""

    threads: Threads = 1


class Region(Section):
    """Selection of events in which the search takes place."""

    name: Name = "ht400_met150"
    ht: float = Field(default=400.0, ge=0, description="least scalar sum of jet pT [GeV]")
    met: float = Field(default=150.0, ge=0, description="least missing transverse energy [GeV]")
    min_dphi: float = Field(
        default=0.4,
        ge=0,
        lt=3.1416,
        description="least angle of jets 1-3 to the missing energy [rad]",
    )


class Detect(Section):
    """Detection and reconstruction of generated events."""

    region: Region = Region()


class Mixture(Section):
    """The hyperclass sum_i w_i p_i(x): which weight each theory has."""

    weights: Literal["per_theory", "per_point", "cross_section"] | dict[Name, Positive] = Field(
        default="per_theory",
        description="equal per theory, equal per point, by the cross-section in the region, or"
        " relative weights of theories and parts by name",
    )
    parts: dict[Name, Annotated[dict[Name, Positive], Field(min_length=1)]] = Field(
        default={}, description="mixtures by name that `weights` and other parts may hold"
    )

    @model_validator(mode="after")
    def _check(self) -> Mixture:
        if isinstance(self.weights, dict) and not self.weights:
            msg = "at least one theory in weights; an empty mixture was given"
            raise ValueError(msg)
        for name in self.parts:
            self._flatten({name: 1.0}, ())
        return self

    def flatten(self) -> dict[str, float]:
        """Weights of the theories by name, of unit sum; empty if they are not listed by name."""
        return self._flatten(self.weights, ()) if isinstance(self.weights, dict) else {}

    def _flatten(self, weights: Mapping[str, float], above: tuple[str, ...]) -> dict[str, float]:
        flat: dict[str, float] = {}
        total = sum(weights.values())
        for name, weight in weights.items():
            if name in above:
                msg = f"parts without a cycle; {' -> '.join([*above, name])} was given"
                raise ValueError(msg)
            part = self.parts.get(name)
            inner = {name: 1.0} if part is None else self._flatten(part, (*above, name))
            for theory, share in inner.items():
                flat[theory] = flat.get(theory, 0.0) + share * weight / total
        return flat


class Trees(Section):
    """Gradient-boosted trees (XGBoost)."""

    number: Count = Field(default=200, description="most trees; early stopping may keep fewer")
    depth: int = Field(default=4, ge=1, le=12)
    learning_rate: Fraction = 0.1
    rows: float = Field(default=0.8, gt=0, le=1, description="share of events per tree")
    columns: float = Field(default=0.5, gt=0, le=1, description="share of inputs per tree")
    patience: Count = Field(default=20, description="trees without progress before stopping")


class Network(Section):
    """Multilayer perceptron (PyTorch)."""

    layers: list[Count] = Field(default=[128, 128, 64], min_length=1)
    epochs: Count = Field(default=25, description="most passes over the events")
    batch: Count = 256
    learning_rate: Fraction = 2e-3
    dropout: float = Field(default=0.1, ge=0, lt=1)
    patience: Count = Field(default=6, description="epochs without progress before stopping")


class DeepSvdd(Section):
    """Deep SVDD ensemble (arXiv:2105.14027): one network per target value and dimension."""

    targets: list[float] = Field(default=[0.0, 1.0, 4.0, 10.0], min_length=1)
    dimensions: list[Count] = Field(default=[5, 13, 34, 89], min_length=1)
    layers: list[Count] = Field(default=[64, 64], min_length=1)
    epochs: Count = 20
    batch: Count = 256
    learning_rate: Fraction = 1e-3


class Train(Section):
    """Classifiers of event records."""

    threads: Threads = 1
    folds: int = Field(
        default=2, ge=2, le=10, description="parts of the events; each is scored by the others' fit"
    )
    validation: float = Field(
        default=0.2, gt=0, le=0.5, description="share of the training events that stops it early"
    )
    minimum_events: Count = Field(
        default=20, description="fewest events in the region that a class may have"
    )
    mixture: Mixture = Mixture()
    trees: Trees = Trees()
    network: Network = Network()
    deep_svdd: DeepSvdd = DeepSvdd()


class Injection(Section):
    """The signal that the hypothesis test has to find, and its statistical model."""

    theory: Name | None = Field(default=None, description="a signal; none is the first by name")
    point: Name | None = Field(default=None, description="label; none is the theory's first")
    luminosity: Positive = Field(default=1.0, description="[1/fb]")
    strength: Positive = Field(default=1.0, description="multiplies the signal's cross-section")
    normalisation: Fraction = Field(
        default=0.1, description="relative uncertainty of each background's cross-section"
    )
    quantiles: list[Fraction] = Field(
        default=[0.3, 0.1, 0.03, 0.01, 0.003],
        min_length=1,
        description="background efficiencies between the bins of the mixture's score",
    )
    events_per_bin: Positive = Field(
        default=10.0, description="fewest effective background events of a bin, else it is merged"
    )


class Hyperclass(Section):
    """Scores, significance improvement and hypothesis test."""

    working_points: list[Fraction] = Field(
        default=[3e-2, 1e-2, 1e-3, 1e-4],
        min_length=1,
        description="background efficiencies of the summary; TI is over 1e-2, 1e-3, 1e-4 only",
    )
    bootstrap: int = Field(default=200, ge=10, description="replicas that errors come from")
    minimum_signal_events: Positive = Field(
        default=10.0, description="fewest effective events of a point with a result"
    )
    injection: Injection = Injection()


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

    detect: Detect
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
    _check_mixture(config.train.mixture, known, faults)
    _check_injection(config.hyperclass.injection, known, faults)


def _check_mixture(mixture: Mixture, known: Mapping[str, Theory], faults: list[str]) -> None:
    signals = [name for name, theory in known.items() if theory.role == "signal"]
    given = mixture.flatten()
    unknown = sorted(set(given) - set(signals))
    if unknown:
        faults.append(f"train.mixture.weights: {unknown} given, allowed {signals}")
    elif len(given) == 1:
        faults.append(
            f"train.mixture.weights: only {sorted(given)} given, at least 2 theories needed"
        )


def _check_injection(injection: Injection, known: Mapping[str, Theory], faults: list[str]) -> None:
    signals = sorted(name for name, theory in known.items() if theory.role == "signal")
    if injection.theory is not None and injection.theory not in signals:
        faults.append(f"hyperclass.injection.theory: {injection.theory} given, allowed {signals}")
    elif injection.point is not None and signals:
        labels = [point.label for point in known[injection.theory or signals[0]].points]
        if injection.point not in labels:
            faults.append(f"hyperclass.injection.point: {injection.point} given, allowed {labels}")


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
