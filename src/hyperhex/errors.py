"""The errors that the package raises on purpose; their text says how to mend them."""

from __future__ import annotations

__all__ = [
    "BenchmarkError",
    "ConfigError",
    "GateError",
    "GenerationError",
    "HyperhexError",
    "SelectionError",
    "StoreError",
    "TrainingError",
]


class HyperhexError(Exception):
    """An expected failure: its text is shown to the user without a traceback."""


class ConfigError(HyperhexError, ValueError):
    """A config with faults; `faults` lists all of them as `section.key: given, allowed`."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class StoreError(HyperhexError, OSError):
    """A store that is missing, incomplete, damaged or of another schema."""


class GenerationError(HyperhexError, RuntimeError):
    """A theory that the generator refuses or cannot finish."""


class GateError(HyperhexError, RuntimeError):
    """A fast simulation that misses the configured limits."""


class TrainingError(HyperhexError, RuntimeError):
    """A training that diverged or has too little data."""


class SelectionError(HyperhexError, ValueError):
    """A selection that leaves too few events."""


class BenchmarkError(HyperhexError, RuntimeError):
    """A benchmark that cannot be run here."""
