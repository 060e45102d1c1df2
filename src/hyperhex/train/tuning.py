"""Hyperparameters of the mixture's methods, chosen on theories that are not left out.

Groups of theories are dealt into parts, and a training that leaves out theories of one part takes
the parameters that the other parts chose: what it is judged by had no say. For that choice the
groups of the other parts are dealt once more, into splits. A fit to the background and to all
splits but one is judged by the theories of that one, on events of a fold that no fit has seen.
Optuna's tree-structured Parzen estimator (doi:10.5555/2986459.2986743, arXiv:1907.10902) proposes
the parameters; the first trial is what the config says, and stays the choice unless the best trial
leads it by more than the standard error of that lead over theories.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import TrainSettings, Tuning, dealt
from hyperhex.errors import TrainingError
from hyperhex.random import integer, stream
from hyperhex.train.classifier import Classifier
from hyperhex.train.methods import classifier, section_of
from hyperhex.train.mixture import TrainingSet, mixture_weights, positive, training_set
from hyperhex.train.sample import Sample
from hyperhex.train.unseen import with_parameters

__all__ = ["Split", "choose", "improvement", "splits"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Parameters = dict[str, float | int]

# where searches cut, as far down as a sub-sample of the background can say
_BACKGROUND = np.geomspace(3e-3, 1e-1, 16)
# an efficiency that is not zero only for want of events has a logarithm
_LEAST = 1e-3
# trials at random before the estimator has its say
_RANDOM = 4


@dataclass(frozen=True)
class Range:
    """Values of a parameter: whole numbers if the ends are, evenly in the logarithm if `log`."""

    low: float
    high: float
    log: bool = False


_DESCENT = {"learning_rate": Range(5e-4, 2e-2, log=True), "dropout": Range(0.0, 0.4)}
_SPACES: dict[str, dict[str, Range]] = {
    "xgboost": {
        "depth": Range(3, 8),
        "learning_rate": Range(0.03, 0.3, log=True),
        "rows": Range(0.4, 1.0),
        "columns": Range(0.2, 1.0),
    },
    "network": _DESCENT,
    "deep_sets": _DESCENT,
    "transformer": _DESCENT,
}


@dataclass(frozen=True)
class Split:
    """What a trial is fitted to, and the background and theories of another fold that judge it."""

    data: TrainingSet
    background: Sequence[Sample]
    judges: Sequence[Sample]


def choose(
    settings: TrainSettings, background: Sequence[Sample], signal: Sequence[Sample]
) -> dict[str, Any]:
    """Parameters of each method with trials, what they reach, and all trials.

    The theories of `signal` are all that may have a say. Values are geometric means over theories
    of `improvement`; `lead` is the logarithm of the best trial over the first, with its standard
    error over theories.
    """
    told = _tuning(settings)
    found = splits(settings, background, signal)
    wanted = [
        (method, told.trials[method])
        for method in settings.train.methods.mixture
        if method in told.trials
    ]
    return {
        "theories": [sample.theory for sample in signal],
        "judges": [[sample.theory for sample in split.judges] for split in found],
        "events": [len(split.data.label) for split in found],
        "methods": {method: _search(settings, method, trials, found) for method, trials in wanted},
    }


def splits(
    settings: TrainSettings, background: Sequence[Sample], signal: Sequence[Sample]
) -> list[Split]:
    """Every split of the theories; the same ones, and the same events, whatever is tried."""
    told, train = _tuning(settings), settings.train
    part = dealt({s.theory: settings.theories[s.theory].group for s in signal}, told.splits)
    weights = train.mixture.weights
    # learned weights would cost five fits each, and listed ones may leave a split without any
    choice = weights if isinstance(weights, str) and weights != "robust" else "per_theory"
    found = []
    for number in range(told.splits):
        # other events judge the next split, so that their fluctuations differ
        fold = number % train.folds
        generator = stream(settings.seed, "train", "tuning", number)
        fitted = [sample for sample in signal if part[sample.theory] != number]
        few = _thinned(fitted, fold, told.events // 2, generator)
        less = _thinned(background, fold, told.events - sum(map(len, few)), generator)
        shares = mixture_weights(few, choice)
        data = training_set(less, few, shares, fold, train.validation, generator)
        judges = [sample for sample in signal if part[sample.theory] == number]
        found.append(Split(data, _of_fold(background, fold), _of_fold(judges, fold)))
    return found


def improvement(split: Split, fitted: Classifier) -> Floats:
    """Mean eps_S / sqrt(eps_B) over background efficiencies of each theory that judges, (judges,).

    Points of a theory count the same. A theory without events is nan.
    """
    score = np.concatenate([fitted.score(sample.inputs) for sample in split.background])
    weight = np.concatenate([positive(s.weight, s.point) for s in split.background])
    order = np.argsort(-score, kind="stable")
    passed = np.cumsum(weight[order])
    cut = score[order][np.searchsorted(passed, _BACKGROUND * passed[-1])]
    return np.array([_mean_improvement(sample, fitted, cut) for sample in split.judges])


def _search(
    settings: TrainSettings, method: str, trials: int, found: Sequence[Split]
) -> dict[str, Any]:
    import optuna

    space, section = _SPACES[method], getattr(settings.train, section_of(method))
    configured = {name: getattr(section, name) for name in space}
    improved: dict[int, Floats] = {}

    def objective(trial: optuna.Trial) -> float:
        parameters = {
            name: _suggested(trial, name, one, configured[name]) for name, one in space.items()
        }
        try:
            improved[trial.number] = _tried(settings, method, parameters, found)
        except TrainingError as error:
            if trial.number == 0:
                raise
            log.info("%s, trial %d, %s: %s", method, trial.number, parameters, error)
            raise optuna.TrialPruned from error
        value = float(np.exp(improved[trial.number].mean()))
        log.info("%s, trial %d, %s: %.3f", method, trial.number, _words(parameters), value)
        return value

    # its own words are about storage; ours are the lines above
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = integer(settings.seed, "train", "tuning", method, bits=32)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial(configured)
    study.optimize(objective, n_trials=trials)
    first, best = study.trials[0], study.best_trial
    lead, error = _lead(improved[best.number], improved[0])
    chosen = best if lead > error else first
    return {
        "parameters": chosen.params,
        "value": chosen.value,
        "configured": {"parameters": first.params, "value": first.value},
        "best": {"trial": best.number, "lead": lead, "lead_error": error},
        "trials": [{"parameters": trial.params, "value": trial.value} for trial in study.trials],
    }


def _lead(values: Floats, configured: Floats) -> tuple[float, float]:
    """Mean lead of logarithms over theories, and its standard error."""
    lead = values - configured
    return float(lead.mean()), float(lead.std(ddof=1) / np.sqrt(len(lead)))


def _tried(
    settings: TrainSettings, method: str, parameters: Parameters, found: Sequence[Split]
) -> Floats:
    """Logarithms of the improvement of all theories that have events, (theories,)."""
    train = with_parameters(settings.train, method, parameters)
    values = []
    for number, split in enumerate(found):
        fitted = classifier(method, train, train.threads)
        # the same for every trial, so that trials differ by their parameters alone
        fitted.fit(split.data, integer(settings.seed, "train", "tuning", method, number, bits=63))
        values.append(improvement(split, fitted))
    joined = np.concatenate(values)
    return np.log(np.maximum(joined[np.isfinite(joined)], _LEAST))


def _suggested(trial: Any, name: str, one: Range, configured: float) -> float | int:
    """Value within the range, which is widened to hold what is configured."""
    low, high = min(one.low, configured), max(one.high, configured)
    if isinstance(one.low, int):
        return int(trial.suggest_int(name, low, high))
    return float(trial.suggest_float(name, low, high, log=one.log))


def _mean_improvement(sample: Sample, fitted: Classifier, cut: Floats) -> float:
    weight = positive(sample.weight, sample.point)
    if not weight.sum() > 0.0:
        return float("nan")
    total = np.bincount(sample.point, weight)
    weight /= np.where(total > 0.0, total, 1.0)[sample.point] * np.count_nonzero(total)
    passed = (fitted.score(sample.inputs)[:, None] > cut) * weight[:, None]
    return float(np.mean(passed.sum(axis=0) / np.sqrt(_BACKGROUND)))


def _thinned(
    samples: Sequence[Sample], fold: int, most: int, generator: np.random.Generator
) -> list[Sample]:
    """About `most` of the events that are not of a fold, drawn at random."""
    part = most / max(1, sum(int((sample.fold != fold).sum()) for sample in samples))
    return [
        _taken(sample, (generator.random(len(sample)) < part) & (sample.fold != fold))
        for sample in samples
    ]


def _of_fold(samples: Sequence[Sample], fold: int) -> list[Sample]:
    return [_taken(sample, sample.fold == fold) for sample in samples]


def _taken(sample: Sample, kept: NDArray[np.bool_]) -> Sample:
    arrays = ("inputs", "baselines", "weight", "point", "number", "fold")
    return replace(sample, **{name: getattr(sample, name)[kept] for name in arrays})


def _tuning(settings: TrainSettings) -> Tuning:
    told = settings.train.tuning
    if told is None:
        msg = "no train.tuning in these settings, expected its section; `tuning: {}` has defaults"
        raise TrainingError(msg)
    return told


def _words(parameters: Parameters) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in parameters.items())
