"""Pythia's settings, one `Key = value` each: parameters filled in, keys and types checked.

Pythia takes a value of the wrong type without a word (a flag `banana` is off, a mass `abc` is 0),
so every value is compared with the type that Pythia's own databases give its key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

__all__ = ["Databases", "fault", "faults", "fill"]

_PARAMETER = re.compile(r"\{([A-Za-z]\w*)\}")
_COMMAND = re.compile(r"([^\s=]+)\s*=\s*(.*?)\s*")
_FLAG = re.compile(r"on|off|yes|no|true|false|ok|[01]", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

# these belong to the production, not to a theory
_RESERVED = {
    "Random:seed": "seed",
    "Random:setSeed": "seed",
    "Beams:eCM": "generate.energy",
    "Beams:frameType": "lhe",
    "Beams:LHEF": "lhe",
    "Beams:nSkipLHEFatInit": "lhe",
    "SLHA:file": "slha",
    "PartonLevel:MPI": "generate.multiparton",
    "Main:numberOfEvents": "events",
}

_SCALARS = {"Flag": "on or off", "Mode": "an integer", "Parm": "a number", "Word": "a word"}
_VECTORS = {"FVec": "Flag", "MVec": "Mode", "PVec": "Parm", "WVec": "Word"}
_PROPERTIES = {
    "a number": {"m0", "mWidth", "mMin", "mMax", "tau0", "rescaleBR", "bRatio"},
    "an integer": {"spinType", "chargeType", "colType", "meMode"},
    "on or off": {
        "varWidth",
        "isResonance",
        "mayDecay",
        "doExternalDecay",
        "isVisible",
        "doForceWidth",
        "tauCalc",
    },
    "on, off or 0 to 3": {"onMode"},
    "a list of particle codes": {
        f"{prefix}{kind}"
        for prefix in ("onIf", "offIf", "onPosIf", "onNegIf")
        for kind in ("Any", "All", "Match")
    }
    | {"products"},
    "onMode, branching ratio, meMode and particle codes": {"addChannel", "oneChannel"},
    "a word": {"name", "antiName"},
    "name, antiName and numbers": {"all", "new"},
}
_KINDS = {name: kind for kind, names in _PROPERTIES.items() for name in names}


class Databases(Protocol):
    """What the check asks of Pythia: the settings of a type, and whether a particle is known."""

    def kind(self, key: str) -> str | None:
        """Type of a setting: Flag, Mode, Parm, Word or a vector of them; None if unknown."""

    def keys(self) -> Sequence[str]:
        """All settings."""

    def is_particle(self, code: int) -> bool:
        """Whether the particle table holds a particle code."""


def fill(text: str, parameters: Mapping[str, float]) -> str:
    """Setting with every `{name}` replaced by the parameter's value."""
    return _PARAMETER.sub(lambda found: f"{parameters[found[1]]:.12g}", text)


def faults(commands: Sequence[str], databases: Databases) -> list[str]:
    """What is wrong with each setting that is wrong, in the order given."""
    return [text for command in commands if (text := fault(command, databases))]


def fault(command: str, databases: Databases) -> str | None:
    """What is wrong with a setting, None if nothing is."""
    parsed = _COMMAND.fullmatch(command.strip())
    if parsed is None:
        return f"setting {command!r}: expected `Key = value`"
    key, value = parsed[1], parsed[2]
    if (owner := _reserved(key)) is not None:
        return f"setting {command!r}: this key is set by `{owner}` of the config"
    wrong = _particle_fault if key[0].isdigit() else _setting_fault
    reason = wrong(key, value, databases)
    return f"setting {command!r}: {reason}" if reason else None


def _reserved(key: str) -> str | None:
    lowered = {name.lower(): owner for name, owner in _RESERVED.items()}
    return lowered.get(key.lower())


def _setting_fault(key: str, value: str, databases: Databases) -> str | None:
    kind = databases.kind(key)
    if kind is None:
        near = get_close_matches(key, databases.keys(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"Pythia knows no setting {key}{hint}"
    if kind in _VECTORS:
        scalar = _VECTORS[kind]
        values = [item.strip() for item in value.strip("{}").split(",")]
        expected = f"a list of which each is {_SCALARS[scalar]}"
    else:
        scalar, values, expected = kind, [value], _SCALARS[kind]
    if all(_CHECKS[_SCALARS[scalar]](item) for item in values):
        return None
    return f"{value!r} given, expected {expected}"


def _particle_fault(key: str, value: str, databases: Databases) -> str | None:
    code, *rest = key.split(":")
    place = rest[-1] if rest else ""
    channel = rest[0] if len(rest) == 2 else "0"
    if not code.isdigit() or not channel.isdigit() or len(rest) not in {1, 2}:
        return "expected particle:property or particle:channel:property"
    if place not in {"all", "new"} and not databases.is_particle(int(code)):
        return f"Pythia knows no particle {code}"
    if place not in _KINDS:
        near = get_close_matches(place, _KINDS, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"a particle has no property {place}{hint}"
    if len(rest) == 2 and place == "all":
        kind = "onMode, branching ratio, meMode and particle codes"
    else:
        kind = _KINDS[place]
    if not _CHECKS[kind](value):
        return f"{value!r} given, expected {kind}"
    unknown = [item for item in _codes(kind, value) if not databases.is_particle(abs(int(item)))]
    return f"Pythia knows no particle {', '.join(unknown)}" if unknown else None


def _codes(kind: str, value: str) -> list[str]:
    if kind == "a list of particle codes":
        return value.split()
    if kind == "onMode, branching ratio, meMode and particle codes":
        return value.split()[3:]
    return []


def _is_flag(value: str) -> bool:
    return _FLAG.fullmatch(value) is not None


def _is_integer(value: str) -> bool:
    return _INTEGER.fullmatch(value) is not None


def _is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None


def _is_channel(value: str) -> bool:
    mode, ratio, *rest = [*value.split(), "", ""]
    codes = rest[:-2]
    return _is_mode(mode) and _is_number(ratio) and len(codes) > 1 and all(map(_is_integer, codes))


def _is_mode(value: str) -> bool:
    return _is_flag(value) or value in {"2", "3"}


def _is_particle_line(value: str) -> bool:
    words = value.split()
    return len(words) > 2 and all(map(_is_number, words[2:]))


_CHECKS: dict[str, Callable[[str], bool]] = {
    "on or off": _is_flag,
    "an integer": _is_integer,
    "a number": _is_number,
    "a word": bool,
    "on, off or 0 to 3": _is_mode,
    "a list of particle codes": lambda value: (
        bool(value.split()) and all(map(_is_integer, value.split()))
    ),
    "onMode, branching ratio, meMode and particle codes": _is_channel,
    "name, antiName and numbers": _is_particle_line,
}
