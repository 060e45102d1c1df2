"""Classifiers and event records in; scores, improvements, and the hypothesis test out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import HyperclassSettings, Scaling
from hyperhex.hyperclass import comparison, histfactory, report
from hyperhex.hyperclass.binned import binned
from hyperhex.hyperclass.comparison import Signal
from hyperhex.hyperclass.coverage import injection
from hyperhex.hyperclass.fits import load_fits
from hyperhex.hyperclass.improvement import TABLE_POINTS, WorkingPoint, working_points
from hyperhex.hyperclass.limits import BANDS, Limit, strengths, write_limits
from hyperhex.hyperclass.rescored import read_varied, write_varied
from hyperhex.hyperclass.scaling import scaling as measured_scaling
from hyperhex.hyperclass.scores import (
    Scores,
    combined,
    cross_scored,
    described,
    left_out_scores,
)
from hyperhex.hyperclass.sharing import EFFICIENCY
from hyperhex.hyperclass.sharing import sharing as shared_events
from hyperhex.hyperclass.storage import read_scores, write_scores
from hyperhex.hyperclass.systematics import draw_variations, systematics
from hyperhex.hyperclass.table import write_table
from hyperhex.hyperclass.toys import toy_test
from hyperhex.provenance import read_json, write_json
from hyperhex.random import integer, stream
from hyperhex.train import stage as train
from hyperhex.train.classifier import Classifier
from hyperhex.train.methods import classifier
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.sample import backgrounds, signals

__all__ = [
    "coverage",
    "discovery",
    "drivers",
    "improvement",
    "limits",
    "scaling",
    "scores",
    "sharing",
    "summary",
    "variations",
]

log = logging.getLogger(__name__)

# of each hypothesis, where the config has no number
_PSEUDO_EXPERIMENTS = 200


def scores(
    settings: HyperclassSettings, events: list[Path], models: list[Path], output: Path
) -> None:
    """Score the events of all theories with every method, each by fits that never saw it."""
    loaded = load_fits(models, settings.seed)
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
        "theories": [described(sample) for sample in samples],
        "left_out": list(loaded.mixtures),
        "methods": methods,
        "scores": names,
        "channel": settings.detect.region.name,
    }
    write_scores(output, arrays, attributes, settings, [*events, *models])
    log.info(
        "%s events of %s theories scored by %s mixtures and %s other methods",
        *(len(arrays["theory"]), len(samples), len(loaded.mixtures), len(names)),
    )


def improvement(settings: HyperclassSettings, scores: Path, output: Path, figures: Path) -> None:
    """Measure SI and TI of every method for every signal; table, JSON beside it, and figures."""
    from hyperhex.plots.methods import methods as draw_methods

    options = settings.hyperclass
    loaded, channel = read_scores(scores)
    weight = np.concatenate([events.weight for events in loaded.backgrounds()])
    efficiencies = sorted({*options.working_points, *TABLE_POINTS}, reverse=True)
    points = working_points(weight, efficiencies)
    for point in points:
        log.info("eps_B = %g: %s", point.efficiency, point.reason or "usable")
    signals = comparison.measured(
        loaded, points, options.bootstrap, options.minimum_signal_events, settings.seed
    )
    write_table(output, report.rows(signals, channel, points))
    found = report.improvement(loaded, signals, points)
    write_json(output.with_suffix(".json"), found)
    _draw(settings, loaded, signals, points, figures)
    draw_methods(found["methods"], found["n_points_measured"], figures / "methods.svg")


def variations(
    settings: HyperclassSettings,
    scores: Path,
    events: list[Path],
    models: list[Path],
    output: Path,
) -> None:
    """Score events that were detected with other showers, by mixtures that never saw the theory."""
    made = write_varied(settings, scores, events, models, output)
    counts = np.bincount(made.variation, minlength=len(made.variations))
    for name, number in zip(made.variations, counts, strict=True):
        log.info("%s: %d events scored by %d mixtures", name, number, len(made.left_out))


def discovery(
    settings: HyperclassSettings,
    scores: Path,
    output: Path,
    figures: Path,
    varied: Path | None = None,
) -> None:
    """Test for an injected theory with the mixture that never saw it; workspace, JSON, figure."""
    from hyperhex.plots import hyperclass as plots

    options = settings.hyperclass.injection
    loaded, channel = read_scores(scores)
    injected = loaded.injected(options.theory, options.point)
    events = read_varied(varied) if varied else None
    bins = binned(loaded, injected, options, options.strength, events)
    model = (channel, bins.backgrounds, bins.signal, options.normalisation, bins.shifts)
    spec = histfactory.workspace(*model)
    found = histfactory.outcome(spec)
    exact = histfactory.workspace(*model, simulation_errors=False)
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
            float(bins.signal.counts.sum()), float(bins.total.sum())
        ),
        **systematics(bins, channel, options.normalisation),
    }
    log.info("%s_%s: significance %.2f", injected.theory, injected.label, found.significance)
    if settings.hyperclass.toys:
        toys = toy_test(spec, settings.hyperclass.toys, stream(settings.seed, "hyperclass", "toys"))
        log.info("%s", toys.statement)
        described["toys"] = asdict(toys)
    write_json(output, spec)
    write_json(output.with_name("discovery.json"), described)
    draw_variations(bins, figures)
    injected_title = f"{_title(settings, injected.theory)} ({injected.label})"
    times = f" at {options.strength:g} times its rate" if options.strength != 1.0 else ""
    plots.fit(
        {_title(settings, one.name): one.counts for one in bins.backgrounds},
        np.sqrt(np.sum([one.errors**2 for one in bins.backgrounds], axis=0)),
        (f"with {injected_title}", bins.signal.counts),
        bins.inner,
        f"{injected_title}{times} injected, {options.luminosity:g}/fb:"
        f" expected significance {found.significance:.2f}",
        figures / "fit.svg",
    )


def coverage(settings: HyperclassSettings, workspace: Path, output: Path, figures: Path) -> None:
    """Put intervals and p-values of the hypothesis test to the test; JSON and figure."""
    from hyperhex.plots.coverage import coverage as draw

    generator = stream(settings.seed, "hyperclass", "coverage")
    number = settings.hyperclass.pseudo_experiments or _PSEUDO_EXPERIMENTS
    found, made = injection(read_json(workspace), number, generator)
    write_json(output, found)
    draw(
        made["background"].p_values,
        [(_words(row), row["expected"], row["found"]) for row in found["coverage"]],
        {name: one.best for name, one in made.items()},
        figures / "coverage.svg",
    )


def limits(
    settings: HyperclassSettings,
    scores: Path,
    output: Path,
    figures: Path,
    varied: Path | None = None,
) -> None:
    """Expected limit on the cross-section of every point, by the mixture that never saw it."""
    from hyperhex.plots import limits as plots

    options = settings.hyperclass.injection
    loaded, channel = read_scores(scores)
    known_shifts = read_varied(varied) if varied else None
    found = [
        Limit(
            events.theory,
            events.label,
            loaded.cross_section(events),
            float(events.weight.sum()),
            strengths(
                binned(loaded, events, options, varied=known_shifts),
                channel,
                options.normalisation,
            ),
        )
        for events in loaded.signals()
    ]
    write_limits(output, found)
    known = [one for one in found if one.strengths]
    plots.limits(
        [f"{_title(settings, one.theory)} ({one.point})" for one in known],
        np.array([one.strengths for one in known]).reshape(-1, len(BANDS)),
        f"expected 95 % CLs upper limit at {options.luminosity:g}/fb, over the cross-section",
        figures / "limits.svg",
    )
    log.info("limits on %d of %d points", len(known), len(found))


def drivers(
    settings: HyperclassSettings,
    events: list[Path],
    models: list[Path],
    output: Path,
    figures: Path,
) -> None:
    """Say what drives the score of each theory, by methods that never saw it; JSON and figures."""
    from hyperhex.hyperclass.drivers import drivers as found_drivers
    from hyperhex.hyperclass.gradients import Background
    from hyperhex.plots.drivers import drivers as draw

    fits = load_fits(models, settings.seed)
    samples = [train.read(path, settings.seed, fits.folds) for path in events]
    known = backgrounds(samples)
    background = Background.of(
        _joined(one.inputs for one in known), _joined(one.weight for one in known)
    )
    filled = [sample for sample in signals(samples) if sample.weight.sum() > 0.0]
    found = {
        method: {
            sample.theory: found_drivers(
                sample, fits.mixtures[sample.theory].fits[method], background
            )
            for sample in filled
        }
        for method in settings.train.methods.mixture
    }
    write_json(
        output,
        {
            method: {name: [asdict(one) for one in rows] for name, rows in theories.items()}
            for method, theories in found.items()
        },
    )
    titles = [_title(settings, sample.theory) for sample in filled]
    for method, theories in found.items():
        means = [
            {one.input: one.mean for one in sorted(rows, key=lambda one: one.input)}
            for rows in theories.values()
        ]
        draw(titles, means, figures / f"{method}.svg")


def sharing(settings: HyperclassSettings, scores: Path, output: Path, figures: Path) -> None:
    """Say which theories share the events that a mixture finds of one that it never saw."""
    from hyperhex.plots.sharing import sharing as draw

    loaded, _ = read_scores(scores)
    found = shared_events(loaded)
    write_json(output, {"efficiency": EFFICIENCY, "theories": [asdict(one) for one in found]})
    if not found:
        log.warning("no theory has events that a mixture selects: nothing is shared")
        return
    draw(
        [(_title(settings, one.theory), one.group) for one in found],
        [_title(settings, part.theory) for part in found[0].parts],
        np.array([[part.part for part in one.parts] for one in found]),
        np.mean([[part.background for part in one.parts] for one in found], axis=0),
        figures / "sharing.svg",
    )
    for one in found:
        log.info("%s: most is shared with %s", one.theory, one.lender or "none")


def scaling(settings: HyperclassSettings, events: list[Path], output: Path, figures: Path) -> None:
    """Measure what more theories, more events and more background are worth; JSON and figure."""
    from hyperhex.plots.scaling import scaling as draw

    told = settings.train
    samples = [train.read(path, settings.seed, told.folds) for path in events]

    def fit(data: TrainingSet, number: int) -> Classifier:
        made = classifier("xgboost", told, told.threads)
        made.fit(data, integer(settings.seed, "hyperclass", "scaling", number, bits=63))
        return made

    options = settings.hyperclass.scaling or Scaling()
    known = backgrounds(samples), signals(samples)
    points = settings.hyperclass.working_points
    rows = measured_scaling(*known, options, points, told.validation, fit, settings.seed)
    write_json(output, rows)
    draw(rows, figures / "scaling.svg")
    log.info("scaling: %d rows", len(rows))


def summary(settings: HyperclassSettings, improvement: Path, discovery: Path, output: Path) -> None:
    """Gather what machines read of a production's result."""
    found = read_json(improvement)
    test = read_json(discovery)
    kept = ("theory", "point", "luminosity", "strength", "p_value", "significance")
    result = {name: value for name, value in found.items() if name != "signals"}
    result["production"] = settings.production
    result["discovery"] = {name: test[name] for name in kept}
    write_json(output, result)


def _words(row: Mapping[str, Any]) -> str:
    truth = "signal" if row["strength"] else "background"
    return f"{truth}: {100 * row['confidence']:g} % {row['kind']}"


def _joined(parts: Any) -> NDArray[Any]:
    return np.concatenate(list(parts))


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
