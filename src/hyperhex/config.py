"""The only reader of YAML: one frozen model per stage, checked as a whole before anything starts.

A config is a YAML file with one section per stage. Everything has a default, unknown keys are
errors, and all faults are listed at once. Each stage sees its own section only, as a small JSON
file that Snakemake takes for the trigger of reruns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hyperhex.errors import ConfigError

__all__ = [
    "Calorimeter",
    "Candidates",
    "Config",
    "Data",
    "Decay",
    "DeepSvdd",
    "Detect",
    "DetectSettings",
    "Fastsim",
    "FastsimSettings",
    "Generate",
    "GenerateSettings",
    "Hyperclass",
    "HyperclassSettings",
    "Image",
    "Injection",
    "Jets",
    "Mixture",
    "Network",
    "Point",
    "Preselection",
    "Refine",
    "RefineSettings",
    "Region",
    "Resolution",
    "Simulate",
    "SimulateSettings",
    "Slab",
    "Spectrum",
    "Stack",
    "Theory",
    "TheoryLabel",
    "Tracker",
    "Train",
    "TrainSettings",
    "Transport",
    "Trees",
    "load_stage",
    "resolve",
    "schema",
    "stage_settings",
    "theories",
]

THEORY_FOLDER = Path("config/theories")

# a parameter in a theory's setting
_NAME = re.compile(r"\{([A-Za-z]\w*)\}")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="letters, digits and _")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(gt=0)]
Threads = Annotated[
    int, Field(ge=1, le=64, description="threads of the training; changes floating-point sums")
]


class Section(BaseModel):
    """A frozen part of the config in which unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Point(Section):
    """One choice of a theory's parameters."""

    label: Name
    parameters: dict[str, float] = Field(
        default={}, description="values that replace {name} in the settings [GeV where a mass]"
    )
    events: Count = Field(default=1000, description="events to generate, before `scale`")


class Decay(Section):
    """A decay channel of a sparticle."""

    fraction: Fraction | Literal[1] = Field(default=1, description="branching fraction")
    products: list[int] = Field(min_length=2, max_length=4, description="particle codes")


class Spectrum(Section):
    """A simplified supersymmetric spectrum; what is not named is decoupled."""

    masses: dict[int, float | str] = Field(
        min_length=1, description="sparticle code: mass [GeV], or {name} of a parameter"
    )
    decays: dict[int, list[Decay]] = Field(
        default={}, description="sparticle code: its channels; without, it is stable"
    )
    tan_beta: Positive = 10.0


class Theory(Section):
    """A hypothesis about nature: a generator with its settings and a grid of parameters."""

    name: Name
    title: str
    role: Literal["background", "signal"]
    group: Name = Field(description="family of theories, left out together")
    paper: str = Field(default="", description="where the theory is defined, arXiv number")
    settings: list[str] = Field(default=[], description="Pythia 8 settings, one `Key = value` each")
    lhe: str | None = Field(
        default=None,
        description="Les Houches file (plain or .gz) whose events Pythia showers instead",
    )
    slha: Spectrum | None = Field(
        default=None, description="supersymmetric spectrum, written as an SLHA file for Pythia"
    )
    points: list[Point] = Field(min_length=1)

    def faults(self) -> list[str]:
        """What does not fit together: labels, parameters, where the events come from."""
        found: list[str] = []
        if not self.settings and self.lhe is None:
            found.append("settings: none given, expected Pythia settings, or a file as `lhe`")
        labels = [point.label for point in self.points]
        found += [
            f"points.{label}: label given {labels.count(label)} times, expected once"
            for label in sorted({label for label in labels if labels.count(label) > 1})
        ]
        masses = [] if self.slha is None else self.slha.masses.values()
        used = {
            name for text in (*self.settings, *map(str, masses)) for name in _NAME.findall(text)
        }
        for point in self.points:
            given = set(point.parameters)
            if used != given:
                found.append(
                    f"points.{point.label}.parameters: {sorted(given)} given,"
                    f" the settings use {sorted(used)}"
                )
        return found


class TheoryChoice(Section):
    """A theory as this production uses it."""

    scale: Positive = Field(default=1.0, description="multiplies the events of its points")
    points: list[Name] = Field(default=[], description="labels of the points to use; empty is all")


class Preselection(Section):
    """Loose selection of generated events, looser than any region of reconstructed events."""

    visible_pt: float = Field(
        default=350.0, ge=0, description="least scalar sum of the visible particles' pT [GeV]"
    )
    missing_pt: float = Field(
        default=100.0, ge=0, description="least pT of the sum of the invisible particles [GeV]"
    )


class Generate(Section):
    """Monte Carlo generation."""

    energy: Positive = Field(default=13000.0, description="centre-of-mass energy [GeV]")
    multiparton: bool = Field(
        default=False,
        description="multiparton interactions; off, for they cost 4 to 7 times the rest of an"
        " event and add soft particles that a search at high HT and missing energy does not see",
    )
    scale: Positive = Field(default=1.0, description="multiplies the events of every point")
    events_per_part: Count = Field(
        default=20_000,
        description="events of one child process: the unit of resume and of randomness",
    )
    time_limit: Positive = Field(default=600.0, description="longest life of a child process [s]")
    preselection: Preselection = Preselection()
    particle_pt: float = Field(
        default=0.3,
        ge=0,
        description="least pT of a stored visible particle [GeV]; 0.3 leaves out 1 % of the"
        " scalar sum and a third of the particles",
    )
    eta: Positive = Field(default=5.0, description="largest |eta| of a visible particle")


class Slab(Section):
    """One slab of a sampling calorimeter."""

    material: Literal["tungsten", "lead", "silicon", "vacuum"]
    thickness: Positive = Field(description="along the beam [cm]")


class Stack(Section):
    """Sampling calorimeter: a block of slabs, repeated, with hexagonal cells in the silicon."""

    block: list[Slab] = Field(
        default=[
            Slab(material="tungsten", thickness=0.3),
            Slab(material="vacuum", thickness=0.3),
            Slab(material="silicon", thickness=0.03),
            Slab(material="vacuum", thickness=0.3),
        ],
        min_length=1,
        description="slabs of one block, the first one met first",
    )
    groups: list[Count] = Field(
        default=[3, 3, 3, 3, 4, 4, 4, 4],
        min_length=1,
        description="numbers of blocks whose silicon is read out as one layer",
    )
    rings: Count = Field(default=6, description="rings of cells about the central one")
    pitch: Positive = Field(default=1.2, description="flat-to-flat width of a cell [cm]")
    radius: Positive = Field(default=30.0, description="where the calorimeter ends sideways [cm]")

    @model_validator(mode="after")
    def _has_silicon(self) -> Stack:
        if not any(slab.material == "silicon" for slab in self.block):
            msg = "block has no slab of silicon, so nothing would be read out; add one"
            raise ValueError(msg)
        return self


# the tables of the transport reach from 0.06 MeV to 1 TeV
CutEnergy = Annotated[float, Field(ge=0.07e-3, le=0.01)]
_HIGHEST_ENERGY = 1000.0


class Transport(Section):
    """Cuts and steps of the transport."""

    photon_cut: CutEnergy = Field(
        default=0.1e-3, description="photons below are neither made nor followed [GeV]"
    )
    electron_cut: CutEnergy = Field(
        default=0.1e-3, description="electrons below are not followed [GeV]"
    )
    knock_on_cut: CutEnergy = Field(
        default=0.3e-3, description="softer knock-on electrons are part of the energy loss [GeV]"
    )
    straggling_cut: Positive = Field(
        default=5e-6, description="harder losses in silicon fluctuate one by one [GeV]"
    )
    absorption: float = Field(
        default=2e-3,
        ge=0,
        description="softer electrons stop where they are if their range ends in the same passive"
        " slab [GeV]",
    )
    step_loss: Fraction = Field(default=0.2, description="largest share of energy lost in a step")
    step_scattering: float = Field(
        default=1.0, gt=0, le=1, description="longest step in transport mean free paths"
    )


class Simulate(Section):
    """Full simulation of showers in a stack of slabs."""

    particles: list[Literal["photon", "electron"]] = ["photon", "electron"]
    number: Count = Field(default=5000, description="showers per particle")
    energy: tuple[Positive, Positive] = Field(
        default=(1.0, 100.0), description="range, log-uniform [GeV]"
    )
    showers_per_part: Count = Field(default=250, description="showers of one shard")
    stack: Stack = Stack()
    transport: Transport = Transport()

    @model_validator(mode="after")
    def _has_a_range(self) -> Simulate:
        low, high = self.energy
        if not 1e-3 <= low < high <= _HIGHEST_ENERGY:
            msg = f"energy {low}, {high} given; two numbers that rise from 0.001 to 1000 expected"
            raise ValueError(msg)
        return self


class FastsimLimits(Section):
    """What the gate asks of the fast simulation, for each particle."""

    auc_high: Fraction = Field(default=0.90, description="largest AUC on observables")
    response: Positive = Field(default=0.04, description="largest |G/R - 1| of the mean response")
    width: Positive = Field(default=0.30, description="largest |G/R - 1| of the response's width")
    layers: Positive = Field(default=0.10, description="largest departure of the layer fractions")
    rings: Positive = Field(default=0.10, description="largest departure of the ring fractions")
    hits: Positive = Field(default=0.15, description="largest |G/R - 1| of the number of hits")
    spectrum: Positive = Field(default=0.30, description="largest |G/R - 1| of the cell spectrum")


class Fastsim(Section):
    """Conditional WGAN-GP and the gate that judges it."""

    threads: Threads = 1
    threshold: Positive = Field(default=0.5, description="least energy of a cell [MIP]")
    held_out: Fraction = Field(default=0.25, description="share of the library that judges")
    iterations: Count = Field(default=3200, description="generator steps")
    batch: Count = Field(default=128, description="showers of a step")
    noise: Count = Field(default=32, description="dimensions of the generator's noise")
    generator_widths: list[Count] = Field(default=[256, 256], description="hidden layers")
    critic_widths: list[Count] = Field(default=[256, 256, 64], description="hidden layers")
    critic_steps: Count = Field(default=3, description="critic steps to one of the generator")
    penalty: Positive = Field(default=10.0, description="weight of the gradient penalty")
    penalty_every: Count = Field(default=2, description="critic steps to one with the penalty")
    generator_rate: Positive = Field(default=4e-4, description="learning rate")
    critic_rate: Positive = Field(default=5e-4, description="learning rate")
    average: Fraction = Field(default=0.998, description="memory of the averaged generator")
    report_every: Count = Field(default=100, description="iterations between progress lines")
    limits: FastsimLimits = FastsimLimits()


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


class Region(Section):
    """Selection of events in which the search takes place."""

    name: Name = "ht400_met150"
    ht: float = Field(default=400.0, ge=0, description="least scalar sum of jet pT [GeV]")
    ht_max: float | None = Field(default=None, description="most scalar sum of jet pT [GeV]")
    met: float = Field(default=150.0, ge=0, description="least missing transverse energy [GeV]")
    met_max: float | None = Field(default=None, description="most missing transverse energy [GeV]")
    min_dphi: float = Field(
        default=0.4,
        ge=0,
        lt=3.1416,
        description="least angle of the leading jets to the missing energy [rad]",
    )
    dphi_jets: int = Field(
        default=3, ge=1, le=20, description="leading jets that min_dphi is about, at most all slots"
    )

    @model_validator(mode="after")
    def _check(self) -> Region:
        for name, least, most in (
            ("ht", self.ht, self.ht_max),
            ("met", self.met, self.met_max),
        ):
            if most is not None and most <= least:
                msg = f"{name}_max above {name}; {name}={least}, {name}_max={most} keep no event"
                raise ValueError(msg)
        return self


class Resolution(Section):
    """Energy resolution sigma/E = stochastic / sqrt(E) (+) constant, E in GeV."""

    stochastic: float = Field(ge=0, description="[sqrt(GeV)]")
    constant: float = Field(ge=0, lt=1)


class Calorimeter(Section):
    """Hexagonal cells in (eta, phi), the towers that jets are made of, and their response."""

    cells_around: int = Field(
        default=720,
        ge=60,
        le=2000,
        description="cells around in phi; each is one cell of the showers' patch",
    )
    towers_around: int = Field(default=72, ge=12, le=360, description="towers around in phi")
    eta_max: float = Field(default=4.9, ge=1, le=5, description="end of the calorimeter")
    noise: float = Field(default=0.010, gt=0, description="noise of a cell, all layers, rms [GeV]")
    threshold: float = Field(
        default=0.040, gt=0, description="least energy of a cell that is read out [GeV]"
    )
    electromagnetic: Resolution = Resolution(stochastic=0.20, constant=0.01)
    hadronic: Resolution = Resolution(stochastic=0.80, constant=0.05)
    forward: Resolution = Resolution(stochastic=1.00, constant=0.10)
    forward_eta: Positive = Field(default=3.2, description="where the forward part begins")
    position: float = Field(
        default=0.02, ge=0, description="spread of a hadron's shower in eta and in phi [rad]"
    )


class Tracker(Section):
    """Charged particles: sigma(pT)/pT = constant (+) slope * pT, pT in GeV."""

    eta_max: Positive = 2.5
    efficiency: Fraction = 0.95
    separated: Fraction = Field(
        default=0.4,
        description="share of tracked hadrons whose deposit is told apart: the track replaces it",
    )
    constant: float = Field(default=0.010, ge=0, lt=1)
    slope: float = Field(default=2.0e-4, ge=0, lt=1, description="[1/GeV]")
    loopers: float = Field(
        default=0.4, ge=0, description="pT below which a charged hadron is lost in the field [GeV]"
    )


class Jets(Section):
    """Anti-kT jets, their calibration and their b-tags."""

    radius: Positive = 0.4
    pt: Positive = Field(default=20.0, description="least calibrated pT [GeV]")
    eta: Positive = Field(default=2.8, description="largest |eta|")
    response: tuple[Positive, float] = Field(
        default=(0.998, 0.33),
        description="(a, b): jets measure a - b/pT of their true pT, pT in GeV",
    )
    tag_b: Fraction = Field(default=0.72, description="chance that a b-jet is tagged")
    tag_c: Fraction = Field(default=0.12, description="chance that a c-jet is tagged")
    tag_light: Fraction = Field(default=0.01, description="chance that any other jet is tagged")
    tag_cone: Positive = Field(default=0.3, description="dR of a jet to its B or C hadron")
    tag_eta: Positive = Field(default=2.5, description="largest |eta| of a tagged jet")


class Candidates(Section):
    """Isolated electrons, muons or photons."""

    pt: Positive = Field(description="least pT [GeV]")
    eta: Positive = Field(description="largest |eta|")
    efficiency: Fraction = Field(description="chance to be identified, |eta| < 1.5")
    efficiency_outer: Fraction = Field(description="chance to be identified, |eta| > 1.5")
    isolation: Positive = Field(default=0.15, description="most other pT in the cone, relative")
    cone: Positive = Field(default=0.3, description="dR of the isolation cone")


class Image(Section):
    """Hexagonal image of an event in (eta, phi)."""

    around: int = Field(default=20, ge=6, le=72, description="cells around in phi")
    eta_max: float = Field(default=3.0, gt=0, le=5)


class Detect(Section):
    """Detection and reconstruction of generated events."""

    events_per_part: Count = Field(default=1000, description="events of one shard")
    network_energy: float = Field(
        default=5.0,
        ge=1,
        le=100,
        description="least energy that the network draws; softer ones are parametrised [GeV]",
    )
    network_energy_max: float = Field(
        default=100.0,
        ge=1,
        description="showers of higher energy are scaled up from this energy [GeV]",
    )
    network_eta: float = Field(default=3.0, gt=0, le=5, description="largest |eta| of the network")
    calorimeter: Calorimeter = Calorimeter()
    tracker: Tracker = Tracker()
    jets: Jets = Jets()
    electrons: Candidates = Candidates(pt=15, eta=2.7, efficiency=0.95, efficiency_outer=0.85)
    muons: Candidates = Candidates(pt=15, eta=2.5, efficiency=0.95, efficiency_outer=0.90)
    photons: Candidates = Candidates(pt=20, eta=2.37, efficiency=0.95, efficiency_outer=0.85)
    image: Image = Image()
    region: Region = Region()

    @model_validator(mode="after")
    def _check(self) -> Detect:
        if self.network_energy > self.network_energy_max:
            msg = f"network_energy up to network_energy_max; {self.network_energy} is above it"
            raise ValueError(msg)
        return self


class Mixture(Section):
    """The hyperclass sum_i w_i p_i(x): which weight each theory has."""

    weights: Literal["per_theory", "per_point", "cross_section"] | dict[Name, Positive] = Field(
        default="per_theory",
        description="equal per theory, equal per point, by the cross-section in the region, or"
        " relative weights of theories and parts by name",
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


class Network(Section):
    """Multilayer perceptron (PyTorch)."""

    layers: list[Count] = Field(default=[128, 128, 64], min_length=1)
    epochs: Count = Field(default=25, description="most passes over the events")
    batch: Count = 256
    learning_rate: Fraction = 2e-3
    dropout: float = Field(default=0.1, ge=0, lt=1)
    patience: Count = Field(default=6, description="epochs without progress before stopping")


class DeepSvdd(Section):
    """Deep SVDD ensemble (arXiv:2105.14027): one network per target value and dimension."""

    targets: list[float] = Field(default=[0.0, 1.0, 4.0, 10.0], min_length=1)
    dimensions: list[Count] = Field(default=[5, 13, 34, 89], min_length=1)
    layers: list[Count] = Field(default=[64, 64], min_length=1)
    epochs: Count = 20
    batch: Count = 256
    learning_rate: Fraction = 1e-3


class Train(Section):
    """Classifiers of event records."""

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
    mixture: Mixture = Mixture()
    trees: Trees = Trees()
    network: Network = Network()
    deep_svdd: DeepSvdd = DeepSvdd()


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
    injection: Injection = Injection()


class Config(Section):
    """One production: a config and all that it makes."""

    name: Name = "collider"
    experiment: Literal["collider"] = "collider"
    seed: int = Field(default=20220, ge=0, lt=2**63)
    theories: dict[Name, TheoryChoice] = Field(
        default={}, description="theories by name, files of config/theories; empty is all of them"
    )
    generate: Generate = Generate()
    simulate: Simulate = Simulate()
    fastsim: Fastsim = Fastsim()
    data: Data = Data()
    refine: Refine = Refine()
    detect: Detect = Detect()
    train: Train = Train()
    hyperclass: Hyperclass = Hyperclass()


class TheoryLabel(Section):
    """What training and testing know about a theory."""

    role: Literal["background", "signal"]
    group: Name
    title: str
    points: list[Name]


class StageSettings(Section):
    """What a stage is told: the production, its seed and the sections that it reads."""

    production: Name
    seed: int


class GenerateSettings(StageSettings):
    """Settings of the generation of one theory."""

    generate: Generate
    theory: Theory
    scale: Positive = 1.0


class SimulateSettings(StageSettings):
    """Settings of the full simulation."""

    simulate: Simulate


class FastsimSettings(StageSettings):
    """Settings of the fast simulation."""

    fastsim: Fastsim


class RefineSettings(StageSettings):
    """Settings of the refinement."""

    data: Data
    refine: Refine


class DetectSettings(StageSettings):
    """Settings of the detection."""

    detect: Detect


class TrainSettings(StageSettings):
    """Settings of the training."""

    train: Train
    theories: dict[Name, TheoryLabel]


class HyperclassSettings(StageSettings):
    """Settings of the scores and the hypothesis test."""

    detect: Detect
    hyperclass: Hyperclass
    theories: dict[Name, TheoryLabel]


_STAGES: dict[str, type[StageSettings]] = {
    "generate": GenerateSettings,
    "simulate": SimulateSettings,
    "fastsim": FastsimSettings,
    "refine": RefineSettings,
    "detect": DetectSettings,
    "train": TrainSettings,
    "hyperclass": HyperclassSettings,
}

Model = TypeVar("Model", bound=BaseModel)


def resolve(raw: Mapping[str, Any], folder: Path | None = None) -> tuple[Config, dict[str, Theory]]:
    """Config with all defaults filled in, and its theories by name (backgrounds first).

    `folder` holds the theories' files. Raises `ConfigError` with every fault of the config and of
    the theories' files.
    """
    faults: list[str] = []
    config = _parse(Config, raw, "", faults)
    chosen = _mapping(raw, "theories") if config is None else config.theories
    known = theories(folder or THEORY_FOLDER, faults, only=list(chosen))
    if config is not None and not faults:
        known = _choose(config, known, faults)
        _check_together(config, known, faults)
    if faults or config is None:
        raise ConfigError(faults)
    return config, known


def theories(
    folder: Path, faults: list[str] | None = None, only: list[str] | None = None
) -> dict[str, Theory]:
    """Theories of a folder by name, backgrounds first; faults are appended, or raised if None."""
    found: dict[str, Theory] = {}
    listed: list[str] = [] if faults is None else faults
    names = only or sorted(path.stem for path in folder.glob("*.yaml"))
    if not names:
        listed.append(f"theories: no theory file in {folder}, expected <name>.yaml files")
    for name in names:
        theory = _read_theory(folder / f"{name}.yaml", listed)
        if theory is not None:
            found[name] = theory
    if faults is None and listed:
        raise ConfigError(listed)
    return dict(sorted(found.items(), key=lambda item: (item[1].role, item[0])))


def stage_settings(
    config: Config, known: Mapping[str, Theory], stage: str, theory: str | None = None
) -> str:
    """JSON text of what a stage is told; of one theory's generation if `stage` is generate."""
    told: dict[str, Any] = {"production": config.name, "seed": config.seed}
    if stage == "generate" and theory is not None:
        choice = config.theories.get(theory, TheoryChoice())
        told |= {"generate": config.generate, "theory": known[theory], "scale": choice.scale}
    else:
        fields = _STAGES[stage].model_fields
        told |= {key: getattr(config, key) for key in fields if key not in {*told, "theories"}}
        if "theories" in fields:
            told["theories"] = {name: _label(value) for name, value in known.items()}
    return _STAGES[stage].model_validate(told).model_dump_json(indent=1)


def load_stage(path: Path, stage: str) -> Any:
    """Settings of a stage from the JSON file that the production wrote (`<Stage>Settings`)."""
    try:
        text = path.read_text()
    except OSError as error:
        msg = f"{path}: {error.strerror}; `snakemake {path}` writes it"
        raise ConfigError([msg]) from error
    faults: list[str] = []
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError([f"{path}: not JSON: {error}"]) from error
    settings = _parse(_STAGES[stage], raw, "", faults)
    if settings is None:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return settings


def read(path: Path) -> dict[str, Any]:
    """Mapping in a YAML file."""
    try:
        raw = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}, expected a YAML file"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(raw, dict):
        raise ConfigError([f"{path}: {type(raw).__name__} given, expected `key: value` lines"])
    return raw


def schema() -> str:
    """JSON schema of a config, for editors."""
    return json.dumps(Config.model_json_schema(), indent=1, sort_keys=True) + "\n"


def _label(theory: Theory) -> TheoryLabel:
    points = [point.label for point in theory.points]
    return TheoryLabel(role=theory.role, group=theory.group, title=theory.title, points=points)


def _read_theory(path: Path, faults: list[str]) -> Theory | None:
    try:
        raw = read(path)
    except ConfigError as error:
        faults += [f"theories.{path.stem}: {fault}" for fault in error.faults]
        return None
    theory = _parse(Theory, raw, f"theories.{path.stem}.", faults)
    if theory is not None and theory.name != path.stem:
        faults.append(f"theories.{path.stem}.name: {theory.name} given, expected the file's name")
    if theory is not None:
        faults += [f"theories.{path.stem}.{fault}" for fault in theory.faults()]
    return theory


def _choose(config: Config, known: dict[str, Theory], faults: list[str]) -> dict[str, Theory]:
    chosen = dict(known)
    for name, choice in config.theories.items():
        if name not in known or not choice.points:
            continue
        labels = {point.label: point for point in known[name].points}
        unknown = [label for label in choice.points if label not in labels]
        if unknown:
            faults.append(f"theories.{name}.points: {unknown} given, allowed {sorted(labels)}")
        points = [labels[label] for label in choice.points if label in labels]
        if points:
            chosen[name] = known[name].model_copy(update={"points": points})
    return chosen


def _check_together(config: Config, known: Mapping[str, Theory], faults: list[str]) -> None:
    for role, least in (("background", 1), ("signal", 2)):
        number = sum(theory.role == role for theory in known.values())
        if number < least:
            faults.append(f"theories: {number} with role {role} given, at least {least} needed")
    signals = sorted(name for name, theory in known.items() if theory.role == "signal")
    faults += [
        f"train.mixture.weights: {name} given, allowed are the signals {signals}"
        for name in config.train.mixture.flatten()
        if name not in signals
    ]
    _check_injection(config.hyperclass.injection, known, signals, faults)
    _check_detection(config, faults)


def _check_detection(config: Config, faults: list[str]) -> None:
    region, (least, most) = config.detect.region, config.simulate.energy
    if region.ht + region.met > config.generate.energy:
        faults.append(
            f"detect.region: ht + met = {region.ht + region.met} given, expected at most"
            f" generate.energy = {config.generate.energy}"
        )
    for name in ("network_energy", "network_energy_max"):
        energy = getattr(config.detect, name)
        if not least <= energy <= most:
            faults.append(
                f"detect.{name}: {energy} given, expected {least} to {most},"
                " the simulated energies (simulate.energy)"
            )


def _check_injection(
    injection: Injection, known: Mapping[str, Theory], signals: list[str], faults: list[str]
) -> None:
    place = "hyperclass.injection"
    name = injection.theory
    if name is None:
        return
    if name not in signals:
        faults.append(f"{place}.theory: {name} given, allowed are the signals {signals}")
        return
    labels = [point.label for point in known[name].points]
    if injection.point is not None and injection.point not in labels:
        faults.append(f"{place}.point: {injection.point} given, allowed for {name}: {labels}")


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _parse(
    model: type[Model], raw: Mapping[str, Any], prefix: str, faults: list[str]
) -> Model | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults += [prefix + _fault(model, dict(detail)) for detail in error.errors()]
        return None


def _fault(model: type[BaseModel], detail: dict[str, Any]) -> str:
    place = ".".join(str(key) for key in detail["loc"]) or model.__name__.lower()
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key; allowed here: {_allowed(model, detail['loc'][:-1])}"
    if detail["type"] == "missing":
        return f"{place}: nothing given, a value is required"
    reason = re.sub(r"^(Input|Value error,) (should be )?", "", detail["msg"])
    return f"{place}: {detail['input']!r} given, expected {reason}"


def _allowed(model: Any, place: tuple[str | int, ...]) -> str:
    for key in place:
        field = getattr(model, "model_fields", {}).get(key)
        model = getattr(field, "annotation", None)
    fields = getattr(model, "model_fields", None)
    return ", ".join(sorted(fields)) if fields else "see config/schema.json"
