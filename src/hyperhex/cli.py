"""The only reader of the command line: one group per stage, one verb per step.

Every rule of the workflow runs one of these commands; each can be pasted into a terminal. What they
do and are told is in `hyperhex.verbs`.
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

from hyperhex import commands
from hyperhex.cluster import Context
from hyperhex.errors import ConfigError, HyperhexError
from hyperhex.lifetime import follow_parent
from hyperhex.verbs import ARGUMENTS, BEAM, CONTEXT, STAGES, TOLD, VERBS, WITHOUT_SETTINGS

__all__ = ["main"]

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it succeeded, 1 if it failed, 2 if it was asked for the impossible."""
    arguments = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.stage in {*STAGES, "bench", "times"} else logging.WARNING
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
    for stage, text in STAGES.items():
        group = stages.add_parser(stage, help=text, description=text)
        verbs = group.add_subparsers(dest="verb", required=True, metavar="verb")
        for (owner, verb), (what, names) in VERBS.items():
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
    told = "generate/<theory>" if stage == "generate" else TOLD.get((stage, verb), stage)
    parser.add_argument(
        "--settings",
        type=Path,
        required=(stage, verb) not in WITHOUT_SETTINGS,
        metavar="JSON",
        help=f"results/<production>/settings/{told}.json, which snakemake writes",
    )
    for name in names:
        bare = name.removesuffix("+")
        options = {"context": CONTEXT, "beam": BEAM}.get(name) or {bare: ARGUMENTS[bare]}
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
    text = "fast beside full simulation on the same particles, one thread"
    fastsim = verbs.add_parser(
        "fastsim",
        help=text,
        description=f"{text}: hits and dense cells, in several batches; a minute a particle",
    )
    fastsim.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    fastsim.add_argument(
        "--models",
        type=Path,
        nargs="+",
        default=[Path("results/collider/fastsim") / name for name in ("photon", "electron")],
        help="folders of trained generators",
    )
    fastsim.add_argument("--rounds", type=int, default=5, help="rounds of each case")
    fastsim.add_argument("--output", type=Path, default=Path("results/benchmarks/fastsim.json"))
    fastsim.set_defaults(handler=_bench_fastsim)


def _run(options: argparse.Namespace) -> None:
    from hyperhex.config import default_stage, load_stage

    given = options.settings
    stage, verb = options.stage, options.verb
    part = TOLD.get((stage, verb), "").partition("/")[2]
    settings = load_stage(given, stage, part) if given else default_stage(stage)
    module = import_module(f"hyperhex.{stage}.stage")
    arguments = [_argument(options, name) for name in options.arguments]
    getattr(module, verb)(settings, *arguments)


def _argument(options: argparse.Namespace, name: str) -> object:
    if name == "context":
        return Context(options.dask, options.threads, options.memory, options.parts_per_task)
    if name == "beam":
        return {key: getattr(options, key) for key in BEAM}
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


def _bench_fastsim(options: argparse.Namespace) -> None:
    from hyperhex.bench.fastsim import run

    run(options.models, options.rounds, options.output)


def _summary(options: argparse.Namespace) -> None:
    from hyperhex.summary import methods_table, table

    print((methods_table if options.methods else table)(options.folder))


def _times(options: argparse.Namespace) -> None:
    from hyperhex.times import write

    write(options.folder, options.output, options.figure)


if __name__ == "__main__":
    sys.exit(main())
