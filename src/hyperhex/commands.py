"""Commands for people, which no rule runs: they print a table and leave nothing behind."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_theories", "add_verbs"]


def add_verbs(stage: str, verbs: Any) -> None:
    """Add to the verbs of a stage those that no rule runs."""
    if stage == "generate":
        _add_plan(verbs.add_parser("plan", help="cost and worth of a production"))
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
