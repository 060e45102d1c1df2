from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hyperhex.config import resolve
from hyperhex.errors import ConfigError

THEORIES = Path(__file__).parents[2] / "config/theories"


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ({"region": {"ht": 12900, "met": 150}}, "detect.region: ht + met = 13050.0 given"),
        ({"region": {"ht": 500, "ht_max": 400}}, "ht=500.0, ht_max=400.0 keep no event"),
        ({"network_energy": 1, "network_energy_max": 200}, "detect.network_energy_max: 200.0"),
        ({"network_energy": 50, "network_energy_max": 20}, "50.0 is above it"),
        ({"jets": {"tag_b": 1.2}}, "detect.jets.tag_b: 1.2 given"),
    ],
)
def test_faults_of_the_detector_are_named(raw: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({"detect": raw}, THEORIES)
    assert any(fault in line for line in caught.value.faults), caught.value.faults
