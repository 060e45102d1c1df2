"""State of networks and optimisers as named arrays, from which a training goes on to the last bit.

Tensors are copied into memory of torch's own, because sums may depend on how memory is aligned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["Arrays", "network_arrays", "optimiser_arrays", "set_network", "set_optimiser"]

Arrays = Mapping[str, NDArray[Any]]


def network_arrays(name: str, network: nn.Module) -> dict[str, NDArray[Any]]:
    """Parameters and buffers as arrays `<name>.<key>`."""
    return {f"{name}.{key}": _array(tensor) for key, tensor in network.state_dict().items()}


def set_network(name: str, network: nn.Module, arrays: Arrays) -> None:
    """Give a network the parameters and buffers that `network_arrays` took."""
    network.load_state_dict(
        {key: torch.tensor(arrays[f"{name}.{key}"]) for key in network.state_dict()}
    )


def optimiser_arrays(name: str, optimiser: torch.optim.Optimizer) -> dict[str, NDArray[Any]]:
    """Moments and step counts as arrays `<name>.<parameter>.<key>`; none before the first step."""
    return {
        f"{name}.{parameter}.{key}": _array(tensor)
        for parameter, entries in optimiser.state_dict()["state"].items()
        for key, tensor in entries.items()
    }


def set_optimiser(name: str, optimiser: torch.optim.Optimizer, arrays: Arrays) -> None:
    """Give an optimiser the state that `optimiser_arrays` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in arrays.items():
        owner, _, rest = key.partition(".")
        if owner == name:
            parameter, entry = rest.split(".")
            state.setdefault(int(parameter), {})[entry] = torch.tensor(value)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    return np.array(tensor.detach().cpu().numpy())
