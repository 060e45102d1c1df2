"""The only reader of the command line: one group per stage, one verb per step.

Every rule of the workflow runs one of these commands; each can be pasted into a terminal.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
    "train": "training: mixture, single-theory and unsupervised classifiers",
    "hyperclass": "scores, significance improvement and hypothesis test",
    "config": "check a config, or write its schema",
}

Options = argparse.Namespace
Handler = Callable[[Options], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it succeeded, 1 if it failed, 2 if it was asked for the impossible."""
    options = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    follow_parent()
    start = time.monotonic()
    log.info("hyperhex %s", shlex.join(sys.argv[1:] if argv is None else argv))
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
    groups = {
        name: stages.add_parser(name, help=text, description=text).add_subparsers(
            dest="verb", required=True, metavar="verb"
        )
        for name, text in _STAGES.items()
    }
    for add in (_generate, _simulate, _fastsim, _refine, _detect, _train, _hyperclass, _config):
        add(groups[add.__name__[1:]])
    summary = stages.add_parser("summary", help="print the closing table of a production")
    summary.add_argument("folder", type=Path, help="results/<production>")
    summary.set_defaults(handler=_print_summary)
    return parser


def _verb(group: Any, name: str, text: str, handler: Handler, *, stage: str) -> Any:
    parser = group.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--settings",
        type=Path,
        required=True,
        metavar="JSON",
        help=f"results/<production>/settings/{stage}.json, which snakemake writes",
    )
    parser.set_defaults(handler=handler)
    return parser


def _output(parser: Any, text: str) -> None:
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help=text)


def _inputs(parser: Any, *names: str, several: Sequence[str] = ()) -> None:
    texts = {
        "showers": "shower store (*.zarr)",
        "events": "event store (*.zarr)",
        "data": "store of data showers (*.zarr)",
        "model": "folder of the trained networks",
        "models": "folder of a trained classifier",
        "generator": "folder of the fast simulation's network",
        "refiner": "folder of the refiner",
        "validation": "validation.json",
        "scores": "store of scores (*.zarr)",
    }
    for name in names:
        extra: dict[str, Any] = {"nargs": "+"} if name in several else {}
        parser.add_argument(
            f"--{name}", type=Path, required=True, metavar="PATH", help=texts[name], **extra
        )


def _figures(parser: Any) -> None:
    parser.add_argument(
        "--figures", type=Path, required=True, metavar="FOLDER", help="where figures go (*.svg)"
    )


def _threads(parser: Any) -> None:
    parser.add_argument("--threads", type=int, default=1, help="cores that the command may use")


def _distributed(parser: Any) -> None:
    _threads(parser)
    parser.add_argument("--memory", default="2GB", help="memory that all workers share")
    parser.add_argument(
        "--dask",
        default="none",
        metavar="ADDRESS",
        help="none, local, tcp://host:port, a scheduler file, or slurm",
    )
    parser.add_argument(
        "--parts-per-task", type=int, default=1, help="parts of the work in one Dask task"
    )


def _context(options: Options) -> Context:
    return Context(options.dask, options.threads, options.memory, options.parts_per_task)


def _settings(options: Options) -> Any:
    from hyperhex.config import load_stage

    return load_stage(options.settings, options.stage)


def _generate(group: Any) -> None:
    verb = _verb(
        group, "theory", "generate all points of a theory", _run_theory, stage="generate/<theory>"
    )
    _output(verb, "store of particles (*.zarr)")
    _distributed(verb)
    verb = _verb(
        group,
        "part",
        "generate one part of a point, as a child process",
        _run_part,
        stage="generate/<theory>",
    )
    verb.add_argument("--point", type=int, required=True, help="number of the point, from 0")
    verb.add_argument("--part", type=int, required=True, help="number of the part, from 0")
    _output(verb, "file of the part (*.npz)")


def _run_theory(options: Options) -> None:
    from hyperhex.generate import stage

    stage.theory(_settings(options), options.output, _context(options))


def _run_part(options: Options) -> None:
    from hyperhex.generate import stage

    stage.part(_settings(options), options.point, options.part, options.output)


def _simulate(group: Any) -> None:
    verb = _verb(group, "showers", "transport a library of showers", _run_showers, stage="simulate")
    verb.add_argument("--particle", required=True, choices=["photon", "electron"])
    _output(verb, "store of showers (*.zarr)")
    _distributed(verb)
    verb = _verb(
        group,
        "validate",
        "compare the simulation with public numbers",
        _run_simulate_validate,
        stage="simulate",
    )
    _inputs(verb, "showers", several=["showers"])
    _output(verb, "validation.json")
    _figures(verb)


def _run_showers(options: Options) -> None:
    from hyperhex.simulate import stage

    stage.showers(_settings(options), options.particle, options.output, _context(options))


def _run_simulate_validate(options: Options) -> None:
    from hyperhex.simulate import stage

    stage.validate(_settings(options), options.showers, options.output, options.figures)


def _fastsim(group: Any) -> None:
    verb = _verb(group, "fit", "train the conditional WGAN-GP", _run_fastsim_fit, stage="fastsim")
    _inputs(verb, "showers", several=["showers"])
    _output(verb, "folder of the network")
    _threads(verb)
    verb = _verb(group, "judge", "compare fast with full simulation", _run_judge, stage="fastsim")
    _inputs(verb, "showers", "model", several=["showers"])
    _output(verb, "validation.json")
    _figures(verb)
    verb = _verb(group, "gate", "stop unless the limits are met", _run_gate, stage="fastsim")
    _inputs(verb, "validation")
    _output(verb, "passed.json, written only if all limits are met")


def _run_fastsim_fit(options: Options) -> None:
    from hyperhex.fastsim import stage

    stage.fit(_settings(options), options.showers, options.output, options.threads)


def _run_judge(options: Options) -> None:
    from hyperhex.fastsim import stage

    stage.judge(_settings(options), options.showers, options.model, options.output, options.figures)


def _run_gate(options: Options) -> None:
    from hyperhex.fastsim import stage

    stage.gate(_settings(options), options.validation, options.output)


def _refine(group: Any) -> None:
    verb = _verb(
        group,
        "data",
        "pass showers through the detector's real response",
        _run_data,
        stage="refine",
    )
    _inputs(verb, "showers", several=["showers"])
    _output(verb, "store of data showers (*.zarr)")
    verb = _verb(
        group, "fit", "train the refiner on unpaired showers", _run_refine_fit, stage="refine"
    )
    _inputs(verb, "showers", "data", several=["showers"])
    _output(verb, "folder of the refiner")
    _threads(verb)
    verb = _verb(
        group, "validate", "measure what refinement gains", _run_refine_validate, stage="refine"
    )
    _inputs(verb, "showers", "data", "model", several=["showers"])
    _output(verb, "validation.json")
    _figures(verb)


def _run_data(options: Options) -> None:
    from hyperhex.refine import stage

    stage.data(_settings(options), options.showers, options.output)


def _run_refine_fit(options: Options) -> None:
    from hyperhex.refine import stage

    stage.fit(_settings(options), options.showers, options.data, options.output, options.threads)


def _run_refine_validate(options: Options) -> None:
    from hyperhex.refine import stage

    stage.validate(
        _settings(options),
        options.showers,
        options.data,
        options.model,
        options.output,
        options.figures,
    )


def _detect(group: Any) -> None:
    verb = _verb(
        group, "events", "detect and reconstruct generated events", _run_events, stage="detect"
    )
    _inputs(verb, "events", "generator", "refiner")
    _output(verb, "store of event records (*.zarr)")
    _distributed(verb)


def _run_events(options: Options) -> None:
    from hyperhex.detect import stage

    stage.events(
        _settings(options),
        options.events,
        options.generator,
        options.refiner,
        options.output,
        _context(options),
    )


def _train(group: Any) -> None:
    verb = _verb(
        group,
        "mixture",
        "train on the mixture of theories against the background",
        _run_mixture,
        stage="train",
    )
    _inputs(verb, "events", several=["events"])
    verb.add_argument("--leave-out", default="none", metavar="THEORY", help="theory never seen")
    _output(verb, "folder of the models")
    _threads(verb)
    verb = _verb(
        group, "single", "train on one theory against the background", _run_single, stage="train"
    )
    _inputs(verb, "events", several=["events"])
    verb.add_argument("--theory", required=True)
    _output(verb, "folder of the model")
    _threads(verb)
    verb = _verb(
        group, "unsupervised", "train on the background alone", _run_unsupervised, stage="train"
    )
    _inputs(verb, "events", several=["events"])
    _output(verb, "folder of the models")
    _threads(verb)


def _run_mixture(options: Options) -> None:
    from hyperhex.train import stage

    stage.mixture(
        _settings(options), options.events, options.leave_out, options.output, options.threads
    )


def _run_single(options: Options) -> None:
    from hyperhex.train import stage

    stage.single(
        _settings(options), options.events, options.theory, options.output, options.threads
    )


def _run_unsupervised(options: Options) -> None:
    from hyperhex.train import stage

    stage.unsupervised(_settings(options), options.events, options.output, options.threads)


def _hyperclass(group: Any) -> None:
    verb = _verb(
        group, "score", "score the test events with every method", _run_score, stage="hyperclass"
    )
    _inputs(verb, "events", "models", several=["events", "models"])
    _output(verb, "store of scores (*.zarr)")
    verb = _verb(
        group,
        "improvement",
        "significance improvement on theories left out",
        _run_improvement,
        stage="hyperclass",
    )
    _inputs(verb, "scores")
    _output(verb, "improvement.csv")
    _figures(verb)
    verb = _verb(
        group,
        "discovery",
        "hypothesis test of an injected theory",
        _run_discovery,
        stage="hyperclass",
    )
    _inputs(verb, "scores")
    _output(verb, "workspace.json, a pyhf workspace")
    _figures(verb)


def _run_score(options: Options) -> None:
    from hyperhex.hyperclass import stage

    stage.score(_settings(options), options.events, options.models, options.output)


def _run_improvement(options: Options) -> None:
    from hyperhex.hyperclass import stage

    stage.improvement(_settings(options), options.scores, options.output, options.figures)


def _run_discovery(options: Options) -> None:
    from hyperhex.hyperclass import stage

    stage.discovery(_settings(options), options.scores, options.output, options.figures)


def _config(group: Any) -> None:
    check = group.add_parser("check", help="list every fault of a config, start nothing")
    check.add_argument("file", type=Path, help="YAML file")
    check.add_argument("--theories", type=Path, default=None, help="folder of theory files")
    check.set_defaults(handler=_check_config)
    write = group.add_parser("schema", help="write the JSON schema of a config, for editors")
    write.add_argument("--output", type=Path, required=True)
    write.set_defaults(handler=_write_schema)


def _check_config(options: Options) -> None:
    from hyperhex.config import read, resolve

    config, known = resolve(read(options.file), options.theories)
    log.info("%s: production %s, %d theories, no fault", options.file, config.name, len(known))


def _write_schema(options: Options) -> None:
    from hyperhex.config import schema

    options.output.write_text(schema())


def _print_summary(options: Options) -> None:
    from hyperhex.summary import table

    print(table(options.folder))


if __name__ == "__main__":
    sys.exit(main())
