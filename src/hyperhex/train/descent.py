"""Descent of a torch module (AdamW, one cycle of the rate) that keeps its best epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from hyperhex.config import Descent
from hyperhex.errors import TrainingError

__all__ = ["descend"]

_WEIGHT_DECAY = 1e-4
# most events at once where no gradient is kept
_ROWS = 8192


def descend(
    model: nn.Module,
    loss: Callable[[Tensor], Tensor],
    fitted: Tensor,
    held: Tensor,
    settings: Descent,
    name: str,
) -> None:
    """Fit `model` so that `loss`, the mean over the events of some row numbers, is least.

    `fitted` and `held` are the row numbers to descend on and to stop by. Raises `TrainingError` if
    the loss is not finite.
    """
    steps = settings.epochs * -(-len(fitted) // settings.batch)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.learning_rate, total_steps=steps
    )
    best, best_state, worse = np.inf, copy.deepcopy(model.state_dict()), 0
    for _ in range(settings.epochs):
        model.train()
        for batch in fitted[torch.randperm(len(fitted))].split(settings.batch):  # type: ignore[no-untyped-call]
            optimizer.zero_grad(set_to_none=True)
            loss(batch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        model.eval()
        reached = _mean(loss, held)
        if not np.isfinite(reached):
            msg = f"{name}: loss {reached} on held events; lower train.{name}.learning_rate"
            raise TrainingError(msg)
        worse += 1
        if reached < best:
            best, best_state, worse = reached, copy.deepcopy(model.state_dict()), 0
        elif worse >= settings.patience:
            break
    model.load_state_dict(best_state)


def _mean(loss: Callable[[Tensor], Tensor], rows: Tensor) -> float:
    with torch.inference_mode():
        parts = [(len(part), float(loss(part))) for part in rows.split(_ROWS)]  # type: ignore[no-untyped-call]
    return sum(number * value for number, value in parts) / len(rows)
