"""Commands for people, which no rule runs: they print a table, or write files for others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hyperhex.verbs import energies

__all__ = ["add_theories", "add_verbs"]


def add_verbs(stage: str, verbs: Any) -> None:
    """Add to the verbs of a stage those that no rule runs."""
    if stage == "generate":
        _add_plan(verbs.add_parser("plan", help="cost and worth of a production"))
    if stage == "fastsim":
        _add_export(verbs.add_parser("export", help="showers or generator for other programs"))
        _add_judge(verbs.add_parser("judge", help="compare any two files of showers"))
    if stage == "hyperclass":
        _add_blind(verbs.add_parser("blind", help="search in unlabelled event records"))
        _add_score(verbs.add_parser("score", help="total improvement of any table"))


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.add_argument("file", type=Path, help="config of the production (*.yaml)")
    parser.add_argument(
        "--trial",
        type=Path,
        nargs="+",
        default=[Path("results/collider")],
        help="folders of finished productions of the same theories, of any size",
    )
    parser.add_argument("--events", type=int, default=100, help="events of each point to time")
    parser.add_argument("--cores", type=int, default=2, help="cores of the production")
    parser.add_argument("--effective-events", type=float, help="of the background in the region")
    parser.set_defaults(handler=_plan)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.description = (
        "Write showers in the layout of the CaloChallenge (HDF5, MeV), drawn by a generator or"
        " taken from a library of the full simulation; or the generator as a PyTorch program."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--model",
        type=Path,
        help="folder of a trained generator, such as results/collider/fastsim/photon",
    )
    source.add_argument("--showers", type=Path, help="store of the full simulation (*.zarr)")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="new file: *.hdf5 for showers, *.pt2 for the generator with its sampler",
    )
    parser.add_argument(
        "--energy",
        type=energies,
        metavar="LOW:HIGH",
        help="range [GeV], or one energy; all that the generator was trained for if left out",
    )
    parser.add_argument("--spectrum", choices=("log", "flat"), default="log", help="of energies")
    parser.add_argument(
        "--number", type=int, help="showers; 10000 if left out. Of a store the last, or all"
    )
    parser.add_argument("--seed", type=int, default=1, help="of what the generator draws")
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="least energy of a cell of a store [MIP]"
    )
    parser.set_defaults(handler=_export)


def _add_judge(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.description = (
        "Compare two files in the layout of the CaloChallenge (`incident_energies` and `showers`,"
        " MeV). `hyperhex fastsim export` writes such files; the production's own comparison, which"
        " knows the geometry, is `hyperhex fastsim validate`."
    )
    parser.add_argument("first", type=Path, help="the reference, such as full simulation (*.hdf5)")
    parser.add_argument("second", type=Path, help="what is compared with it (*.hdf5)")
    parser.add_argument(
        "--layers",
        type=_numbers,
        metavar="N[,N...]",
        help="equal layers, or the voxels of each layer; what the files say if left out",
    )
    parser.add_argument(
        "--threshold", type=float, default=0.0, help="voxels below it are set to zero [MeV]"
    )
    parser.add_argument("--number", type=int, default=50_000, help="showers of each, at most")
    parser.add_argument("--seed", type=int, default=1, help="of folds and networks")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("judgement.json"),
        help="all figures of merit; the figure beside it has the ending .svg",
    )
    parser.set_defaults(handler=_judge)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _add_score(parser: argparse.ArgumentParser) -> None:
    text = "CSV file with the columns Signal,Model,Chan,AUC,1e-2,1e-3,1e-4 (arXiv:2105.14027)"
    parser.add_argument("file", type=Path, help=text)
    parser.set_defaults(handler=_score)


def _add_blind(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="store of event records (*.zarr)")
    parser.add_argument(
        "--production",
        type=Path,
        default=Path("results/collider"),
        help="folder of the production whose background and classifiers are used",
    )
    parser.add_argument("--luminosity", type=float, default=0.5, help="of the data [1/fb]")
    parser.add_argument("--experiments", type=int, default=1000, help="of background alone")
    parser.set_defaults(handler=_blind)


def add_theories(parser: argparse.ArgumentParser) -> None:
    """Verbs of `hyperhex theories`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    listing = verbs.add_parser("list", help="all points, with what productions made of them")
    listing.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    listing.add_argument("--theories", type=Path, default=Path("config/theories"))
    listing.add_argument(
        "--results",
        type=Path,
        nargs="+",
        default=[Path("results/reference"), Path("results/collider")],
        help="folders of productions; of each theory the first that has it counts",
    )
    listing.set_defaults(handler=_list_theories)
    check = verbs.add_parser("check", help="try one theory on a few events, say what is wrong")
    check.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    check.add_argument("file", type=Path, help="YAML file of a theory")
    check.add_argument("--events", type=int, default=20, help="events of each point")
    check.add_argument("--time-limit", type=float, default=60.0, help="for each point [s]")
    check.set_defaults(handler=_check_theory)


def _plan(options: argparse.Namespace) -> None:
    from hyperhex.config import read, resolve
    from hyperhex.generate import plan

    config, known = resolve(read(options.file))
    costs = plan.measure(config, known, options.events, options.cores)
    made = plan.make(config, known, options.trial, costs, options.effective_events)
    for line in plan.table(made, options.cores):
        print(line)
    made.require_reach()


def _export(options: argparse.Namespace) -> None:
    from hyperhex.errors import ConfigError
    from hyperhex.fastsim import export

    if options.showers:
        if options.energy:
            fault = f"--energy: {options.energy} given with --showers, which has its own"
            raise ConfigError([fault])
        export.library(options.showers, options.output, options.threshold, options.number)
    elif options.output.suffix == ".pt2":
        export.program(options.model, options.output)
    else:
        number = 10_000 if options.number is None else options.number
        beam = (options.energy, number, options.seed)
        export.drawn(options.model, options.output, *beam, flat=options.spectrum == "flat")


def _judge(options: argparse.Namespace) -> None:
    from hyperhex.fastsim.file_judge import judge, report

    told = (options.layers, options.threshold, options.number, options.seed, options.output)
    for line in report(judge((options.first, options.second), *told)):
        print(line)


def _score(options: argparse.Namespace) -> None:
    from hyperhex.hyperclass.table import read_table, standings

    for line in standings(read_table(options.file)):
        print(line)


def _blind(options: argparse.Namespace) -> None:
    from hyperhex.hyperclass.unlabelled import blind, report

    told = (options.data, options.production, options.luminosity, options.experiments)
    for line in report(blind(*told)):
        print(line)


def _list_theories(options: argparse.Namespace) -> None:
    from hyperhex.generate.catalogue import listing

    print(listing(options.theories, options.results))


def _check_theory(options: argparse.Namespace) -> None:
    from hyperhex.generate.catalogue import check

    for line in check(options.file, options.events, options.time_limit):
        print(line, flush=True)
