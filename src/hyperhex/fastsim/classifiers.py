"""Two strong classifiers of showers, boosted trees and a network, that see the same.

What they see of a shower are some columns of numbers and, if asked to judge by cells, every cell.
Cells are kept sparse, since a shower hits few of them: nothing here needs a dense copy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xgboost
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import roc_auc_score
from torch import nn

from hyperhex.random import integer, stream

__all__ = ["CLASSIFIERS", "Look", "look_at_cells", "network", "trees"]

_BLOCK = 2048
_TREES = {
    "objective": "binary:logistic",
    "eval_metric": "auc",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.2,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "min_child_weight": 10,
    "max_bin": 64,
    "nthread": 1,
    "verbosity": 0,
}
_ROUNDS = 200
_TREES_PATIENCE = 20
_WIDTHS = 256, 128
_DROPOUT = 0.1
_BATCH = 256
_LEAST_BATCH = 64
_STEPS = 32
_RATES = 1e-3, 3e-4, 1e-4
_PATIENCE = 3
_WEIGHT_DECAY = 1e-2
_FARTHEST = 8.0
"""Standardised columns are cut here: a few wild values must not rule the network."""


@dataclass(frozen=True)
class Look:
    """What a classifier sees of n showers.

    `columns` (n, k); `cells` ln(1 + cell) as a sparse matrix (n, n_cells), or None.
    """

    columns: NDArray[np.float32]
    cells: sparse.csr_matrix | None = None

    def __len__(self) -> int:
        return len(self.columns)

    def rows(self, chosen: NDArray | slice) -> Look:
        """Some of the showers."""
        return Look(self.columns[chosen], None if self.cells is None else self.cells[chosen])

    def above(self, other: Look) -> Look:
        """These showers and then those of another."""
        columns = np.concatenate([self.columns, other.columns])
        if self.cells is None or other.cells is None:
            return Look(columns)
        return Look(columns, sparse.vstack([self.cells, other.cells], format="csr"))


Score = Callable[[Look], NDArray]
Fit = Callable[[Look, NDArray, Look, NDArray, int], Score]
"""From training showers, their labels, those of early stopping and a seed to a score (n,)."""


def look_at_cells(deposits: NDArray, conditions: NDArray) -> Look:
    """Every cell of showers (n, layers, cells), and `conditions` (n, k) such as ln E.

    Trees cannot add cells up, so both classifiers are shown ln(1 + energy) and the number of cells
    hit of each layer as well.
    """
    blocks, sums, hits = [], [], []
    for start in range(0, len(deposits), _BLOCK):
        block = np.asarray(deposits[start : start + _BLOCK], np.float32)
        blocks.append(sparse.csr_matrix(block.reshape(len(block), -1)))
        sums.append(block.sum(axis=2))
        hits.append(np.count_nonzero(block, axis=2))
    cells = sparse.vstack(blocks, format="csr").log1p()
    columns = [conditions, np.log1p(np.concatenate(sums)), np.concatenate(hits)]
    return Look(np.concatenate(columns, axis=1, dtype=np.float32), cells)


def trees(seen: Look, label: NDArray, held: Look, held_label: NDArray, seed: int) -> Score:
    """Boosted trees (XGBoost, arXiv:1603.02754), a cell without a hit being a missing value."""
    told: dict[str, Any] = {"max_bin": _TREES["max_bin"], "nthread": 1}
    grown = xgboost.QuantileDMatrix(_together(seen), label=label, **told)
    stopping = xgboost.QuantileDMatrix(_together(held), label=held_label, ref=grown, **told)
    booster = xgboost.train(
        {**_TREES, "seed": integer(seed, "fastsim", "trees", bits=31)},
        grown,
        num_boost_round=_ROUNDS,
        evals=[(stopping, "held")],
        early_stopping_rounds=_TREES_PATIENCE,
        verbose_eval=False,
    )
    best = (0, booster.best_iteration + 1)
    return lambda tested: booster.inplace_predict(_together(tested), iteration_range=best)


def network(seen: Look, label: NDArray, held: Look, held_label: NDArray, seed: int) -> Score:
    """Dense network, trained at falling rates, each as long as the area on `held` still grows.

    A lower rate goes on from the weights that were best so far, which are those that score.
    """
    random, best = stream(seed, "fastsim", "network"), -1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "fastsim", "network", bits=63))
        built = _Network(seen)
        kept = copy.deepcopy(built.state_dict())
        for rate in _RATES:
            built.load_state_dict(kept)
            optimiser = torch.optim.AdamW(built.parameters(), lr=rate, weight_decay=_WEIGHT_DECAY)
            waited = 0
            while waited < _PATIENCE:
                _epoch(built, optimiser, seen, torch.from_numpy(label).float(), random)
                area, waited = roc_auc_score(held_label, built.score(held)), waited + 1
                if area > best:
                    kept, best, waited = copy.deepcopy(built.state_dict()), area, 0
    built.load_state_dict(kept)
    return built.score


CLASSIFIERS: Mapping[str, Fit] = {"trees": trees, "network": network}


class _Network(nn.Module):
    """Standardised columns and cells to one number; cells enter as a sum over those hit."""

    def __init__(self, like: Look) -> None:
        super().__init__()
        mean, deviation = like.columns.mean(axis=0), like.columns.std(axis=0)
        # a constant column says nothing
        scale = np.where(deviation > 1e-6, 1.0 / deviation.clip(1e-6), 0.0)
        self.mean, self.scale = torch.from_numpy(mean), torch.from_numpy(scale).float()
        self.columns = nn.Linear(len(mean), _WIDTHS[0])
        self.cells: nn.EmbeddingBag | None = None
        if like.cells is not None:
            number = like.cells.shape[1]
            self.cells = nn.EmbeddingBag(number, _WIDTHS[0], mode="sum")
            nn.init.uniform_(self.cells.weight, -(number**-0.5), number**-0.5)
        self.rest = nn.Sequential(
            nn.LeakyReLU(0.1),
            nn.Dropout(_DROPOUT),
            nn.Linear(*_WIDTHS),
            nn.LeakyReLU(0.1),
            nn.Dropout(_DROPOUT),
            nn.Linear(_WIDTHS[1], 1),
        )

    def forward(self, seen: Look) -> torch.Tensor:
        """Log-odds, (n,)."""
        columns = (torch.from_numpy(seen.columns) - self.mean) * self.scale
        hidden = self.columns(columns.clamp(-_FARTHEST, _FARTHEST))
        if self.cells is not None and seen.cells is not None:
            parts = seen.cells.indices, seen.cells.indptr[:-1]
            index, start = (torch.from_numpy(part) for part in parts)
            weight = torch.from_numpy(seen.cells.data)
            hidden = hidden + self.cells(index, start, per_sample_weights=weight)
        return self.rest(hidden)[:, 0]

    def score(self, seen: Look) -> NDArray:
        """Log-odds without dropout, (n,)."""
        self.eval()
        with torch.no_grad():
            return np.concatenate([self(part).numpy() for part in _blocks(seen)])


def _epoch(
    built: _Network,
    optimiser: torch.optim.Optimizer,
    seen: Look,
    target: torch.Tensor,
    random: np.random.Generator,
) -> None:
    """Once through all showers, in smaller batches if there are few."""
    built.train()
    batch = min(_BATCH, max(_LEAST_BATCH, len(seen) // _STEPS))
    for chosen in np.array_split(random.permutation(len(seen)), len(seen) // batch + 1):
        score = built(seen.rows(chosen))
        loss = nn.functional.binary_cross_entropy_with_logits(score, target[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _blocks(seen: Look) -> Iterator[Look]:
    for start in range(0, len(seen), _BLOCK):
        yield seen.rows(slice(start, start + _BLOCK))


def _together(seen: Look) -> NDArray | sparse.csr_matrix:
    if seen.cells is None:
        return seen.columns
    return sparse.hstack([sparse.csr_matrix(seen.columns), seen.cells], format="csr")
