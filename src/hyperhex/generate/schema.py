"""What the store of a theory's events holds."""

from __future__ import annotations

from hyperhex.store import Array

__all__ = ["SCHEMA"]

SCHEMA = {
    "weight": Array(
        "float64",
        ("event",),
        "pb",
        "event weight; all generated events of a point, kept or not, sum to its cross-section",
    ),
    "point": Array("int16", ("event",), "", "number of the theory's point"),
    "number": Array("int64", ("event",), "", "number of the event within its point"),
    "first_particle": Array("int64", ("event",), "", "row of the event's first particle"),
    "n_particles": Array("int32", ("event",), "", "number of the event's particles"),
    "missing_px": Array("float32", ("event",), "GeV", "sum of the invisible particles, x"),
    "missing_py": Array("float32", ("event",), "GeV", "sum of the invisible particles, y"),
    "pdg": Array("int32", ("particle",), "", "particle code of the Particle Data Group"),
    "px": Array("float32", ("particle",), "GeV", "momentum, x"),
    "py": Array("float32", ("particle",), "GeV", "momentum, y"),
    "pz": Array("float32", ("particle",), "GeV", "momentum, z"),
    "energy": Array("float32", ("particle",), "GeV", "energy"),
    "kind": Array(
        "uint8",
        ("particle",),
        "",
        "0 visible and stable; truth labels: 1 bottom hadron, 2 charm hadron, 3 hadronic tau"
        " (visible momentum)",
    ),
    "cross_section": Array("float64", ("point",), "pb", "cross-section of the point"),
    "cross_section_error": Array("float64", ("point",), "pb", "its Monte Carlo error"),
    "n_generated": Array("int64", ("point",), "", "events generated"),
    "n_kept": Array("int64", ("point",), "", "events that pass the preselection"),
}
