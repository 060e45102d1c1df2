"""The only caller of Pythia 8 (arXiv:2203.11601): a checked generator and its event batches."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import awkward as ak
import numpy as np
import pythia8mc
from numpy.typing import NDArray

from hyperhex.errors import GenerationError
from hyperhex.generate.commands import faults
from hyperhex.generate.particles import Batch

__all__ = ["Generator", "check", "fixed_commands"]

_PICOBARN = 1e9  # in a millibarn, Pythia's unit
_QUIET = (
    "Init:showProcesses = off",
    "Init:showMultipartonInteractions = off",
    "Init:showChangedSettings = off",
    "Init:showChangedParticleData = off",
    "Next:numberCount = 0",
    "Next:numberShowLHA = 0",
    "Next:numberShowInfo = 0",
    "Next:numberShowProcess = 0",
    "Next:numberShowEvent = 0",
    # the reader of spectra has its own switch
    "SLHA:verbose = 0",
)


@dataclass
class _Databases:
    """Pythia's tables of settings and particles, as `commands.Databases`."""

    pythia: Any

    def kind(self, key: str) -> str | None:
        return self._kinds.get(key.lower())

    def keys(self) -> Sequence[str]:
        return list(self._names)

    def is_particle(self, code: int) -> bool:
        return bool(self.pythia.particleData.isParticle(code))

    @cached_property
    def _names(self) -> dict[str, str]:
        """Type of every setting by its name."""
        kinds = ("Flag", "Mode", "Parm", "Word", "FVec", "MVec", "PVec", "WVec")
        settings = self.pythia.settings
        return {
            entry.name: kind
            for kind in kinds
            for entry in getattr(settings, f"get{kind}Map")("").values()
        }

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {name.lower(): kind for name, kind in self._names.items()}


class Generator:
    """Pythia with a theory's settings, ready to generate.

    Raises `GenerationError` with every setting that is wrong, or with Pythia's own words if it
    cannot be initialised.
    """

    def __init__(self, commands: Sequence[str], fixed: Sequence[str]) -> None:
        with _Words() as words:
            self._pythia = _configured(commands, fixed, words)
            ready = self._pythia.init()
        if not ready:
            told = "; ".join(commands)
            msg = f"Pythia cannot be initialised: {words.complaints()}; settings: {told}"
            raise GenerationError(msg)
        self._visible: dict[int, bool] = {}

    def batches(self, number: int, size: int) -> Iterator[tuple[NDArray[np.float64], Batch]]:
        """Event weights and records of `number` events, at most `size` at a time.

        Raises `GenerationError` if the generator gives up on its events or runs out of them.
        """
        done = 0
        while done < number:
            with _Words() as words:
                records = self._pythia.nextBatch(min(size, number - done))
            if len(records) == 0:
                msg = f"no event after {done} of {number}: {words.complaints()}"
                raise GenerationError(msg)
            done += len(records)
            yield ak.to_numpy(records.info.weights[:, 0]), self._batch(records.prt)

    def tried(self) -> int:
        """Phase-space points tried so far."""
        return int(self._pythia.infoPython().nTried())

    def cross_section(self) -> tuple[float, float]:
        """Cross-section and its error, from the events so far [pb]."""
        info = self._pythia.infoPython()
        return _PICOBARN * info.sigmaGen(), _PICOBARN * info.sigmaErr()

    def _batch(self, records: Any) -> Batch:
        counts = ak.to_numpy(ak.num(records.id)).astype(np.int64)
        code = _flat(records.id)
        mother = _flat(records.mother1)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        return Batch(
            counts=counts,
            id=code,
            status=_flat(records.status),
            # entry 0 is the event as a whole, nobody's mother
            mother=np.where(mother > 0, mother + first, -1),
            momentum=np.stack([_flat(records.p[axis]) for axis in ("px", "py", "pz", "e")], axis=1),
            visible=self._is_visible(code),
        )

    def _is_visible(self, code: NDArray[np.int64]) -> NDArray[np.bool_]:
        unique, inverse = np.unique(code, return_inverse=True)
        data = self._pythia.particleData
        for new in (int(value) for value in unique if int(value) not in self._visible):
            self._visible[new] = bool(data.isVisible(new))
        return np.array([self._visible[int(value)] for value in unique])[inverse]


def check(commands: Sequence[str]) -> list[str]:
    """What Pythia's databases have against a theory's settings; nothing is initialised."""
    with _Words() as words:
        try:
            _configured(commands, (), words)
        except GenerationError as error:
            return str(error).split("\n")
    return []


def fixed_commands(
    *, energy: float, seed: int, multiparton: bool, files: Sequence[str] = ()
) -> list[str]:
    """Settings that belong to the production: beams [GeV], seed, what is printed."""
    return [
        *_QUIET,
        f"Beams:eCM = {energy:.12g}",
        f"PartonLevel:MPI = {'on' if multiparton else 'off'}",
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        *files,
    ]


def _configured(commands: Sequence[str], fixed: Sequence[str], words: _Words) -> Any:
    # no banner
    pythia = pythia8mc.Pythia("", False)
    wrong = faults(commands, _Databases(pythia))
    if not wrong:
        for command in (*fixed, *commands):
            if not pythia.readString(command):
                wrong.append(f"setting {command!r}: refused by Pythia: {words.complaints()}")
    if wrong:
        raise GenerationError("\n".join(wrong))
    return pythia


def _flat(column: Any) -> NDArray[Any]:
    return ak.to_numpy(ak.flatten(column))


class _Words:
    """What C++ code prints to the standard output inside the block."""

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile()
        self._before = os.dup(1)
        os.dup2(self._file.fileno(), 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._text = self._read()
        os.dup2(self._before, 1)
        os.close(self._before)
        self._file.close()

    def complaints(self) -> str:
        """Pythia's errors and warnings, in one line."""
        text = self._read() if not self._file.closed else self._text
        lines = [" ".join(line.split()) for line in text.split("\n")]
        told = [line for line in lines if line and not re.fullmatch(r"[-|* ]*", line)]
        errors = [line for line in told if "PYTHIA" in line]
        return " | ".join(errors[-6:] or told[-6:]) or "it gave no reason"

    def _read(self) -> str:
        self._file.seek(0)
        return self._file.read().decode(errors="replace")
