"""One benchmark: our call, the peers' calls, that they agree, and what the machine allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Case"]

Call = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """Calls that do the same work on the same data, without arguments, already warm.

    Parameters
    ----------
    name : words that say operation and size, e.g. `hexagonal convolution, ring 1, 1->32, 631 cells`
    ours : our call, given the number of threads
    peers : the peers' calls by the name of the peer; torch and BLAS get their threads beforehand
    check : raises AssertionError where the results differ beyond rounding; called once, first
    moved : bytes that must be read and written once, inputs and outputs
    operations : floating-point operations that the mathematics needs
    required : least ratio of a peer's time to ours on one thread, by peer; the name `best` stands
        for the fastest of all peers
    required_bound : largest ratio of our time to the physical bound on one thread, None for any
    """

    name: str
    ours: Callable[[int], Call]
    peers: Mapping[str, Call]
    check: Call
    moved: float
    operations: float = 0.0
    required: Mapping[str, float] = field(default_factory=dict)
    required_bound: float | None = None
