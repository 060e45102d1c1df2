"""The only reader of the command line: one group per stage, one verb per step.

Every rule of the workflow runs one of these commands; each can be pasted into a terminal. A verb
is a row of the table below: what it does, and the arguments of the function of the same name in
the stage's module, in order.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from hyperhex import commands
from hyperhex.cluster import Context
from hyperhex.errors import ConfigError, HyperhexError
from hyperhex.lifetime import follow_parent

__all__ = ["main"]

log = logging.getLogger(__name__)

_STAGES = {
    "generate": "Monte Carlo generation: theories in, weighted particles out",
    "simulate": "full simulation: showers transported particle by particle",
    "fastsim": "fast simulation: a conditional WGAN-GP, its figures of merit and its gate",
    "refine": "refinement: simulated showers moved onto the real detector's response",
    "detect": "detection: generated events into event records",
    "train": "training: mixture, single-theory and unsupervised classifiers, networks on hexagons",
    "hyperclass": "scores, significance improvement and hypothesis test",
}


def _energies(text: str) -> tuple[float, float]:
    """Range of energies LOW:HIGH."""
    low, _, high = text.partition(":")
    return float(low), float(high)


# what a verb does, and its arguments; `name+` takes one or more
_VERBS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
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
    ("fastsim", "fit"): ("train the conditional WGAN-GP", ("showers+", "output", "threads")),
    ("fastsim", "validate"): (
        "compare fast with full simulation",
        ("showers+", "model", "output", "figures"),
    ),
    ("fastsim", "gate"): ("stop unless the configured limits are met", ("validation", "output")),
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
        ("events", "generator", "refiner", "output", "context"),
    ),
    ("detect", "variation"): (
        "detect a share of the events with other showers",
        ("events+", "generator", "refiner", "showers+", "variation", "share", "output", "context"),
    ),
    ("detect", "display"): (
        "draw one event on the cells of the detector",
        ("events", "generator", "refiner", "number", "output"),
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

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "data": {"type": Path, "help": "store of data showers (*.zarr)"},
    "discovery": {"type": Path, "help": "discovery.json that `discovery` wrote"},
    "events": {"type": Path, "help": "store of events (*.zarr)"},
    "figures": {"type": Path, "help": "folder for the figures (*.svg)"},
    "generator": {"type": Path, "help": "folder of the fast simulation's network"},
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
    "validation": {"type": Path, "help": "validation.json that `validate` wrote"},
    "varied": {"type": Path, "default": None, "help": "store of varied scores (*.zarr)"},
    "variation": {
        "choices": ("raw", "full"),
        "help": "fast simulation without refinement, or full simulation",
    },
    "workspace": {"type": Path, "help": "workspace.json that `discovery` wrote"},
}

_CONTEXT: dict[str, dict[str, Any]] = {
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
_BEAM: dict[str, dict[str, Any]] = {
    "energy": {"type": _energies, "default": None, "metavar": "LOW:HIGH", "help": "range [GeV]"},
    "spectrum": {"choices": ("log", "flat"), "default": None, "help": "law of the energies"},
    "number": {"type": int, "default": None, "help": "showers"},
    "stack": {"default": None, "help": "siw, hgcal or a YAML file"},
    "transport": {"choices": ("default", "precise"), "default": None, "help": "cuts and steps"},
}

# verbs with settings of their own, not those of the stage
_TOLD = {("fastsim", "gate"): "fastsim/gate"}

# verbs that run with the defaults where no settings are given
_WITHOUT_SETTINGS = {("simulate", "showers"), ("simulate", "convergence")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it succeeded, 1 if it failed, 2 if it was asked for the impossible."""
    arguments = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.stage in {*_STAGES, "bench", "times"} else logging.WARNING
    logging.basicConfig(
        level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    follow_parent()
    start = time.monotonic()
    log.info("hyperhex %s", shlex.join(arguments))
    try:
        options.handler(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except HyperhexError as error:
        print(f"hyperhex {options.stage}: {error}", file=sys.stderr)
        return 1
    log.info("done in %.1f s", time.monotonic() - start)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hyperhex",
        description="Machine learning on simulated detectors, stage by stage.",
        epilog="A production runs all of it: snakemake --cores all",
    )
    stages = parser.add_subparsers(dest="stage", required=True, metavar="stage")
    for stage, text in _STAGES.items():
        group = stages.add_parser(stage, help=text, description=text)
        verbs = group.add_subparsers(dest="verb", required=True, metavar="verb")
        for (owner, verb), (what, names) in _VERBS.items():
            if owner == stage:
                parser_of_verb = verbs.add_parser(verb, help=what, description=what)
                _add_verb(parser_of_verb, stage, verb, names)
        commands.add_verbs(stage, verbs)
    commands.add_theories(
        stages.add_parser("theories", help="list the theories, or check a new one")
    )
    _add_config(stages.add_parser("config", help="check a config, or write its JSON schema"))
    _add_bench(stages.add_parser("bench", help="time our code beside its peers"))
    summary = stages.add_parser("summary", help="print the closing table of a production")
    summary.add_argument("folder", type=Path, help="results/<production>")
    summary.add_argument(
        "--methods", action="store_true", help="print what every method of the search reaches"
    )
    summary.set_defaults(handler=_summary)
    times = stages.add_parser("times", help="add up where the time of a production went")
    times.add_argument("folder", type=Path, help="results/<production>")
    times.add_argument("--output", type=Path, required=True, help="times of the rules (*.json)")
    times.add_argument("--figure", type=Path, required=True, help="the same as a figure (*.svg)")
    times.set_defaults(handler=_times)
    return parser


def _add_verb(
    parser: argparse.ArgumentParser, stage: str, verb: str, names: tuple[str, ...]
) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    told = "generate/<theory>" if stage == "generate" else _TOLD.get((stage, verb), stage)
    parser.add_argument(
        "--settings",
        type=Path,
        required=(stage, verb) not in _WITHOUT_SETTINGS,
        metavar="JSON",
        help=f"results/<production>/settings/{told}.json, which snakemake writes",
    )
    for name in names:
        bare = name.removesuffix("+")
        options = {"context": _CONTEXT, "beam": _BEAM}.get(name) or {bare: _ARGUMENTS[bare]}
        for option, details in options.items():
            several = {"nargs": "+"} if name.endswith("+") else {}
            parser.add_argument(
                f"--{option.replace('_', '-')}",
                required="default" not in details,
                **details,
                **several,
            )
    parser.set_defaults(handler=_run, arguments=names)


def _add_config(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    check = verbs.add_parser("check", help="list every fault of a config, start nothing")
    check.add_argument("file", type=Path, help="YAML file")
    check.add_argument("--theories", type=Path, default=None, help="folder of theory files")
    check.set_defaults(handler=_check_config)
    schema = verbs.add_parser("schema", help="write the JSON schema of a config, for editors")
    schema.add_argument("--output", type=Path, required=True)
    schema.set_defaults(handler=_write_schema)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    text = "hexagonal and spectral kernels beside their peers, each result compared first"
    kernels = verbs.add_parser(
        "kernels", help=text, description=text, epilog="make bench-kernels installs the peers"
    )
    kernels.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    kernels.add_argument("--match", default="*", help="run the cases whose name contains this")
    kernels.add_argument("--rounds", type=int, default=9, help="interleaved rounds of each case")
    kernels.add_argument("--threads", type=int, default=2, help="time on 1 and on this many")
    kernels.add_argument("--output", type=Path, default=Path("results/benchmarks/kernels.json"))
    kernels.set_defaults(handler=_bench_kernels)
    text = "full simulation: showers a second, time of a step, shares of the processes"
    long = f"{text}, cold start; about two minutes, and three more with --workers 2 on two cores"
    simulate = verbs.add_parser("simulate", help=text, description=long)
    simulate.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    simulate.add_argument("--rounds", type=int, default=7, help="rounds of each case")
    simulate.add_argument("--workers", type=int, default=1, help="Dask workers to time beside one")
    simulate.add_argument("--output", type=Path, default=Path("results/benchmarks/simulate.json"))
    simulate.set_defaults(handler=_bench_simulate)


def _run(options: argparse.Namespace) -> None:
    from hyperhex.config import default_stage, load_stage

    given = options.settings
    stage, verb = options.stage, options.verb
    settings = load_stage(given, stage, verb) if given else default_stage(stage)
    module = import_module(f"hyperhex.{stage}.stage")
    arguments = [_argument(options, name) for name in options.arguments]
    getattr(module, verb)(settings, *arguments)


def _argument(options: argparse.Namespace, name: str) -> object:
    if name == "context":
        return Context(options.dask, options.threads, options.memory, options.parts_per_task)
    if name == "beam":
        return {key: getattr(options, key) for key in _BEAM}
    return getattr(options, name.removesuffix("+"))


def _check_config(options: argparse.Namespace) -> None:
    from hyperhex.config import read, resolve

    config, known = resolve(read(options.file), options.theories)
    print(f"{options.file}: production {config.name}, {len(known)} theories, no fault")


def _write_schema(options: argparse.Namespace) -> None:
    from hyperhex.config import schema

    options.output.write_text(schema())


def _bench_kernels(options: argparse.Namespace) -> None:
    from hyperhex.bench.stage import kernels

    kernels(options.match, options.rounds, options.threads, options.output)


def _bench_simulate(options: argparse.Namespace) -> None:
    from hyperhex.bench.simulate import run

    run(options.rounds, options.workers, options.output)


def _summary(options: argparse.Namespace) -> None:
    from hyperhex.summary import methods_table, table

    print((methods_table if options.methods else table)(options.folder))


def _times(options: argparse.Namespace) -> None:
    from hyperhex.times import write

    write(options.folder, options.output, options.figure)


if __name__ == "__main__":
    sys.exit(main())
