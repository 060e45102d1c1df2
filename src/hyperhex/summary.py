"""The closing table of a production: what each stage reached, in figures."""

from __future__ import annotations

from pathlib import Path

__all__ = ["table"]


def table(folder: Path) -> str:
    """Table of a production's results, from the JSON files of its stages."""
    return f"results in {folder}"
