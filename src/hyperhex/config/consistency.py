"""Faults that only show when sections are read together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hyperhex.config.generate import Theory
from hyperhex.config.hyperclass import Injection
from hyperhex.config.production import Config
from hyperhex.config.tuning import Tuning, dealt

__all__ = ["check_together"]


def check_together(config: Config, known: Mapping[str, Theory], faults: list[str]) -> None:
    """Append what sections and theories, each without a fault, have against each other."""
    for role, least in (("background", 1), ("signal", 2)):
        number = sum(theory.role == role for theory in known.values())
        if number < least:
            faults.append(f"theories: {number} with role {role} given, at least {least} needed")
    faults += [
        f"theories.{name}: expected another name; `none` and group_<name> say what a training"
        " leaves out"
        for name in known
        if name == "none" or name.startswith("group_")
    ]
    signals = sorted(name for name, theory in known.items() if theory.role == "signal")
    faults += [
        f"train.mixture.weights: {name} given, allowed are the signals {signals}"
        for name in config.train.mixture.flatten()
        if name not in signals
    ]
    if config.train.tuning is not None:
        _check_tuning(config.train.tuning, {name: known[name].group for name in signals}, faults)
    _check_injection(config.hyperclass.injection, known, signals, faults)
    _check_detection(config, faults)
    _check_variants(config, faults)
    missing = {"photon", "electron"} - set(config.simulate.particles)
    if config.hyperclass.variations.showers and missing:
        faults.append(
            f"hyperclass.variations.showers: {config.hyperclass.variations.showers} given, which"
            f" needs showers of {sorted(missing)} in simulate.particles"
        )


def _check_tuning(tuning: Tuning, groups: Mapping[str, str], faults: list[str]) -> None:
    """Whole groups are left out of the tuning, and again of its own fits."""
    part, every = dealt(groups, tuning.parts), set(groups.values())
    least = min(
        len({group for theory, group in groups.items() if part[theory] != number})
        for number in range(tuning.parts)
    )
    if tuning.parts > len(every) or tuning.splits > least:
        faults.append(
            f"train.tuning: parts = {tuning.parts} and splits = {tuning.splits} given; without a"
            f" part at least {least} of the {len(every)} groups of signals are left, expected at"
            " least one in each part and splits outside it"
        )


def _check_variants(config: Config, faults: list[str]) -> None:
    there = config.simulate.particles
    own: dict[str, Iterable[str]] = {
        "simulate.number_of": config.simulate.number_of,
        "fastsim.limits_of": config.fastsim.limits_of,
    }
    faults += [
        f"{place}: {particle} given, allowed are those of simulate.particles, {there}"
        for place, given in own.items()
        for particle in given
        if particle not in there
    ]
    for name, variant in config.fastsim.variants.items():
        place = f"fastsim.variants.{name}"
        if name == "gate":
            faults.append(f"{place}: expected another name; the gate has its own settings")
        if unknown := [particle for particle in variant.particles if particle not in there]:
            faults.append(
                f"{place}.particles: {unknown} given, allowed are those of simulate.particles,"
                f" {there}"
            )


def _check_detection(config: Config, faults: list[str]) -> None:
    region, (least, most) = config.detect.region, config.simulate.energy
    if region.ht + region.met > config.generate.energy:
        faults.append(
            f"detect.region: ht + met = {region.ht + region.met} given, expected at most"
            f" generate.energy = {config.generate.energy}"
        )
    for name in ("network_energy", "network_energy_max"):
        energy = getattr(config.detect, name)
        if not least <= energy <= most:
            faults.append(
                f"detect.{name}: {energy} given, expected {least} to {most},"
                " the simulated energies (simulate.energy)"
            )


def _check_injection(
    injection: Injection, known: Mapping[str, Theory], signals: list[str], faults: list[str]
) -> None:
    place = "hyperclass.injection"
    name = injection.theory
    if name is None:
        return
    if name not in signals:
        faults.append(f"{place}.theory: {name} given, allowed are the signals {signals}")
        return
    labels = [point.label for point in known[name].points]
    if injection.point is not None and injection.point not in labels:
        faults.append(f"{place}.point: {injection.point} given, allowed for {name}: {labels}")
