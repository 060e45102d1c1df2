"""What every method reaches over all left-out theories: one figure, and the words for methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperhex.plots.style import COLOURS, save, style

__all__ = ["FAMILIES", "methods", "sorted_methods", "words"]

# families in the order in which people compare them, and how they are drawn
FAMILIES = {
    "knows the theory": COLOURS[2],
    "mixture without the theory": COLOURS[0],
    "mixture without its group": COLOURS[5],
    "one other theory": COLOURS[4],
    "background alone": COLOURS[1],
    "cut": COLOURS[6],
}
_BY_GROUP = "_by_group"
_WORDS = {
    "supervised": "trees on the theory itself",
    "mixture_known": "average, the theory among the others",
    "mixture_average": "average of the best two",
    "mixture_xgboost": "trees",
    "mixture_network": "network",
    "mixture_deep_sets": "Deep Sets",
    "mixture_transformer": "transformer",
    "single_mean": "trees, mean of all others",
    "single_mean_by_group": "trees, mean of all outside its group",
    "met": "missing energy",
    "meff": "effective mass",
    "deep_svdd": "Deep SVDD",
    "autoencoder": "autoencoder",
    "vae": "variational autoencoder",
    "flow": "neural spline flow",
    "isolation_forest": "isolation forest",
    "kde": "kernel density",
    "rare_and_different": "rare and different",
    "rare_or_different": "rare or different",
    "rare_average_different": "rare and different, average",
    "rare_product_different": "rare and different, product",
}
_WEIGHTS = {
    "per_theory": "equal per theory",
    "per_group": "equal per group",
    "per_point": "equal per point",
    "cross_section": "by cross-section",
    "robust": "for the worst theory",
}
_LEAST = 0.05


def words(method: str) -> tuple[str, str]:
    """Family of a method of the results, and what people call it."""
    family = "background alone"
    if method in {"supervised", "mixture_known"}:
        family = "knows the theory"
    elif method.startswith("single_"):
        family = "one other theory"
    elif method.startswith("mixture_"):
        family = f"mixture without {'its group' if method.endswith(_BY_GROUP) else 'the theory'}"
    elif method in {"met", "meff"}:
        family = "cut"
    if method in _WORDS:
        return family, _WORDS[method]
    bare = method.removesuffix(_BY_GROUP)
    for name, text in _WEIGHTS.items():
        if bare.endswith(f"_{name}"):
            return family, f"{_WORDS[bare.removesuffix(f'_{name}')]}, weights {text}"
    return family, _WORDS.get(bare, bare)


def sorted_methods(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Methods by family, the best of each first; those without a number are left out."""
    order = list(FAMILIES)
    known = [name for name, one in found.items() if not isinstance(one["median_ti"], str)]
    return sorted(known, key=lambda name: (order.index(words(name)[0]), -found[name]["median_ti"]))


def methods(found: Mapping[str, Mapping[str, Any]], signals: int, path: Path) -> None:
    """Median total improvement of each method over `signals` points with its bootstrap error.

    `found` by method as in `summary.json`; thin lines go from the least to the largest.
    """
    import matplotlib.pyplot as plt

    names = sorted_methods(found)[::-1]
    with style():
        figure, axes = plt.subplots(figsize=(8.2, 1.3 + 0.25 * len(names)))
        seen: set[str] = set()
        for row, name in enumerate(names):
            family, _ = words(name)
            one, colour = found[name], FAMILIES[family]
            axes.hlines(
                row, max(one["min_ti"], _LEAST), one["max_ti"], color=colour, alpha=0.3, lw=1
            )
            axes.errorbar(
                *(max(one["median_ti"], _LEAST), row),
                xerr=min(one["median_ti_error"], one["median_ti"]),
                label=None if family in seen else family,
                fmt="o",
                color=colour,
                markersize=5,
            )
            seen.add(family)
        axes.set(xscale="log", xlim=(_LEAST, None), ylim=(-0.7, len(names) - 0.3))
        axes.set_yticks(range(len(names)), [words(name)[1] for name in names], fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.axvline(1.0, color="0.4", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axes.set_xlabel(f"total improvement, median of {signals} points (line: all of them)")
        handles, labels = axes.get_legend_handles_labels()
        told = handles[::-1], labels[::-1]
        figure.legend(*told, loc="outside upper center", ncols=3, fontsize=9)
        save(figure, path)
