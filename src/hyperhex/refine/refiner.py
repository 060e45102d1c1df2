"""A fitted refiner: what detection applies to simulated showers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim.simulation import single_thread
from hyperhex.provenance import read_json, write_json
from hyperhex.random import stream
from hyperhex.refine.calibration import Calibration
from hyperhex.refine.network import ResponseNetwork, readout

__all__ = ["Refiner", "Scale", "load_refiner"]

_RECORD = "refiner.json"
_SHOWERS_PER_BLOCK = 128


@dataclass(frozen=True)
class Scale:
    """What the cells of a shower are.

    pitch in cm, mip in GeV, threshold in MIP.
    """

    n_layers: int
    rings: int
    pitch: float
    mip: float
    threshold: float

    @property
    def patch(self) -> Patch:
        """The cells of a layer."""
        return Patch(self.rings, self.pitch)


class Refiner:
    """Network, scale and calibration of a refiner."""

    def __init__(
        self, network: ResponseNetwork, scale: Scale, calibration: Calibration | None = None
    ) -> None:
        self.network = network.eval()
        self.scale = scale
        self.calibration = calibration

    def apply(
        self, deposits: NDArray[np.floating], energy: NDArray[np.floating], seed: int
    ) -> NDArray[np.float32]:
        """Refined showers (n, n_layers, n_cells) [GeV] of simulated ones, after the threshold.

        energy: (n,) of the incident particles [GeV]. Cells below the threshold are dropped first,
        so that full and fast simulation enter alike. The noise depends on the seed and on the
        place of a shower in the call.
        """
        self._check(deposits, energy)
        random = stream(seed, "refine", "noise")
        refined = np.empty(deposits.shape, dtype=np.float32)
        log_energy = np.log(np.maximum(energy, 1e-6)).astype(np.float32)
        with single_thread(), torch.inference_mode():
            for start in range(0, len(deposits), _SHOWERS_PER_BLOCK):
                rows = slice(start, start + _SHOWERS_PER_BLOCK)
                refined[rows] = self._refine(deposits[rows], log_energy[rows], random)
        return refined

    def calibrate(self, deposits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Energies (n,) [GeV] of the particles behind refined showers (n, ...) [GeV]."""
        if self.calibration is None:
            msg = "refine: this refiner has no calibration; `hyperhex refine fit` makes one"
            raise StoreError(msg)
        return self.calibration(deposits.reshape(len(deposits), -1).sum(axis=1, dtype=np.float64))

    def response(self, energy: float) -> NDArray[np.float64]:
        """Learned response of each cell to an energy [MIP], (n_layers, n_cells), 0 where dead.

        Read over given energy, without mixing and noise; the gain alone is not unique, because a
        common factor can move from it into the non-linearity.
        """
        with torch.inference_mode():
            read = self.network.bend(energy * self.network.gain())
        return read.numpy().astype(np.float64) / energy

    def save(self, folder: Path, record: Mapping[str, Any], name: str = "refiner") -> None:
        """Write <name>.safetensors and refiner.json, which holds `record` besides the constants."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.contiguous() for key, value in self.network.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
        calibration = None if self.calibration is None else asdict(self.calibration)
        write_json(
            folder / _RECORD, {**record, "scale": asdict(self.scale), "calibration": calibration}
        )

    def _refine(
        self,
        deposits: NDArray[np.floating],
        log_energy: NDArray[np.float32],
        random: np.random.Generator,
    ) -> NDArray[np.float32]:
        threshold, mip = self.scale.threshold, np.float32(self.scale.mip)
        cells = readout(torch.from_numpy(np.asarray(deposits, np.float32) / mip), threshold)
        noise = torch.from_numpy(random.standard_normal(cells.shape, dtype=np.float32))
        refined = self.network(cells, torch.from_numpy(log_energy), noise)
        return np.asarray(readout(refined, threshold).numpy() * mip)

    def _check(self, deposits: NDArray[np.floating], energy: NDArray[np.floating]) -> None:
        expected = (len(energy), self.scale.n_layers, self.scale.patch.n_cells)
        if deposits.shape != expected:
            msg = f"refiner: deposits of shape {deposits.shape} given, expected {expected}"
            raise ValueError(msg)


def load_refiner(folder: Path, name: str = "refiner") -> Refiner:
    """Refiner in a folder; raises `StoreError` where there is none."""
    weights, record_file = Path(folder) / f"{name}.safetensors", Path(folder) / _RECORD
    if not weights.exists() or not record_file.exists():
        msg = f"{folder}: no {weights.name} with {_RECORD}; `hyperhex refine fit` makes them"
        raise StoreError(msg)
    record, tensors = read_json(record_file), load_file(weights)
    scale = Scale(**record["scale"])
    n_layers, n_knots = tensors["layer_log_slope"].shape
    width = len(tensors["correction.0.bias"])
    network = ResponseNetwork(scale.patch.neighbourhood(1), n_layers, n_knots, width)
    network.load_state_dict(tensors, strict=False)
    found = record["calibration"]
    calibration = None if found is None else Calibration(**{k: tuple(v) for k, v in found.items()})
    return Refiner(network, scale, calibration)
