"""What the store of a theory's event records holds."""

from __future__ import annotations

from hyperhex.detect.record import OBJECT_NAMES
from hyperhex.store import Array

__all__ = ["CARRIED", "SCHEMA"]

_KINDS = ", ".join(f"{code} {name}" for code, name in enumerate(OBJECT_NAMES))

# taken over from the generated events as they are
CARRIED = {
    "weight": Array("float64", ("event",), "pb", "event weight, as generated"),
    "point": Array("int16", ("event",), "", "number of the theory's point"),
    "number": Array("int64", ("event",), "", "number of the event within its point"),
    "cross_section": Array("float64", ("point",), "pb", "cross-section of the point"),
    "cross_section_error": Array("float64", ("point",), "pb", "its Monte Carlo error"),
    "n_generated": Array("int64", ("point",), "", "events generated"),
    "n_kept": Array("int64", ("point",), "", "events that pass the preselection"),
}

SCHEMA = {
    **CARRIED,
    "met": Array("float32", ("event",), "GeV", "missing transverse energy"),
    "met_phi": Array("float32", ("event",), "rad", "its direction"),
    "ht": Array("float32", ("event",), "GeV", "scalar sum of the pT of all jets"),
    "min_dphi": Array(
        "float32", ("event",), "rad", "least angle of the leading jets to the missing energy"
    ),
    "objects": Array(
        "float32",
        ("event", "object", "component"),
        "GeV, rad",
        "E, pT, eta, phi of the hardest objects by falling pT; zeros where there is none",
    ),
    "object_type": Array("uint8", ("event", "object"), "", _KINDS),
    "image": Array(
        "float32", ("event", "image_cell"), "GeV", "transverse energy in hexagons of (eta, phi)"
    ),
    "in_region": Array("bool", ("event",), "", "whether the event is in the search's region"),
}
