"""Classifiers by name; each brings its library only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from hyperhex.config import Train
from hyperhex.train.classifier import Classifier

__all__ = ["calm", "classifier", "kind_of"]

# method: its module in this package, and its class
_CLASSES = {
    "xgboost": ("trees", "TreesClassifier"),
    "network": ("network", "NetworkClassifier"),
    "deep_sets": ("deep_sets", "DeepSetsClassifier"),
    "transformer": ("transformer", "TransformerClassifier"),
    "deep_svdd": ("svdd", "DeepSvddEnsemble"),
    "autoencoder": ("autoencoder", "AutoencoderClassifier"),
    "vae": ("vae", "VariationalClassifier"),
    "flow": ("flow", "FlowClassifier"),
    "isolation_forest": ("isolation_forest", "IsolationForestClassifier"),
    "kde": ("kde", "KernelDensityClassifier"),
}
_SECTIONS = {"xgboost": "trees"}
_WITHOUT_TORCH = {"xgboost", "isolation_forest", "kde"}


def kind_of(method: str) -> type[Classifier]:
    """Class of a method, to load a fit with."""
    module, name = _CLASSES[method]
    return cast("type[Classifier]", getattr(import_module(f"hyperhex.train.{module}"), name))


def classifier(method: str, train: Train, threads: int) -> Classifier:
    """A method as the settings want it, before its fit."""
    if method not in _WITHOUT_TORCH:
        calm(threads)
    made = kind_of(method)(getattr(train, _SECTIONS.get(method, method)))  # type: ignore[call-arg]
    if method == "xgboost":
        made.threads = threads  # type: ignore[attr-defined]
    return made


def calm(threads: int) -> None:
    """Have torch use some threads and give the same bits every time."""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
