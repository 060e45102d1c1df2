"""The section of the scores and of the hypothesis test."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hyperhex.config.section import Count, Fraction, Name, Positive, Section

__all__ = ["Hyperclass", "Injection", "Scaling", "Variations"]


class Injection(Section):
    """The signal that the hypothesis test has to find, and its statistical model."""

    theory: Name | None = Field(default=None, description="a signal; none is the first by name")
    point: Name | None = Field(default=None, description="label; none is the theory's first")
    luminosity: Positive = Field(default=0.5, description="[1/fb]")
    strength: Positive = Field(default=1.0, description="multiplies the signal's cross-section")
    normalisation: Fraction = Field(
        default=0.1, description="relative uncertainty of each background's cross-section"
    )
    quantiles: list[Fraction] = Field(
        default=[0.3, 0.1, 0.03, 0.01, 0.003],
        min_length=1,
        description="background efficiencies between the bins of the mixture's score",
    )
    events_per_bin: Positive = Field(
        default=10.0, description="fewest effective background events of a bin, else it is merged"
    )


class Scaling(Section):
    """What to train on to see how much knowledge is enough; every list is one axis of a figure."""

    theories: list[Count] = Field(default=[1, 3, 8, 16], description="training theories, at most")
    events: list[Count] = Field(default=[10, 30, 100], description="events of a point, at most")
    background: list[Fraction] = Field(default=[0.03, 0.1, 0.3], description="parts of it")
    draws: Count = Field(default=3, description="random choices of each")
    parts: int = Field(default=4, ge=2, description="parts of the theories that are left out")


class Variations(Section):
    """Other showers, with which a share of the events is detected again."""

    showers: list[Literal["raw", "full"]] = Field(
        default=[],
        description="raw: fast simulation without refinement; full: showers of the full simulation"
        " through the detector's response; each is a systematic uncertainty of the test",
    )
    share: float = Field(
        default=0.1, gt=0, le=1, description="least share of the events of each point, whole parts"
    )


class Hyperclass(Section):
    """Scores, significance improvement and hypothesis test."""

    working_points: list[Fraction] = Field(
        default=[3e-2, 1e-2, 1e-3, 1e-4],
        min_length=1,
        description="background efficiencies of the summary; TI is over 1e-2, 1e-3, 1e-4 only",
    )
    bootstrap: int = Field(default=200, ge=10, description="replicas that errors come from")
    minimum_signal_events: Positive = Field(
        default=10.0, description="fewest effective events of a point with a result"
    )
    limits: bool = Field(
        default=False, description="whether to set a limit on every point, seconds for each"
    )
    drivers: bool = Field(
        default=False, description="whether to say which inputs drive the score of each theory"
    )
    pseudo_experiments: Count | None = Field(
        default=None,
        description="of background alone and as many with the injected signal, to measure the"
        " coverage of intervals and the uniformity of p-values; none is not, a tenth of a second"
        " for each",
    )
    toys: Count | None = Field(
        default=None,
        description="pseudo-experiments of background alone that give the discovery a p-value"
        " beside the asymptotic one; none is not, a tenth of a second for each",
    )
    sharing: bool = Field(
        default=False,
        description="whether to say which theories' classifiers would select what the mixture"
        " finds of each theory that it never saw",
    )
    scaling: Scaling | None = Field(
        default=None, description="trees trained on less than everything; none is not"
    )
    variations: Variations = Variations()
    injection: Injection = Injection()
