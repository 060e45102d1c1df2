"""What each command of a rule does and is told.

A verb is a row of the table: what it does, and the arguments of the function of the same name in
the stage's module, in order. `ARGUMENTS` are the options that these words stand for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = [
    "ARGUMENTS",
    "BEAM",
    "CONTEXT",
    "STAGES",
    "TOLD",
    "VERBS",
    "WITHOUT_SETTINGS",
    "energies",
]

STAGES = {
    "generate": "Monte Carlo generation: theories in, weighted particles out",
    "simulate": "full simulation: showers transported particle by particle",
    "fastsim": "fast simulation: a conditional WGAN-GP, its figures of merit and its gate",
    "refine": "refinement: simulated showers moved onto the real detector's response",
    "detect": "detection: generated events into event records",
    "train": "training: mixture, single-theory and unsupervised classifiers, networks on hexagons",
    "hyperclass": "scores, significance improvement and hypothesis test",
}


def energies(text: str) -> tuple[float, float]:
    """Range of energies LOW:HIGH, or one energy."""
    low, _, high = text.partition(":")
    return float(low), float(high or low)


# what a verb does, and its arguments; `name+` takes one or more
VERBS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("generate", "theory"): ("generate all points of a theory", ("output", "context")),
    ("generate", "part"): (
        "generate one part of a point, as a child process of `theory`",
        ("point", "part", "output"),
    ),
    ("simulate", "showers"): (
        "transport a library of showers",
        ("particle", "output", "context", "beam"),
    ),
    ("simulate", "convergence"): (
        "tabulate observables against cuts and steps",
        ("size", "output"),
    ),
    ("simulate", "validate"): (
        "compare the simulation with public numbers",
        ("showers+", "output", "figures"),
    ),
    ("fastsim", "fit"): ("train the conditional WGAN-GP", ("showers", "output", "threads")),
    ("fastsim", "floors"): (
        "compare full simulation with itself, the least that any comparison can find",
        ("showers", "output"),
    ),
    ("fastsim", "validate"): (
        "compare fast with full simulation",
        ("showers", "model", "floors", "output", "figures"),
    ),
    ("fastsim", "downstream"): (
        "test on full simulation what learned from fast showers",
        ("showers+", "generators", "output", "figures"),
    ),
    ("fastsim", "gate"): (
        "stop unless the configured limits are met",
        ("validations+", "downstream", "output"),
    ),
    ("fastsim", "study"): (
        "table and figure of all fast simulations: seeds, ingredients, training minutes",
        ("validations+", "output", "figures"),
    ),
    ("refine", "data"): (
        "pass showers through the detector's real response",
        ("showers+", "output"),
    ),
    ("refine", "fit"): (
        "train the refiner on unpaired showers",
        ("showers+", "data", "output", "threads"),
    ),
    ("refine", "validate"): (
        "measure what refinement gains in energy reconstruction",
        ("showers+", "data", "model", "output", "figures"),
    ),
    ("detect", "events"): (
        "detect and reconstruct generated events",
        ("events", "generators", "refiner", "output", "context"),
    ),
    ("detect", "variation"): (
        "detect a share of the events with other showers",
        ("events+", "generators", "refiner", "showers+", "variation", "share", "output", "context"),
    ),
    ("detect", "display"): (
        "draw one event on the cells of the detector",
        ("events", "generators", "refiner", "number", "output"),
    ),
    ("train", "tune"): (
        "choose hyperparameters without the theories of one part",
        ("events+", "leave_out_part", "output", "threads"),
    ),
    ("train", "trials"): ("draw the trials of all parts", ("tuning+", "output")),
    ("train", "mixture"): (
        "train on the mixture of theories against the background",
        ("events+", "leave_out", "output", "threads", "tuning"),
    ),
    ("train", "single"): (
        "train on one theory against the background",
        ("events+", "theory", "output", "threads", "tuning"),
    ),
    ("train", "unsupervised"): (
        "train on the background alone",
        ("events+", "output", "threads"),
    ),
    ("train", "regression"): (
        "compare networks that measure showers: energy, entry point, particle",
        ("showers+", "output", "figures"),
    ),
    ("train", "images"): (
        "compare networks on event images with each other and with the mixture's classifiers",
        ("events+", "model", "output", "figures"),
    ),
    ("hyperclass", "scores"): (
        "score the test events with every method",
        ("events+", "models+", "output"),
    ),
    ("hyperclass", "improvement"): (
        "measure significance improvement on theories left out of training",
        ("scores", "output", "figures"),
    ),
    ("hyperclass", "discovery"): (
        "test the hypothesis of an injected theory that training never saw",
        ("scores", "output", "figures", "varied"),
    ),
    ("hyperclass", "coverage"): (
        "measure coverage of intervals and uniformity of p-values on pseudo-experiments",
        ("workspace", "output", "figures"),
    ),
    ("hyperclass", "limits"): (
        "set an upper limit on the cross-section of every point",
        ("scores", "output", "figures", "varied"),
    ),
    ("hyperclass", "drivers"): (
        "say which inputs drive the score of each theory",
        ("events+", "models+", "output", "figures"),
    ),
    ("hyperclass", "sharing"): (
        "say from which theories a left-out theory borrows its discovery",
        ("scores", "output", "figures"),
    ),
    ("hyperclass", "scaling"): (
        "measure what more theories, events and background are worth",
        ("events+", "output", "figures"),
    ),
    ("hyperclass", "variations"): (
        "score events that were detected with other showers",
        ("scores", "events+", "models+", "output"),
    ),
    ("hyperclass", "summary"): (
        "gather the results that machines read",
        ("improvement", "discovery", "output"),
    ),
}

_PARTICLES = [
    "photon",
    "electron",
    "positron",
    "mu-",
    "mu+",
    "pi+",
    "pi-",
    "K+",
    "K-",
    "K0L",
    "p",
    "pbar",
    "n",
    "nbar",
]

ARGUMENTS: dict[str, dict[str, Any]] = {
    "data": {"type": Path, "help": "store of data showers (*.zarr)"},
    "discovery": {"type": Path, "help": "discovery.json that `discovery` wrote"},
    "events": {"type": Path, "help": "store of events (*.zarr)"},
    "downstream": {"type": Path, "help": "downstream.json that `downstream` wrote"},
    "figures": {"type": Path, "help": "folder for the figures (*.svg)"},
    "floors": {"type": Path, "help": "floors.json of the particle, from `floors`"},
    "generators": {"type": Path, "help": "folder with the fast simulation of each particle"},
    "improvement": {"type": Path, "help": "improvement.json that `improvement` wrote"},
    "leave_out": {"default": "none", "help": "theory or group_<name> that training never sees"},
    "leave_out_part": {"type": int, "help": "part of the theories that has no say, from 0"},
    "model": {"type": Path, "help": "folder of the trained network"},
    "models": {"type": Path, "help": "folder of a trained classifier"},
    "number": {"type": int, "default": 0, "help": "row of the event in the store, from 0"},
    "output": {"type": Path, "help": "what is made: a store (*.zarr), a folder or a file"},
    "part": {"type": int, "help": "number of the part, from 0"},
    "particle": {"choices": _PARTICLES, "help": "what enters the detector"},
    "point": {"type": int, "help": "number of the point, from 0"},
    "refiner": {"type": Path, "help": "folder of the refiner"},
    "scores": {"type": Path, "help": "store of scores (*.zarr)"},
    "share": {"type": float, "default": 0.1, "help": "least share of the events of each point"},
    "showers": {"type": Path, "help": "store of showers (*.zarr)"},
    "size": {"type": int, "default": 500, "help": "showers of each row"},
    "theory": {"help": "name of the theory"},
    "threads": {"type": int, "default": 1, "help": "cores that the command may use"},
    "tuning": {"type": Path, "default": None, "help": "parameters that `tune` chose, if any"},
    "validations": {"type": Path, "help": "validation.json of each particle, from `validate`"},
    "varied": {"type": Path, "default": None, "help": "store of varied scores (*.zarr)"},
    "variation": {
        "choices": ("raw", "full"),
        "help": "fast simulation without refinement, or full simulation",
    },
    "workspace": {"type": Path, "help": "workspace.json that `discovery` wrote"},
}

CONTEXT: dict[str, dict[str, Any]] = {
    "threads": {"type": int, "default": 1, "help": "cores, and workers where dask is local"},
    "memory": {"default": "2GB", "help": "memory that all workers share"},
    "dask": {
        "default": "none",
        "metavar": "ADDRESS",
        "help": "none, local, tcp://host:port, a scheduler file, or slurm (worker jobs)",
    },
    "parts_per_task": {"type": int, "default": 1, "help": "parts of the work in one Dask task"},
}


# what may differ from the settings; None leaves it
BEAM: dict[str, dict[str, Any]] = {
    "energy": {"type": energies, "default": None, "metavar": "LOW:HIGH", "help": "range [GeV]"},
    "spectrum": {"choices": ("log", "flat"), "default": None, "help": "law of the energies"},
    "number": {"type": int, "default": None, "help": "showers"},
    "stack": {"default": None, "help": "siw, hgcal or a YAML file"},
    "transport": {"choices": ("default", "precise"), "default": None, "help": "cuts and steps"},
}

# verbs with settings of their own, not those of the stage
TOLD = {("fastsim", "gate"): "fastsim/gate", ("fastsim", "study"): "fastsim/gate"}

# verbs that run with the defaults where no settings are given
WITHOUT_SETTINGS = {("simulate", "showers"), ("simulate", "convergence")}
