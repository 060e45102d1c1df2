"""Isolation forest (doi:10.1109/ICDM.2008.17): random cuts separate rare events early."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import IsolationForest

from hyperhex.config import Forest
from hyperhex.train.refitted import Floats, Refitted

__all__ = ["IsolationForestClassifier"]

# enough for trees of the usual size to see different events
_TREES_WORTH = 40


class IsolationForestClassifier(Refitted):
    """Forest of random trees; the score falls with the mean depth of an event."""

    name = "isolation_forest"
    defaults = Forest
    settings: Forest

    def most(self) -> int:
        """Most background events that are kept."""
        return _TREES_WORTH * self.settings.events

    def learn(self, events: Floats, weight: Floats, seed: int) -> None:
        """Grow the trees on events drawn by their weight, for the forest itself knows none."""
        drawn = np.random.default_rng(seed).choice(
            len(events), len(events), p=weight / weight.sum()
        )
        self._forest = IsolationForest(
            n_estimators=self.settings.trees,
            max_samples=min(self.settings.events, len(events)),
            random_state=seed,
        ).fit(events[drawn])

    def unlike(self, events: Floats) -> Floats:
        """Minus the forest's own score, (n,)."""
        return np.asarray(-self._forest.score_samples(events), dtype=np.float64)
