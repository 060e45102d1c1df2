"""Which classifiers a production trains, and the sections of those that are off by default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hyperhex.config.section import Count, Fraction, Positive, Section

__all__ = [
    "Autoencoder",
    "DeepSets",
    "Density",
    "Descent",
    "Flow",
    "Forest",
    "Methods",
    "Supervised",
    "Transformer",
    "VariationalAutoencoder",
    "Weights",
]

Supervised = Literal["xgboost", "network", "deep_sets", "transformer"]
Unsupervised = Literal["deep_svdd", "autoencoder", "vae", "flow", "isolation_forest", "kde"]
Weights = Literal["per_theory", "per_group", "per_point", "cross_section", "robust"]
Combination = Literal["and", "or", "average", "product"]


class Methods(Section):
    """Classifiers by kind of training; all of them are compared in one table."""

    mixture: list[Supervised] = Field(
        default=["xgboost", "network"],
        min_length=1,
        description="trained on the mixture; the best two are averaged",
    )
    weights: list[Weights] = Field(
        default=[], description="further mixtures of other weights, trained with the first method"
    )
    unsupervised: list[Unsupervised] = Field(
        default=["deep_svdd"], min_length=1, description="trained on the background alone"
    )
    combinations: list[Combination] = Field(
        default=[], description="of `rare` and `different`, two of the unsupervised"
    )
    rare: Unsupervised = Field(default="flow", description="what finds improbable events")
    different: Unsupervised = Field(default="deep_svdd", description="what finds events far away")

    @model_validator(mode="after")
    def _check(self) -> Methods:
        absent = sorted({self.rare, self.different} - set(self.unsupervised))
        if self.combinations and absent:
            msg = f"unsupervised with {absent} for the combinations; {self.unsupervised} was given"
            raise ValueError(msg)
        return self


class Descent(Section):
    """How a network descends, and when it stops."""

    epochs: Count = Field(default=25, description="most passes over the events")
    batch: Count = 256
    learning_rate: Fraction = 2e-3
    patience: Count = Field(default=6, description="epochs without progress before stopping")


class DeepSets(Descent):
    """Deep Sets: a sum over objects between two perceptrons (arXiv:1810.05165)."""

    object_layers: list[Count] = Field(default=[64, 64], min_length=1)
    event_layers: list[Count] = Field(default=[64, 64], min_length=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Transformer(Descent):
    """Attention between objects with pairwise physics features (arXiv:2202.03772)."""

    width: Count = 32
    heads: Count = 4
    blocks: Count = 2
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> Transformer:
        if self.width % self.heads:
            msg = f"width a multiple of heads; {self.width} and {self.heads} were given"
            raise ValueError(msg)
        return self


class Autoencoder(Descent):
    """Reconstruction through a narrow layer."""

    layers: list[Count] = Field(default=[64, 32], min_length=1)
    latent: Count = 8


class VariationalAutoencoder(Autoencoder):
    """Autoencoder with a Gaussian latent space; beta weighs its prior."""

    beta: Positive = 0.1


class Flow(Descent):
    """Neural spline flow (arXiv:1906.04032)."""

    transforms: Count = 3
    layers: list[Count] = Field(default=[64, 64], min_length=1)
    bins: Count = 8
    noise: Positive = Field(
        default=0.05, description="smears the discrete inputs [standard deviations]"
    )


class Forest(Section):
    """Isolation forest (scikit-learn)."""

    trees: Count = 200
    events: Count = Field(default=512, description="background events of one tree")


class Density(Section):
    """Gaussian kernel density of the leading components (scikit-learn)."""

    components: Count = 10
    bandwidth: Positive = Field(default=0.4, description="[standard deviations]")
    events: Count = Field(default=5000, description="most background events that are kept")
