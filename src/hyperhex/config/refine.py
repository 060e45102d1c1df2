"""The sections of the data's response and of the refinement."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field, model_validator

from hyperhex.config.section import Count, Fraction, Positive, Section, Threads

__all__ = ["Data", "Refine"]


class Data(Section):
    """Detector response that the simulation does not know: what makes showers into "data"."""

    gain_spread: float = Field(
        default=0.15, ge=0, lt=1, description="standard deviation of ln(gain) from cell to cell"
    )
    crosstalk: float = Field(
        default=0.015, ge=0, lt=1 / 6, description="share of a cell that each neighbour receives"
    )
    noise: float = Field(default=0.15, ge=0, description="electronic noise of a cell, rms [MIP]")
    dead_fraction: float = Field(default=0.03, ge=0, lt=1, description="chance of a dead cell")
    saturation: Positive = Field(
        default=3000.0, description="energy at which a cell reads half of it [MIP]"
    )
    threshold: float = Field(default=0.5, ge=0, description="least energy of a hit [MIP]")


class Refine(Section):
    """Adversarial refinement of simulated showers."""

    threads: Threads = 1
    held_out: Fraction = Field(default=0.3, description="share of the showers that judge the rest")
    iterations: Count = Field(default=700, description="steps of the refiner")
    batch: Count = Field(default=128, description="showers of each kind in a step")
    critic_steps: Count = Field(
        default=2, description="steps of the critic per step of the refiner"
    )
    critic_width: Count = Field(default=64, description="neurons of a layer of the critic")
    correction_width: Count = Field(default=32, description="neurons of the refiner's correction")
    knots: Count = Field(
        default=9, description="bends of the non-linearity, a unit of ln(e/MIP) each"
    )
    refiner_rate: Fraction = Field(default=1e-2, description="first learning rate of the refiner")
    critic_rate: Fraction = Field(default=2e-3, description="first learning rate of the critic")
    gradient_penalty: Positive = Field(default=10.0, description="weight of the critic's slopes")
    fade: float = Field(default=0.3, ge=0, description="how soon slopes fade as the samples meet")
    self_regularisation: float = Field(
        default=0.02, ge=0, description="weight of the refiner's change of ln(cell energy)"
    )
    energy_neighbours: Count = Field(
        default=10, description="simulated showers next in energy from which a data shower draws"
    )
    memory: Fraction = Field(default=0.98, description="of the average over the last iterations")
    baseline_iterations: Count = Field(
        default=200, description="steps of the baseline that has no critic"
    )
    energy_edges: list[Positive] = Field(
        default=[1.0, 3.0, 10.0, 30.0, 100.0],
        min_length=2,
        description="energy bins of bias and resolution [GeV]",
    )
    bootstrap: int = Field(default=200, ge=10, description="replicas that errors come from")

    @model_validator(mode="after")
    def _check(self) -> Refine:
        if any(low >= high for low, high in pairwise(self.energy_edges)):
            msg = f"energy_edges that rise; {self.energy_edges} was given"
            raise ValueError(msg)
        return self
