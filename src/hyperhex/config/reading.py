"""From YAML to a checked config, and to the JSON that stages read; every fault is listed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hyperhex.config.consistency import check_together
from hyperhex.config.fastsim import FastsimLimits, FastsimNetwork
from hyperhex.config.generate import Theory
from hyperhex.config.production import (
    STAGE_SETTINGS,
    Config,
    StageSettings,
    TheoryChoice,
    TheoryLabel,
)
from hyperhex.errors import ConfigError

__all__ = [
    "THEORY_FOLDER",
    "checked",
    "default_stage",
    "load_stage",
    "read",
    "resolve",
    "schema",
    "stage_settings",
    "theories",
]

THEORY_FOLDER = Path("config/theories")


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
        check_together(config, known, faults)
        for particle in config.fastsim.limits_of:
            place = f"fastsim.limits_of.{particle}."
            _parse(FastsimLimits, config.fastsim.asked(particle), place, faults)
        for particle in config.fastsim.settings_of:
            place = f"fastsim.settings_of.{particle}."
            _parse(FastsimNetwork, config.fastsim.of(particle), place, faults)
        for name in config.fastsim.variants:
            place = f"fastsim.variants.{name}.settings."
            _parse(FastsimNetwork, config.fastsim.network(name), place, faults)
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


def stage_settings(config: Config, known: Mapping[str, Theory], stage: str, part: str = "") -> str:
    """JSON text of what a stage is told, or a part of it that is told something of its own.

    `part` is a theory if `stage` is generate, a variant or the gate if it is fastsim, and else may
    be a command.
    """
    model = _model(stage, part)
    told: dict[str, Any] = {"production": config.name, "seed": config.seed}
    if stage == "generate" and part:
        choice = config.theories.get(part, TheoryChoice())
        told |= {"generate": config.generate, "theory": known[part], "scale": choice.scale}
    elif stage == "fastsim" and part in config.fastsim.variants:
        told["seed"] += config.fastsim.variants[part].seed
        told["fastsim"] = config.fastsim.network(part)
    else:
        fields = model.model_fields
        told |= {key: getattr(config, key) for key in fields if key not in {*told, "theories"}}
        if "theories" in fields:
            told["theories"] = {name: _label(value) for name, value in known.items()}
    return model.model_validate(told).model_dump_json(indent=1)


def load_stage(path: Path, stage: str, part: str = "") -> Any:
    """Settings of a stage from the JSON file that the production wrote (`<Stage>Settings`).

    Of a part of it, if that is told something of its own.
    """
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
    settings = _parse(_model(stage, part), raw, "", faults)
    if settings is None:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return settings


def default_stage(stage: str) -> Any:
    """Settings of a stage of a production without a config."""
    config = Config()
    text = stage_settings(config, {}, stage)
    return STAGE_SETTINGS[stage].model_validate_json(text)


def checked(model: type[Model], raw: Mapping[str, Any]) -> Model:
    """Model of a mapping; raises `ConfigError` with every fault."""
    faults: list[str] = []
    found = _parse(model, raw, "", faults)
    if found is None:
        raise ConfigError(faults)
    return found


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


def _model(stage: str, part: str) -> type[StageSettings]:
    return STAGE_SETTINGS.get(f"{stage}/{part}", STAGE_SETTINGS[stage])


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
    if theory is not None:
        faults += [f"theories.{path.stem}.{fault}" for fault in theory.faults()]
    return theory


def _choose(config: Config, known: dict[str, Theory], faults: list[str]) -> dict[str, Theory]:
    chosen = dict(known)
    for name, choice in config.theories.items():
        if name not in known or not (choice.points or choice.events):
            continue
        labels = {
            point.label: point.model_copy(
                update={"events": choice.events.get(point.label, point.events)}
            )
            for point in known[name].points
        }
        faults += [
            f"theories.{name}.{key}: {unknown} given, allowed {sorted(labels)}"
            for key in ("points", "events")
            if (unknown := [label for label in getattr(choice, key) if label not in labels])
        ]
        points = [labels[label] for label in choice.points or labels if label in labels]
        if points:
            chosen[name] = known[name].model_copy(update={"points": points})
    return chosen


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
    if detail["type"] == "value_error" and isinstance(detail["input"], Mapping):
        # values of a section that contradict each other: the reason names them
        return f"{place}: {reason}"
    return f"{place}: {detail['input']!r} given, expected {reason}"


def _allowed(model: Any, place: tuple[str | int, ...]) -> str:
    for key in place:
        field = getattr(model, "model_fields", {}).get(key)
        model = getattr(field, "annotation", None)
    fields = getattr(model, "model_fields", None)
    return ", ".join(sorted(fields)) if fields else "see config/schema.json"
