"""Variational autoencoder (arXiv:1312.6114) with a weight beta on its prior."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from hyperhex.config import VariationalAutoencoder
from hyperhex.train.module import BackgroundClassifier, EventModule, Standard
from hyperhex.train.network import layers_of

__all__ = ["VariationalClassifier"]


class _Variational(EventModule):
    """Score |x - g(mu(x))|^2 + beta KL(q(z|x) | N(0, 1)), without noise in the latent space."""

    def __init__(self, inputs: int, settings: VariationalAutoencoder) -> None:
        super().__init__()
        self.beta = settings.beta
        self.standard = Standard(inputs)
        self.encoder = nn.Sequential(
            *layers_of(inputs, settings.layers), nn.Linear(settings.layers[-1], 2 * settings.latent)
        )
        back = settings.layers[::-1]
        self.decoder = nn.Sequential(*layers_of(settings.latent, back), nn.Linear(back[-1], inputs))

    def learn(self, events: Tensor) -> None:
        self.standard.learn(events)

    def bound(self, events: Tensor) -> Tensor:
        """Reconstruction error plus beta times the divergence from the prior, (n,)."""
        values = self.standard(events)
        mean, log_variance = self.encoder(values).chunk(2, dim=1)
        log_variance = log_variance.clamp(-10.0, 10.0)
        latent = mean
        if self.training:
            latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        error = (self.decoder(latent) - values).square().mean(dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1)
        return cast("Tensor", error + self.beta * divergence / values.shape[1])

    def forward(self, events: Tensor) -> Tensor:
        return self.bound(events)


class VariationalClassifier(BackgroundClassifier):
    """Variational autoencoder fitted on background alone; the score is the negative bound."""

    name = "vae"
    defaults = VariationalAutoencoder
    settings: VariationalAutoencoder

    def empty(self, inputs: int) -> EventModule:
        """Variational autoencoder before its fit."""
        return _Variational(inputs, self.settings)

    def losses(self, model: EventModule, events: Tensor) -> Tensor:
        """Negative bound of the likelihood, (n,)."""
        return cast("_Variational", model).bound(events)
