"""The section of the training: the mixture and its classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hyperhex.config.methods import (
    Autoencoder,
    DeepSets,
    Density,
    Descent,
    Flow,
    Forest,
    Methods,
    Transformer,
    VariationalAutoencoder,
    Weights,
)
from hyperhex.config.section import Count, Fraction, Name, Positive, Section, Threads
from hyperhex.config.tuning import Tuning

__all__ = ["DeepSvdd", "Images", "Mixture", "Network", "Regression", "Train", "Trees"]


class Mixture(Section):
    """The hyperclass sum_i w_i p_i(x): which weight each theory has."""

    weights: Weights | dict[Name, Positive] = Field(
        default="per_theory",
        description="equal per theory, per group, per point, by the cross-section in the region,"
        " learned for the worst theory (robust), or relative weights of theories and parts by name",
    )
    parts: dict[Name, Annotated[dict[Name, Positive], Field(min_length=1)]] = Field(
        default={}, description="mixtures by name that `weights` and other parts may hold"
    )

    @model_validator(mode="after")
    def _check(self) -> Mixture:
        if isinstance(self.weights, dict) and not self.weights:
            msg = "at least one theory in weights; an empty mixture was given"
            raise ValueError(msg)
        for name in self.parts:
            self._flatten({name: 1.0}, ())
        return self

    def flatten(self) -> dict[str, float]:
        """Weights of the theories by name, of unit sum; empty if they are not listed by name."""
        return self._flatten(self.weights, ()) if isinstance(self.weights, dict) else {}

    def _flatten(self, weights: Mapping[str, float], above: tuple[str, ...]) -> dict[str, float]:
        flat: dict[str, float] = {}
        total = sum(weights.values())
        for name, weight in weights.items():
            if name in above:
                msg = f"parts without a cycle; {' -> '.join([*above, name])} was given"
                raise ValueError(msg)
            part = self.parts.get(name)
            inner = {name: 1.0} if part is None else self._flatten(part, (*above, name))
            for theory, share in inner.items():
                flat[theory] = flat.get(theory, 0.0) + share * weight / total
        return flat


class Trees(Section):
    """Gradient-boosted trees (XGBoost)."""

    number: Count = Field(default=200, description="most trees; early stopping may keep fewer")
    depth: int = Field(default=4, ge=1, le=12)
    learning_rate: Fraction = 0.1
    rows: float = Field(default=0.8, gt=0, le=1, description="share of events per tree")
    columns: float = Field(default=0.5, gt=0, le=1, description="share of inputs per tree")
    patience: Count = Field(default=20, description="trees without progress before stopping")


class Network(Descent):
    """Multilayer perceptron (PyTorch)."""

    layers: list[Count] = Field(default=[128, 128, 64], min_length=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class DeepSvdd(Section):
    """Deep SVDD ensemble (arXiv:2105.14027): one network per target value and dimension."""

    targets: list[float] = Field(default=[0.0, 1.0, 4.0, 10.0], min_length=1)
    dimensions: list[Count] = Field(default=[5, 13, 34, 89], min_length=1)
    layers: list[Count] = Field(default=[64, 64], min_length=1)
    epochs: Count = 20
    batch: Count = 256
    learning_rate: Fraction = 1e-3


class Regression(Section):
    """Networks that measure showers: energy, entry point, particle."""

    held_out: Fraction = Field(default=0.2, description="share of the showers that judge the rest")
    sizes: list[Count] = Field(
        default=[250, 1000, 4000], min_length=1, description="numbers of showers to learn from"
    )
    repetitions: Count = Field(
        default=3, description="trainings of each network, on other showers from other weights"
    )
    rotation_showers: Count = Field(
        default=1000, description="showers to learn from in the test of rotation"
    )
    rings: Count = Field(default=3, description="innermost rings of cells that networks read")
    plain: list[Count] = Field(
        default=[14, 14], min_length=1, description="channels of the plain convolutions"
    )
    p6m: list[Count] = Field(
        default=[4, 4],
        min_length=1,
        description="channels of the equivariant convolutions, twelve planes each",
    )
    perceptron: list[Count] = Field(
        default=[64, 64], min_length=1, description="neurons of the dense layers"
    )
    steps: Count = Field(default=250, description="steps of a training, whatever its size")
    passes: Count = Field(
        default=30, description="most passes over the showers; turned ones count as others"
    )
    batch: Count = Field(default=64, description="showers of a step")
    learning_rate: Fraction = 2e-2

    @model_validator(mode="after")
    def _check(self) -> Regression:
        if any(low >= high for low, high in pairwise(self.sizes)):
            msg = f"sizes that rise; {self.sizes} was given"
            raise ValueError(msg)
        return self


class Images(Descent):
    """Networks that classify event images on the cylinder."""

    order: Count = Field(default=4, description="terms of the Chebyshev filters")
    channels: list[Count] = Field(
        default=[16], min_length=1, description="channels of the convolutions"
    )
    harmonics: Count = Field(
        default=3, description="Fourier modes in phi whose moduli sum up the cells, from 0"
    )
    hidden: Count = Field(default=64, description="neurons behind the sums")
    perceptron: list[Count] = Field(
        default=[128, 64], min_length=1, description="neurons of the dense layers"
    )
    dropout: float = Field(default=0.1, ge=0, lt=1)
    epochs: Count = Field(default=10, description="passes over the events")
    batch: Count = 128
    learning_rate: Fraction = 3e-3
    patience: Count = Field(default=5, description="epochs without progress before stopping")
    bootstrap: int = Field(default=100, ge=10, description="replicas that errors come from")


class Train(Section):
    """Classifiers of event records, and reconstruction networks on hexagonal data."""

    threads: Threads = 1
    folds: int = Field(
        default=2, ge=2, le=10, description="parts of the events; each is scored by the others' fit"
    )
    validation: float = Field(
        default=0.2, gt=0, le=0.5, description="share of the training events that stops it early"
    )
    minimum_events: Count = Field(
        default=20, description="fewest events in the region that a class may have"
    )
    methods: Methods = Methods()
    leave_out: list[Literal["theory", "group"]] = Field(
        default=["theory"],
        min_length=1,
        description="what each mixture leaves out: one theory, and a whole group of theories",
    )
    mixture: Mixture = Mixture()
    tuning: Tuning | None = Field(
        default=None,
        description="trials choose parameters of the mixture's methods, instead of those below",
    )
    trees: Trees = Trees()
    network: Network = Network()
    deep_svdd: DeepSvdd = DeepSvdd()
    regression: Regression = Regression()
    images: Images = Images()
    deep_sets: DeepSets = DeepSets()
    transformer: Transformer = Transformer()
    autoencoder: Autoencoder = Autoencoder()
    vae: VariationalAutoencoder = VariationalAutoencoder()
    flow: Flow = Flow()
    isolation_forest: Forest = Forest()
    kde: Density = Density()
