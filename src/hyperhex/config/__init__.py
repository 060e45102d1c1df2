"""The only reader of YAML: one frozen model per stage, checked as a whole before anything starts.

A config is a YAML file with one section per stage. Everything has a default, unknown keys are
errors, and all faults are listed at once. Each stage sees its own section only, as a small JSON
file that Snakemake takes for the trigger of reruns.
"""

from __future__ import annotations

from hyperhex.config.detect import (
    Calorimeter,
    Candidates,
    Detect,
    Image,
    Jets,
    Region,
    Resolution,
    Tracker,
)
from hyperhex.config.fastsim import Fastsim, FastsimGate, FastsimLimits, FastsimNetwork
from hyperhex.config.generate import Decay, Generate, Point, Preselection, Spectrum, Theory
from hyperhex.config.hyperclass import Hyperclass, Injection, Scaling
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
)
from hyperhex.config.production import (
    Config,
    DetectSettings,
    FastsimSettings,
    GateSettings,
    GenerateSettings,
    HyperclassSettings,
    RefineSettings,
    SimulateSettings,
    TheoryLabel,
    TrainSettings,
)
from hyperhex.config.reading import (
    checked,
    default_stage,
    load_stage,
    read,
    resolve,
    schema,
    stage_settings,
    theories,
)
from hyperhex.config.refine import Data, Refine
from hyperhex.config.simulate import Block, Simulate, Slab, Stack, StackSection, Transport
from hyperhex.config.train import DeepSvdd, Mixture, Network, Train, Trees
from hyperhex.config.tuning import Tuning, dealt

__all__ = [
    "Autoencoder",
    "Block",
    "Calorimeter",
    "Candidates",
    "Config",
    "Data",
    "Decay",
    "DeepSets",
    "DeepSvdd",
    "Density",
    "Descent",
    "Detect",
    "DetectSettings",
    "Fastsim",
    "FastsimGate",
    "FastsimLimits",
    "FastsimNetwork",
    "FastsimSettings",
    "Flow",
    "Forest",
    "GateSettings",
    "Generate",
    "GenerateSettings",
    "Hyperclass",
    "HyperclassSettings",
    "Image",
    "Injection",
    "Jets",
    "Methods",
    "Mixture",
    "Network",
    "Point",
    "Preselection",
    "Refine",
    "RefineSettings",
    "Region",
    "Resolution",
    "Scaling",
    "Simulate",
    "SimulateSettings",
    "Slab",
    "Spectrum",
    "Stack",
    "StackSection",
    "Theory",
    "TheoryLabel",
    "Tracker",
    "Train",
    "TrainSettings",
    "Transformer",
    "Transport",
    "Trees",
    "Tuning",
    "VariationalAutoencoder",
    "checked",
    "dealt",
    "default_stage",
    "load_stage",
    "read",
    "resolve",
    "schema",
    "stage_settings",
    "theories",
]
