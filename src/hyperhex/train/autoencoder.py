"""Autoencoder: what it cannot reconstruct through a narrow layer is unlike the background."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from hyperhex.config import Autoencoder
from hyperhex.train.module import BackgroundClassifier, EventModule, Standard
from hyperhex.train.network import layers_of

__all__ = ["AutoencoderClassifier"]


class _Autoencoder(EventModule):
    """Score ln |x - g(f(x))|^2 of standardised inputs."""

    def __init__(self, inputs: int, settings: Autoencoder) -> None:
        super().__init__()
        self.standard = Standard(inputs)
        self.encoder = nn.Sequential(
            *layers_of(inputs, settings.layers), nn.Linear(settings.layers[-1], settings.latent)
        )
        back = settings.layers[::-1]
        self.decoder = nn.Sequential(*layers_of(settings.latent, back), nn.Linear(back[-1], inputs))

    def learn(self, events: Tensor) -> None:
        self.standard.learn(events)

    def error(self, events: Tensor) -> Tensor:
        """Mean squared error of the reconstruction, (n,)."""
        values = self.standard(events)
        return cast("Tensor", (self.decoder(self.encoder(values)) - values).square().mean(dim=1))

    def forward(self, events: Tensor) -> Tensor:
        return self.error(events).clamp_min(1e-12).log()


class AutoencoderClassifier(BackgroundClassifier):
    """Autoencoder fitted on background alone; the score is the log of the error."""

    name = "autoencoder"
    defaults = Autoencoder
    settings: Autoencoder

    def empty(self, inputs: int) -> EventModule:
        """Autoencoder before its fit."""
        return _Autoencoder(inputs, self.settings)

    def losses(self, model: EventModule, events: Tensor) -> Tensor:
        """Mean squared error of the reconstruction, (n,)."""
        return cast("_Autoencoder", model).error(events)
