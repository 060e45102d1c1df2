"""Figure of where the time of a production went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyperhex.plots.style import COLOURS, save, style
from hyperhex.times import RuleTime

__all__ = ["times"]


def times(rules: Sequence[RuleTime], path: Path) -> None:
    """Time of the jobs of each rule, one colour for each stage; the longest job is hatched."""
    import matplotlib.pyplot as plt

    drawn = list(reversed(rules))
    stages = list(dict.fromkeys(one.rule.partition("_")[0] for one in rules))
    colours = {stage: COLOURS[i % len(COLOURS)] for i, stage in enumerate(stages)}
    total = sum(one.seconds for one in rules)
    with style():
        figure, axes = plt.subplots(figsize=(7.6, 1.4 + 0.24 * len(drawn)))
        names = [one.rule.replace("_", " ") for one in drawn]
        minutes = [one.seconds / 60 for one in drawn]
        fills = [colours[one.rule.partition("_")[0]] for one in drawn]
        axes.barh(names, minutes, color=fills, alpha=0.55, height=0.7)
        axes.barh(names, [one.longest / 60 for one in drawn], color=fills, height=0.7)
        for row, one in enumerate(drawn):
            words = f" {100 * one.seconds / total:.1f} %, {one.jobs} job{'s' * (one.jobs > 1)}"
            axes.text(one.seconds / 60, row, words, va="center", fontsize=8)
        axes.set_xlim(0.0, 1.28 * max(minutes))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("time of all jobs [min]; dark: the longest of them")
        axes.set_title(f"{total / 60:.0f} minutes in {sum(one.jobs for one in rules)} jobs")
        save(figure, path)
