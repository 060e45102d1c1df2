"""The plan of a production's generation: what each point costs and what it will be worth.

How much of a point reaches the region is taken from trials, productions of the same theories that
may be much smaller; what an event costs is measured here and now.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import Config, GenerateSettings, Theory
from hyperhex.errors import SelectionError
from hyperhex.generate.allocation import (
    Slice,
    effective_events,
    largest_share,
    optimum,
    variance_shares,
)
from hyperhex.generate.recipe import split
from hyperhex.generate.trial import attempt

__all__ = ["Costs", "Plan", "Planned", "detection_cost", "make", "measure", "table"]

Floats = NDArray[np.float64]
# CPU time of a generated event by theory and label of the point [s]
Costs = Mapping[tuple[str, str], float]

# conditions for a usable working point, see hyperclass.improvement
_EFFECTIVE_EVENTS = 10.0
_LARGEST_SHARE = 0.2
_TRIAL_LIMIT = 300.0
_HEADER = (
    *("slice", "events", "CPU [min]", "share", "in region", "of variance", "largest weight"),
    "least time",
)


@dataclass(frozen=True)
class Planned:
    """A point of the production: its slice, as the trial knows it, and its number of events."""

    theory: str
    role: str
    slice: Slice
    events: int

    @property
    def minutes(self) -> float:
        """CPU time [min]."""
        return self.events * self.slice.seconds / 60.0


@dataclass(frozen=True)
class Plan:
    """All points of a production, and what is asked of its background."""

    points: Sequence[Planned]
    efficiencies: Sequence[float]
    effective: float

    @property
    def background(self) -> list[Planned]:
        """Points of the background."""
        return [point for point in self.points if point.role == "background"]

    @property
    def signal(self) -> list[Planned]:
        """Points of the signals."""
        return [point for point in self.points if point.role == "signal"]

    def require_reach(self) -> None:
        """Raise `SelectionError` with everything that the planned background cannot reach."""
        slices, events = _columns(self.background)
        expected = effective_events(slices, events)
        largest = float(largest_share(slices, events).max())
        found = [
            f"working point {efficiency:g}: {text}"
            for efficiency in self.efficiencies
            for text in _reasons(efficiency, expected, largest)
        ]
        if expected < self.effective:
            found.append(
                f"{expected:.0f} effective events expected, {self.effective:.0f} asked for"
            )
        if found:
            remedy = "generate more of the slices with the largest weights (theories.<name>.events)"
            raise SelectionError("; ".join([*found, remedy]))


def measure(
    config: Config, known: Mapping[str, Theory], events: int, cores: int
) -> dict[tuple[str, str], float]:
    """CPU time of an event of every point, from `events` of each, on some cores at once [s]."""

    def seconds(job: tuple[GenerateSettings, int]) -> float:
        settings, number = job
        with tempfile.TemporaryDirectory() as folder:
            return attempt(settings, number, events, Path(folder), _TRIAL_LIMIT).seconds

    jobs = [
        (_settings(config, theory), number)
        for theory in known.values()
        for number in range(len(theory.points))
    ]
    names = [(told.theory.name, told.theory.points[number].label) for told, number in jobs]
    with ThreadPoolExecutor(cores) as pool:
        return dict(zip(names, pool.map(seconds, jobs), strict=True))


def detection_cost(results: Sequence[Path]) -> float:
    """CPU time to detect one event [s], from the benchmarks of productions; 0 without any.

    The slope of time against events, for each job also starts and loads networks.
    """
    events, seconds = [], []
    for folder in results:
        for file in sorted(folder.glob("benchmarks/detect_events/*.tsv")):
            names, *rows = (line.split("\t") for line in file.read_text().splitlines())
            detected = folder / "detect" / f"{file.stem}.zarr"
            if rows and store.manifest_path(detected).exists():
                events.append(store.open(detected).sizes["event"])
                seconds.append(float(rows[-1][names.index("cpu_time")]))
    if len(events) < 3:
        return 0.0
    return max(0.0, float(np.polyfit(events, seconds, 1)[0]))


def make(
    config: Config,
    known: Mapping[str, Theory],
    trials: Sequence[Path],
    costs: Costs,
    effective: float | None,
) -> Plan:
    """Plan of a production from trials and costs; `effective` events of background are asked for.

    Without a number, what the least working point needs. Raises `SelectionError` with every point
    that no trial has.
    """
    detect = detection_cost(trials)
    points: list[Planned] = []
    missing: list[str] = []
    for theory in known.values():
        settings = _settings(config, theory)
        tried = _tried(theory.name, trials)
        for point in theory.points:
            name = f"{theory.name}_{point.label}"
            if point.label not in tried:
                missing.append(name)
                continue
            cost = costs[theory.name, point.label]
            found = _slice(name, tried[point.label], cost, detect)
            points.append(Planned(theory.name, theory.role, found, sum(split(settings, point))))
    if missing:
        msg = (
            f"{', '.join(missing)}: in none of the trials {', '.join(map(str, trials))};"
            " make a small production of them first and name it with --trial"
        )
        raise SelectionError(msg)
    least = min(config.hyperclass.working_points)
    return Plan(
        points, config.hyperclass.working_points, effective or float(_EFFECTIVE_EVENTS / least)
    )


def table(plan: Plan, cores: int) -> Iterator[str]:
    """Lines of the plan: the background's slices, the signals, and the sums."""
    slices, events = _columns(plan.background)
    shares, variances = largest_share(slices, events), variance_shares(slices, events)
    least = min(plan.efficiencies)
    best = optimum(slices, plan.effective, _LARGEST_SHARE * least)
    total = sum(point.minutes for point in plan.points)
    rows: list[tuple[str, ...]] = [_HEADER]
    for index, point in enumerate(plan.background):
        parts = (variances[index], f"{shares[index]:.1e}", f"{best[index]:.0f}")
        rows.append((*_row(point, total), f"{parts[0]:.0%}", *parts[1:]))
    rows += [(*_row(point, total), "", "", "") for point in plan.signal]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        first, *rest = zip(row, widths, strict=True)
        yield "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])
    expected = effective_events(slices, events)
    best_minutes = sum(n * one.seconds for n, one in zip(best, slices, strict=True)) / 60.0
    background = sum(point.minutes for point in plan.background)
    yield ""
    yield (
        f"background: {expected:.0f} +- {_uncertainty(slices, events):.0f} effective events,"
        f" largest weight {shares.max():.1e} of the total, {background:.0f} min of CPU;"
        f" {plan.effective:.0f} effective events need {best_minutes:.0f} min at least"
    )
    selected = [point.events * point.slice.selected for point in plan.signal]
    yield (
        f"signals: {len(selected)} points, {min(selected, default=0):.0f} to"
        f" {max(selected, default=0):.0f} events in the region, {total - background:.0f} min of CPU"
    )
    wall = total / cores
    yield f"generation and detection: {total:.0f} min of CPU, {wall:.0f} min on {cores} cores"


def _settings(config: Config, theory: Theory) -> GenerateSettings:
    choice = config.theories.get(theory.name)
    return GenerateSettings(
        production=config.name,
        seed=config.seed,
        generate=config.generate,
        theory=theory,
        scale=choice.scale if choice else 1.0,
    )


def _tried(theory: str, trials: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """What the first trial with a theory has of its points, by label."""
    for folder in trials:
        path = folder / "detect" / f"{theory}.zarr"
        if store.manifest_path(path).exists():
            records = store.open(path)
            inside = records["in_region"][:].astype(bool)
            point, weight = records["point"][:], records["weight"][:]
            return {
                one["label"]: {
                    "weight": weight[inside & (point == index)],
                    "generated": int(records["n_generated"][index]),
                    "kept": int(records["n_kept"][index]),
                }
                for index, one in enumerate(records.attributes["points"])
            }
    return {}


def _slice(name: str, tried: Mapping[str, Any], cost: float, detect: float) -> Slice:
    weight, generated = tried["weight"], tried["generated"]
    return Slice(
        name=name,
        rate=float(weight.sum()),
        squares=float(np.sum(weight**2)) * generated,
        largest=float(np.max(np.abs(weight), initial=0.0)) * generated,
        selected=len(weight) / generated,
        trial=len(weight),
        seconds=cost + detect * tried["kept"] / generated,
    )


def _columns(points: Sequence[Planned]) -> tuple[list[Slice], Floats]:
    return [point.slice for point in points], np.array([float(point.events) for point in points])


def _row(point: Planned, total: float) -> tuple[str, ...]:
    return (
        point.slice.name,
        str(point.events),
        f"{point.minutes:.1f}",
        f"{point.minutes / total:.1%}",
        f"{point.events * point.slice.selected:.0f}",
    )


def _reasons(efficiency: float, effective: float, largest: float) -> Iterator[str]:
    if effective < _EFFECTIVE_EVENTS / efficiency:
        needed = _EFFECTIVE_EVENTS / efficiency
        yield f"{effective:.0f} effective events expected, {needed:.0f} needed"
    if largest >= _LARGEST_SHARE * efficiency:
        allowed = _LARGEST_SHARE * efficiency
        yield f"largest weight {largest:.2g} of the total expected, below {allowed:.2g} needed"


def _uncertainty(slices: Sequence[Slice], events: Floats) -> float:
    """Error of the expected effective events, from how few events the trial had of each slice."""
    rates = np.array([one.rate for one in slices])
    parts = np.array([one.squares for one in slices]) / events
    relative = 1.0 / np.sqrt([max(1, one.trial) for one in slices])
    # d ln N / d ln (events of a slice in the trial)
    slope = 2.0 * rates / rates.sum() - parts / parts.sum()
    return float(effective_events(slices, events) * np.sqrt(np.sum((slope * relative) ** 2)))
