"""Gaussian kernel density of the leading principal components of background."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import KernelDensity

from hyperhex.config import Density
from hyperhex.train.refitted import Floats, Refitted

__all__ = ["KernelDensityClassifier"]


class KernelDensityClassifier(Refitted):
    """Density of components, each scaled to unit variance; the score is -ln p.

    In all inputs at once the density of a few thousand events says nothing.
    """

    name = "kde"
    defaults = Density
    settings: Density

    def most(self) -> int:
        """Most background events that are kept."""
        return self.settings.events

    def learn(self, events: Floats, weight: Floats, seed: int) -> None:  # noqa: ARG002
        """Find the components, then their density; nothing in it is random."""
        components = min(self.settings.components, *events.shape)
        _, sizes, rows = np.linalg.svd(events, full_matrices=False)
        # the sign of a component is the algorithm's choice, and the kernel's symmetry hides it
        spread = np.maximum(sizes[:components], 1e-9) / np.sqrt(len(events))
        self._projection = rows[:components].T / spread
        self._density = KernelDensity(bandwidth=self.settings.bandwidth)
        self._density.fit(events @ self._projection, sample_weight=weight)

    def unlike(self, events: Floats) -> Floats:
        """-ln p of the components, (n,)."""
        found = self._density.score_samples(events @ self._projection)
        return np.asarray(-found, dtype=np.float64)
