"""Event records of toy theories: objects of some scale and number around missing energy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import HyperclassSettings, TrainSettings
from hyperhex.detect.schema import SCHEMA
from hyperhex.detector.cylinder import Cylinder

GRID = Cylinder(8, 2.0)
KINDS = {"jet": 1, "bjet": 2, "lepton": (3, 4, 5, 6), "photon": 7}


@dataclass(frozen=True)
class Toy:
    name: str
    role: str = "signal"
    scale: float = 300.0
    met: float = 200.0
    bjets: float = 0.3
    leptons: float = 0.2
    points: tuple[str, ...] = ("light", "heavy")
    events: int = 200
    cross_section: float = 0.1
    negative: float = 0.0
    group: str = "toys"
    extra: dict = field(default_factory=dict)


BACKGROUNDS = (
    Toy("top", "background", 150, 90, 1.5, 0.4, ("low", "high"), 1000, 6.0, 0.1),
    Toy("wjets", "background", 170, 100, 0.1, 0.6, ("low",), 900, 4.0),
)
SIGNALS = (
    Toy("excited", scale=500, met=150, bjets=0.1, leptons=0.1),
    Toy("gluino", scale=420, met=400, bjets=0.6, leptons=0.1, points=("light",)),
    Toy("leptoquark", scale=330, met=250, bjets=1.2, leptons=1.2),
    Toy("zprime", scale=350, met=180, bjets=1.6, leptons=0.3),
)


def arrays(toy: Toy, seed: int) -> dict[str, NDArray[Any]]:
    """Arrays of all points of a theory, axis event first."""
    random = np.random.default_rng([seed, *toy.name.encode()])
    points = np.repeat(np.arange(len(toy.points), dtype=np.int16), toy.events)
    n = len(points)
    scale = toy.scale * (1.0 + 0.4 * points)
    met = 150.0 + random.exponential(toy.met * (1.0 + 0.3 * points))
    number = 2 + random.poisson(2.0, n)
    pt = np.sort(random.exponential(scale[:, None], (n, 20)), axis=1)[:, ::-1]
    pt = pt * np.exp(-0.35 * np.arange(20)) + 25.0
    kind = np.where(random.random((n, 20)) < toy.bjets / 4, KINDS["bjet"], KINDS["jet"])
    light = random.random((n, 20))
    kind = np.where(light < toy.leptons / 4, random.integers(3, 7, (n, 20)), kind)
    kind = np.where(light > 0.98, KINDS["photon"], kind)
    kind = np.where(np.arange(20) < number[:, None], kind, 0).astype(np.uint8)
    eta, phi = random.normal(0, 1.2, (n, 20)), random.uniform(-np.pi, np.pi, (n, 20))
    objects = np.stack([pt * np.cosh(eta), pt, eta, phi], axis=-1) * (kind > 0)[..., None]
    hadronic = (kind == 1) | (kind == 2)
    ht = np.where(hadronic, objects[..., 1], 0).sum(axis=1)
    sign = np.where(random.random(n) < toy.negative, -1.0, 1.0)
    return {
        "weight": sign * toy.cross_section / n * random.uniform(0.5, 1.5, n),
        "point": points,
        "number": np.tile(np.arange(toy.events), len(toy.points)),
        "met": met,
        "met_phi": random.uniform(-np.pi, np.pi, n),
        "ht": ht,
        "min_dphi": random.uniform(0.4, 2.0, n),
        "objects": objects,
        "object_type": kind,
        "image": _images(objects),
        "in_region": (ht >= 250.0) & (met >= 150.0),
    }


def _images(objects: NDArray[Any]) -> NDArray[Any]:
    """Transverse energy of all objects in the cells that they point to."""
    event, slot = np.nonzero(objects[..., 1])
    _, pt, eta, phi = objects[event, slot].T
    cell = GRID.index(eta, phi)
    inside = cell >= 0
    image = np.zeros((len(objects), GRID.n_cells))
    np.add.at(image, (event[inside], cell[inside]), pt[inside])
    return image


def write(folder: Path, toy: Toy, seed: int = 1) -> Path:
    """Store of a toy theory's event records; its path."""
    values = arrays(toy, seed)
    number = len(toy.points)
    per_point = {
        "cross_section": np.full(number, toy.cross_section),
        "cross_section_error": np.full(number, 0.01),
        "n_generated": np.full(number, toy.events),
        "n_kept": np.full(number, toy.events),
    }
    sizes = {"event": len(values["weight"]), "object": 20, "component": 4}
    sizes |= {"image_cell": GRID.n_cells, "point": number}
    draft = store.create(
        folder / f"{toy.name}.zarr",
        SCHEMA,
        sizes=sizes,
        rows={"event": max(1, sizes["event"]), "point": number},
        settings={},
        attributes={
            "theory": toy.name,
            "role": toy.role,
            "group": toy.group,
            "points": [{"label": label} for label in toy.points],
            "image": {"around": GRID.around, "rows": GRID.n_rows, "eta_max": GRID.eta_max},
        },
    )
    if sizes["event"]:
        draft.write("event", 0, values)
    draft.write("point", 0, per_point)
    draft.publish()
    return draft.path


def _labels(toys: tuple[Toy, ...]) -> dict[str, Any]:
    return {
        toy.name: {
            "role": toy.role,
            "group": toy.group,
            "title": toy.name.title(),
            "points": list(toy.points),
        }
        for toy in toys
    }


def train_settings(toys: tuple[Toy, ...] = (*BACKGROUNDS, *SIGNALS), **train: Any) -> TrainSettings:
    return TrainSettings.model_validate(
        {"production": "toys", "seed": 5, "train": train, "theories": _labels(toys)}
    )


def hyperclass_settings(
    toys: tuple[Toy, ...] = (*BACKGROUNDS, *SIGNALS), **hyperclass: Any
) -> HyperclassSettings:
    return HyperclassSettings.model_validate(
        {
            "production": "toys",
            "seed": 5,
            "detect": {},
            "train": {"trees": {"number": 30}},
            "hyperclass": hyperclass,
            "theories": _labels(toys),
        }
    )
