"""Les Houches event files (hep-ph/0609017), plain or compressed."""

from __future__ import annotations

import gzip
from pathlib import Path

from hyperhex.errors import GenerationError

__all__ = ["commands", "count_events"]


def count_events(path: Path) -> int:
    """Number of events in a file; raises `GenerationError` if it cannot be read or has none."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as lines:
            number = sum(line.lstrip().startswith((b"<event>", b"<event ")) for line in lines)
    except (OSError, EOFError) as error:
        msg = f"{path}: {error}; expected a Les Houches event file, plain or .gz"
        raise GenerationError(msg) from error
    if number == 0:
        msg = f"{path}: no <event> in it, expected a Les Houches event file"
        raise GenerationError(msg)
    return number


def commands(path: Path, skip: int) -> list[str]:
    """Settings with which Pythia showers the events of a file after the first `skip`."""
    return ["Beams:frameType = 4", f"Beams:LHEF = {path}", f"Beams:nSkipLHEFatInit = {skip}"]
