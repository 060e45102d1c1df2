"""The section of the fast simulation, and the limits of its gate."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hyperhex.config.section import (
    Count,
    Fraction,
    Name,
    Particle,
    Positive,
    Section,
    Threads,
)

__all__ = ["Fastsim", "FastsimGate", "FastsimLimits", "FastsimNetwork", "FastsimVariant"]


class FastsimLimits(Section):
    """What the gate asks of the fast simulation, for each particle."""

    auc_high: Fraction = Field(default=0.90, description="largest AUC on observables")
    auc_low: Fraction = Field(default=0.95, description="largest AUC on cells")
    response: Positive = Field(default=0.04, description="largest |G/R - 1| of the mean response")
    width: Positive = Field(default=0.30, description="largest |G/R - 1| of the response's width")
    layers: Positive = Field(default=0.10, description="largest departure of the layer fractions")
    rings: Positive = Field(default=0.10, description="largest departure of the ring fractions")
    hits: Positive = Field(default=0.15, description="largest |G/R - 1| of the number of hits")
    spectrum: Positive = Field(default=0.30, description="largest |G/R - 1| of the cell spectrum")
    correlations: Positive = Field(
        default=0.20, description="largest difference of a correlation of two layers"
    )
    resolution_loss: Positive = Field(
        default=0.20, description="of energies learned from fast showers, relative"
    )
    auc_loss: Positive = Field(
        default=0.05, description="of telling photons from others, learned from fast showers"
    )


class FastsimGate(Section):
    """What the gate alone is told: other limits are no reason to train or judge again."""

    limits: FastsimLimits = FastsimLimits()
    limits_of: dict[str, dict[str, float]] = Field(
        default={}, description="what is asked of a particle, instead of the limits of all"
    )

    def asked(self, particle: str) -> dict[str, Any]:
        """Limits of a particle, or of a pair of them, not yet checked."""
        return self.limits.model_dump() | self.limits_of.get(particle, {})


class FastsimNetwork(Section):
    """Density of the layers, conditional WGAN-GP of their cells, and how they are judged."""

    threads: Threads = 1
    threshold: Positive = Field(default=0.5, description="least energy of a cell [MIP]")
    held_out: Fraction = Field(default=0.25, description="share of the library that judges")
    classified: Count = Field(
        default=50000, description="held-out showers of either kind that classifiers tell apart"
    )
    single_energies: list[Positive] = Field(
        default=[], description="energies at which showers are compared apart [GeV]"
    )
    single_number: Count = Field(default=10000, description="full showers made for each of them")
    density_width: Count = Field(default=48, description="hidden layers of the layers' density")
    density_components: Count = Field(default=8, description="components of its mixtures")
    density_passes: Count = Field(default=100, description="how often its fit sees each shower")
    density_batch: Count = Field(default=256, description="showers of such a step")
    density_rate: Positive = Field(default=2e-3, description="learning rate of its fit")
    density_decay: Positive = Field(default=1.0, description="decay of its weights")
    hit_draws: Count = Field(
        default=32,
        description="energies drawn for a layer, of which those that fit its sum are kept",
    )
    iterations: Count = Field(default=2000, description="generator steps")
    batch: Count = Field(default=128, description="showers of a step")
    noise: Count = Field(default=32, description="dimensions of the generator's noise")
    secondaries: int = Field(
        default=0,
        ge=0,
        description="particles in a shower with a line of their own, half of them as tracks, half"
        " with cores",
    )
    generator_widths: list[Count] = Field(default=[256, 128], description="hidden layers")
    critic_widths: list[Count] = Field(default=[256, 256, 64], description="hidden layers")
    critic_steps: Count = Field(default=3, description="critic steps to one of the generator")
    penalty: Positive = Field(default=10.0, description="weight of the gradient penalty")
    penalty_every: Count = Field(default=2, description="critic steps to one with the penalty")
    generator_rate: Positive = Field(default=4e-4, description="learning rate")
    critic_rate: Positive = Field(default=5e-4, description="learning rate")
    average: Fraction = Field(default=0.998, description="memory of the averaged generator")
    report_every: Count = Field(default=100, description="iterations between progress lines")
    glanced: Count = Field(default=500, description="held-out showers that progress is seen with")
    settings_of: dict[Particle, dict[str, Any]] = Field(
        default={"pi+": {"secondaries": 16, "generator_widths": [512, 256], "hit_draws": 128}},
        description="of a particle, instead of those of all",
    )

    def of(self, particle: str) -> dict[str, Any]:
        """Settings of a particle, not yet checked."""
        own = {str(name): settings for name, settings in self.settings_of.items()}
        return self._all() | {"settings_of": {}} | own.get(particle, {})

    def _all(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FastsimNetwork.model_fields}


class FastsimVariant(Section):
    """A fast simulation that is trained and judged for comparison, and used for nothing."""

    particles: list[str] = Field(default=[], description="of which; empty is all")
    seed: int = Field(default=0, ge=0, description="added to that of the production")
    settings: dict[str, Any] = Field(
        default={}, description="instead of those of the section; single_energies are none"
    )


class Fastsim(FastsimNetwork, FastsimGate):
    """Conditional WGAN-GP and the gate that judges it."""

    variants: dict[Name, FastsimVariant] = Field(
        default={}, description="others to compare with: of another seed, or without an ingredient"
    )

    def network(self, variant: str) -> dict[str, Any]:
        """Settings of the network of a variant, not yet checked."""
        own = self.variants[variant].settings
        of = {
            particle: {name: value for name, value in settings.items() if name not in own}
            for particle, settings in self.settings_of.items()
        }
        return self._all() | {"single_energies": [], "settings_of": of} | own
