"""Classifiers by name; each brings its library only when it is asked for."""

from __future__ import annotations

from hyperhex.config import Train
from hyperhex.train.classifier import Classifier

__all__ = ["calm", "classifier", "kind_of", "section_of"]

# the section of the settings, where it has another name
_SECTIONS = {"xgboost": "trees"}
_WITHOUT_TORCH = {"xgboost", "isolation_forest", "kde"}


def kind_of(method: str) -> type[Classifier]:
    """Class of a method, to load a fit with."""
    return _supervised(method) or _unsupervised(method)


def classifier(method: str, train: Train, threads: int) -> Classifier:
    """A method as the settings want it, before its fit."""
    if method not in _WITHOUT_TORCH:
        calm(threads)
    made = kind_of(method)(getattr(train, section_of(method)))  # type: ignore[call-arg]
    if method == "xgboost":
        made.threads = threads  # type: ignore[attr-defined]
    return made


def section_of(method: str) -> str:
    """Name of the section of `train` that a method is made from."""
    return _SECTIONS.get(method, method)


def calm(threads: int) -> None:
    """Have torch use some threads and give the same bits every time."""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    # what nothing reads before it is written needs no value
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _supervised(method: str) -> type[Classifier] | None:
    if method == "xgboost":
        from hyperhex.train.trees import TreesClassifier

        return TreesClassifier
    if method == "network":
        from hyperhex.train.network import NetworkClassifier

        return NetworkClassifier
    if method == "deep_sets":
        from hyperhex.train.deep_sets import DeepSetsClassifier

        return DeepSetsClassifier
    if method == "transformer":
        from hyperhex.train.transformer import TransformerClassifier

        return TransformerClassifier
    return None


def _unsupervised(method: str) -> type[Classifier]:
    if method == "autoencoder":
        from hyperhex.train.autoencoder import AutoencoderClassifier

        return AutoencoderClassifier
    if method == "vae":
        from hyperhex.train.vae import VariationalClassifier

        return VariationalClassifier
    if method == "flow":
        from hyperhex.train.flow import FlowClassifier

        return FlowClassifier
    if method == "isolation_forest":
        from hyperhex.train.isolation_forest import IsolationForestClassifier

        return IsolationForestClassifier
    if method == "kde":
        from hyperhex.train.kde import KernelDensityClassifier

        return KernelDensityClassifier
    from hyperhex.train.svdd import DeepSvddEnsemble

    return DeepSvddEnsemble
