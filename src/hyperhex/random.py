"""Independent random streams from one seed: same labels, same stream, on any worker."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

__all__ = ["integer", "pythia_seed", "sequence", "stream"]

_LARGEST_PYTHIA_SEED = 900_000_000


def sequence(seed: int, *labels: str | int) -> np.random.SeedSequence:
    """Seed sequence of a place in the production, `SeedSequence(seed, spawn_key=labels)`.

    Labels are the stage, the theory or particle and the part; words enter by their hash.
    """
    return np.random.SeedSequence(seed, spawn_key=tuple(_key(label) for label in labels))


def stream(seed: int, *labels: str | int) -> np.random.Generator:
    """Random generator of a place in the production (PCG64)."""
    return np.random.default_rng(sequence(seed, *labels))


def integer(seed: int, *labels: str | int, bits: int = 64) -> int:
    """Unsigned integer of at most 64 bits, for generators that keep their own state."""
    return int(sequence(seed, *labels).generate_state(1, np.uint64)[0]) >> (64 - bits)


def pythia_seed(seed: int, *labels: str | int) -> int:
    """Seed in the range that Pythia 8 accepts, 1 to 900 000 000 (0 would mean the clock)."""
    return 1 + integer(seed, *labels) % _LARGEST_PYTHIA_SEED


def _key(label: str | int) -> int:
    if isinstance(label, int):
        return label
    return int.from_bytes(blake2b(label.encode(), digest_size=4).digest(), "little")
