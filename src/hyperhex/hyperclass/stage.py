"""Classifiers and event records in; scores, improvements, and the hypothesis test out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import HyperclassSettings
from hyperhex.errors import TrainingError
from hyperhex.hyperclass import comparison, histfactory, report
from hyperhex.hyperclass.comparison import Signal
from hyperhex.hyperclass.improvement import TABLE_POINTS, WorkingPoint, working_points
from hyperhex.hyperclass.scores import (
    AVERAGE,
    SCHEMA,
    Scores,
    Training,
    combined,
    cross_scored,
    left_out_scores,
)
from hyperhex.hyperclass.table import write_table
from hyperhex.provenance import read_json, write_json
from hyperhex.train import features
from hyperhex.train import stage as train
from hyperhex.train.classifier import Classifier
from hyperhex.train.sample import Sample

__all__ = ["discovery", "improvement", "scores", "summary"]

log = logging.getLogger(__name__)

# events from pb and 1/fb
_PER_FEMTOBARN = 1000.0
# one shard holds the scores of a production of any size that two cores can make
_ROWS = 20_000


def scores(
    settings: HyperclassSettings, events: list[Path], models: list[Path], output: Path
) -> None:
    """Score the events of all theories with every method, each by fits that never saw it."""
    loaded = _load(models, settings.seed)
    samples = sorted(
        (train.read(path, settings.seed, loaded.folds) for path in events),
        key=lambda sample: (sample.role, sample.theory),
    )
    columns = {
        name: [cross_scored(s, fits) for s in samples] for name, fits in loaded.fixed.items()
    }
    for how in loaded.combinations:
        rare, different = columns[loaded.rare], columns[loaded.different]
        columns[f"rare_{how}_different"] = combined(samples, rare, different, how)
    methods, mixtures = left_out_scores(samples, loaded.mixtures)
    arrays = {
        "theory": _joined(np.full(len(s), i, dtype=np.int16) for i, s in enumerate(samples)),
        "mixture": _joined(mixtures),
        "fixed": np.concatenate(
            [
                np.stack([np.concatenate(column) for column in columns.values()], axis=1),
                _joined(s.baselines for s in samples),
            ],
            axis=1,
        ),
        **{
            name: _joined(getattr(s, name) for s in samples)
            for name in ("point", "number", "fold", "weight")
        },
    }
    names = [*columns, *train.BASELINES]
    attributes = {
        "theories": [_described(sample) for sample in samples],
        "left_out": list(loaded.mixtures),
        "methods": methods,
        "scores": names,
        "channel": settings.detect.region.name,
    }
    _write(output, arrays, attributes, settings, [*events, *models])
    log.info(
        "%s events of %s theories scored by %s mixtures and %s other methods",
        *(len(arrays["theory"]), len(samples), len(loaded.mixtures), len(names)),
    )


def improvement(settings: HyperclassSettings, scores: Path, output: Path, figures: Path) -> None:
    """Measure SI and TI of every method for every signal; table, JSON beside it, and figures."""
    options = settings.hyperclass
    loaded, channel = _scores(scores)
    weight = np.concatenate([events.weight for events in loaded.backgrounds()])
    efficiencies = sorted({*options.working_points, *TABLE_POINTS}, reverse=True)
    points = working_points(weight, efficiencies)
    for point in points:
        log.info("eps_B = %g: %s", point.efficiency, point.reason or "usable")
    signals = comparison.measured(
        loaded, points, options.bootstrap, options.minimum_signal_events, settings.seed
    )
    write_table(output, report.rows(signals, channel, points))
    write_json(output.with_suffix(".json"), report.improvement(loaded, signals, points))
    _draw(settings, loaded, signals, points, figures)


def discovery(settings: HyperclassSettings, scores: Path, output: Path, figures: Path) -> None:
    """Test for an injected theory with the mixture that never saw it; workspace, JSON, figure."""
    from hyperhex.plots import hyperclass as plots

    options = settings.hyperclass.injection
    loaded, channel = _scores(scores)
    injected = loaded.injected(options.theory, options.point)
    values = loaded.of_mixture(AVERAGE, injected.theory)
    backgrounds = loaded.backgrounds()
    rows = np.concatenate([events.rows for events in backgrounds])
    inner = histfactory.edges(
        values[rows], loaded.weight[rows], options.quantiles, options.events_per_bin
    )
    scale = _PER_FEMTOBARN * options.luminosity
    histograms = [
        histfactory.fill(e.theory, values[e.rows], e.weight, inner, scale) for e in backgrounds
    ]
    signal = histfactory.fill(
        "signal", values[injected.rows], injected.weight, inner, scale * options.strength
    )
    spec = histfactory.workspace(channel, histograms, signal, options.normalisation)
    found = histfactory.outcome(spec)
    exact = histfactory.workspace(
        channel, histograms, signal, options.normalisation, simulation_errors=False
    )
    described = {
        "theory": injected.theory,
        "point": injected.label,
        "channel": channel,
        "luminosity": options.luminosity,
        "strength": options.strength,
        "data": "expected background plus signal (Asimov)",
        **asdict(found),
        "background_only": asdict(histfactory.outcome(spec, signal=False)),
        "without_simulation_errors": asdict(histfactory.outcome(exact)),
        "counting_significance": histfactory.counting_significance(
            float(signal.counts.sum()), sum(float(one.counts.sum()) for one in histograms)
        ),
    }
    log.info("%s_%s: significance %.2f", injected.theory, injected.label, found.significance)
    write_json(output, spec)
    write_json(output.with_name("discovery.json"), described)
    injected_title = f"{_title(settings, injected.theory)} ({injected.label})"
    times = f" at {options.strength:g} times its rate" if options.strength != 1.0 else ""
    plots.fit(
        {_title(settings, one.name): one.counts for one in histograms},
        np.sqrt(np.sum([one.errors**2 for one in histograms], axis=0)),
        (f"with {injected_title}", signal.counts),
        inner,
        f"{injected_title}{times} injected, {options.luminosity:g}/fb:"
        f" expected significance {found.significance:.2f}",
        figures / "fit.svg",
    )


def summary(settings: HyperclassSettings, improvement: Path, discovery: Path, output: Path) -> None:
    """Gather what machines read of a production's result."""
    found = read_json(improvement)
    test = read_json(discovery)
    kept = ("theory", "point", "luminosity", "strength", "p_value", "significance")
    result = {name: value for name, value in found.items() if name != "signals"}
    result["production"] = settings.production
    result["discovery"] = {name: test[name] for name in kept}
    write_json(output, result)


@dataclass
class _Loaded:
    """Mixtures by what they left out, other classifiers by name, and how they were fitted."""

    mixtures: dict[str, Training] = field(default_factory=dict)
    fixed: dict[str, list[Classifier]] = field(default_factory=dict)
    combinations: list[str] = field(default_factory=list)
    rare: str = ""
    different: str = ""
    folds: int = 0


def _load(models: Sequence[Path], seed: int) -> _Loaded:
    found = _Loaded()
    for folder in sorted(models):
        described, fits = train.load(folder)
        if described["inputs"] != list(features.NAMES) or described["seed"] != seed:
            msg = f"{folder}: fitted with another seed or other inputs; train it again"
            raise TrainingError(msg)
        if found.folds not in {0, described["folds"]}:
            msg = f"{folder}: {described['folds']} folds, others {found.folds}; train it again"
            raise TrainingError(msg)
        found.folds = described["folds"]
        if described["kind"] == "mixture":
            _check_unseen(described, folder)
            unseen, areas = described["unseen"], described["held_area"]
            found.mixtures[described["left_out"]] = Training(unseen, fits, areas)
        elif described["kind"] == "single":
            found.fixed[f"single_{described['theory']}"] = fits["xgboost"]
        else:
            found.fixed |= fits
            found.combinations = described["combinations"]
            found.rare, found.different = described["rare"], described["different"]
    if not found.mixtures or not found.fixed:
        numbers = f"{len(found.mixtures)} mixtures and {len(found.fixed)} other models"
        msg = f"{numbers} given, some of both needed"
        raise TrainingError(msg)
    return found


def _check_unseen(described: Mapping[str, Any], folder: Path) -> None:
    seen = sorted({described["left_out"], *described["unseen"]} & set(described["signal_events"]))
    if seen:
        msg = f"{folder}: {', '.join(seen)} was to be left out and is in the training"
        raise TrainingError(msg)


def _joined(parts: Any) -> NDArray[Any]:
    return np.concatenate(list(parts))


def _described(sample: Sample) -> dict[str, Any]:
    return {
        "name": sample.theory,
        "role": sample.role,
        "group": sample.group,
        "points": list(sample.labels),
    }


def _write(
    output: Path,
    arrays: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
    settings: HyperclassSettings,
    inputs: Sequence[Path],
) -> None:
    events = len(arrays["theory"])
    sizes = {
        "event": events,
        "left_out": len(attributes["left_out"]),
        "method": len(attributes["methods"]),
        "score": len(attributes["scores"]),
    }
    draft = store.create(
        output,
        SCHEMA,
        sizes=sizes,
        rows={"event": min(events, _ROWS)},
        settings={"seed": settings.seed},
        attributes=attributes,
        inputs=inputs,
        code=("hyperclass", "train"),
    )
    for shard in range(draft.shards("event")):
        rows = draft.bounds("event", shard)
        draft.write("event", shard, {name: array[rows] for name, array in arrays.items()})
    draft.publish()


def _scores(path: Path) -> tuple[Scores, str]:
    """Scores of a store, and the name of their channel."""
    opened = store.open(path)
    about = opened.attributes
    arrays = {name: opened[name][:] for name in ("theory", "point", "weight", "mixture", "fixed")}
    scores = Scores(
        theories=about["theories"],
        left_out=about["left_out"],
        methods=about["methods"],
        names=about["scores"],
        **arrays,
    )
    return scores, str(about["channel"])


def _draw(
    settings: HyperclassSettings,
    scores: Scores,
    signals: Sequence[Signal],
    points: Sequence[WorkingPoint],
    figures: Path,
) -> None:
    from hyperhex.plots import hyperclass as plots

    by = comparison.headline(points)
    words = "no usable working point: too few background events"
    if by is not None:
        largest = "largest " if by.column is None else ""
        words = rf"{by.name}: {largest}significance improvement $\epsilon_S/\sqrt{{\epsilon_B}}$"
    found = report.by_theory(signals, list(plots.METHODS), by.column if by else None)
    plots.improvement(
        [_title(settings, theory) for theory in found.theories],
        found.values,
        found.ranges,
        words,
        figures / "significance_improvement.svg",
    )
    few = report.curves(scores, signals)
    plots.curves(
        [f"{_title(settings, theory)} ({label})" for theory, label in few.signals],
        few.background,
        list(few.passing),
        min((point.efficiency for point in points if point.usable), default=1.0),
        figures / "roc.svg",
    )


def _title(settings: HyperclassSettings, theory: str) -> str:
    return settings.theories[theory].title if theory in settings.theories else theory
