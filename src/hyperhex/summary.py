"""The closing table of a production: what each stage reached, beside what was asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hyperhex.errors import StoreError
from hyperhex.plots.methods import sorted_methods, words
from hyperhex.provenance import read_json

__all__ = ["methods_table", "table"]

Row = tuple[str, str, str, str]

_METHODS = {
    "mixture_average": "mixture of theories, never saw the signal",
    "single_mean": "single theories, mean",
    "deep_svdd": "Deep SVDD, background alone",
    "meff": "cut on the effective mass",
    "supervised": "trained on the signal itself",
}


def table(folder: Path) -> str:
    """Table of a production's results so far, from the JSON files of its stages.

    Raises `StoreError` if there is none.
    """
    stages = (_simulate, _fastsim, _refine, _train, _hyperclass)
    rows = [row for stage in stages for row in stage(folder)]
    if not rows:
        msg = f"{folder}: no results, expected a folder results/<production>; `snakemake` makes it"
        raise StoreError(msg)
    return _aligned(folder, ("stage", "quantity", "value", "to compare with"), rows)


def methods_table(folder: Path) -> str:
    """Table of all methods over the left-out theories, those of a family by their median TI.

    The last columns are the median over signals of the mixture's TI over the method's, and on how
    many of them it is above one. Raises `StoreError` if the production has no results yet.
    """
    found = _read(folder / "hyperclass/summary.json")
    if not found:
        msg = f"{folder}: no hyperclass/summary.json; `snakemake hyperclass` makes it"
        raise StoreError(msg)
    usable = [f"{point['efficiency']:g}" for point in found["working_points"] if point["usable"]]
    compared = [*found["by_group"], *found["baselines"], found["comparison"]]
    leads = {one["against"]: one for one in compared}
    rows = []
    for name in sorted_methods(found["methods"]):
        one = found["methods"][name]
        family, text = words(name)
        row = [family, text, _with_error(one["median_ti"], one["median_ti_error"])]
        row += [f"{one['min_ti']:.2f}", f"{one['max_ti']:.2f}"]
        row += [_with_error(one["median_si"][at], one["median_si_error"][at]) for at in usable]
        lead = leads.get(name, {"median_ratio": ""})
        ratio = _with_error(lead["median_ratio"], lead.get("median_ratio_error"))
        rows.append((*row, ratio, f"{lead['better_on']} of {lead['of']}" if "of" in lead else ""))
    points = [f"SI at {at}" for at in usable]
    titles = ("family", "method", "median TI", "least", "most", *points)
    return _aligned(folder, (*titles, "mixture over it", "better on"), rows)


def _aligned(folder: Path, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    lines = [titles, ["-" * width for width in widths], *rows]
    texts = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in lines]
    return "\n".join([f"Production {folder.name}", "", *(text.rstrip() for text in texts)])


def _simulate(folder: Path) -> Iterator[Row]:
    checks = _read(folder / "simulate/validation.json")
    if checks:
        passed = sum(check["passed"] for check in checks)
        yield "simulate", "checks against public numbers", f"{passed} passed", f"of {len(checks)}"


def _fastsim(folder: Path) -> Iterator[Row]:
    judged: dict[str, Any] = {}
    for file in sorted(folder.glob("fastsim/*/validation.json")):
        judged |= read_json(file)["particles"]
    passed = _read(folder / "fastsim/passed.json")
    for name, particle in judged.items():
        asked = f"at most {passed['limits'][name]['auc_high']:g}" if passed else "not passed"
        floor = f"{asked}; full simulation against itself {particle['auc_floor']:.3f}"
        yield "fastsim", f"{name}: AUC of observables", f"{particle['auc_high']:.3f}", floor
        yield "fastsim", f"{name}: AUC of cells", f"{particle['auc_low']:.3f}", ""
        speed = f"{particle['showers_per_second']:,.0f} / s"
        gain = f"{particle['speed_up']:,.0f} times full simulation"
        yield "fastsim", f"{name}: showers on one thread", speed, gain


def _refine(folder: Path) -> Iterator[Row]:
    measured = _read(folder / "refine/validation.json")
    if not measured:
        return
    for key, text in (("resolution", "energy resolution on data"), ("bias", "energy bias on data")):
        raw, refined, oracle = (100 * measured[name][key] for name in ("raw", "refined", "oracle"))
        others = f"raw {raw:.2f} %, trained on data {oracle:.2f} %"
        yield "refine", text, f"{refined:.2f} %", others
    before = f"before refinement {measured['auc_before']:.3f}"
    yield "refine", "AUC, simulation against data", f"{measured['auc_after']:.3f}", before


def _train(folder: Path) -> Iterator[Row]:
    showers = _read(folder / "train/regression/comparison.json")
    if showers:
        most = max(row["showers"] for row in showers["curve"])
        error = {
            row["method"]: f"{row['impact_resolution']:.2f} mm"
            for row in showers["curve"]
            if row["showers"] == most
        }
        others = f"plain {error['plain']}, no network {error['classical']}"
        yield "train", "entry point of showers by P6M", error["p6m"], others
    images = _read(folder / "train/images/comparison.json")
    if images:
        auc = {row["method"]: f"{row['auc']:.3f}" for row in images["methods"]}
        others = f"hexagonal convolutions {auc['hexagonal']}, trees on records {auc['xgboost']}"
        yield "train", "AUC of event images by Chebyshev", auc["chebyshev"], others


def _hyperclass(folder: Path) -> Iterator[Row]:
    found = _read(folder / "hyperclass/summary.json")
    if not found:
        return
    signals = f"{found['n_points_measured']} points of {found['n_theories']} left-out theories"
    events = f"{found['background_effective_events']:,.0f}"
    yield "hyperclass", "effective background events", events, signals
    for name, text in _METHODS.items():
        method = found["methods"].get(name)
        if method:
            improvement = _with_error(method["median_ti"], method["median_ti_error"])
            yield "hyperclass", f"median TI: {text}", improvement, ""
    test = found["discovery"]
    yield (
        "hyperclass",
        f"discovery of {test['theory']} {test['point']}",
        f"Z = {test['significance']:.2f}",
        f"p = {test['p_value']:.2g} at {test['luminosity']:g}/fb, {test['strength']:g} x its rate",
    )


def _with_error(value: Any, error: Any) -> str:
    return value if isinstance(value, str) else f"{value:.2f} +- {error:.2f}"


def _read(file: Path) -> Any:
    return read_json(file) if file.exists() else None
