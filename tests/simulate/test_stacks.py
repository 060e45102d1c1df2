from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from hyperhex.config import Simulate, StackSection
from hyperhex.config.simulate import MaterialName
from hyperhex.simulate import library
from hyperhex.simulate.materials import MATERIALS, VACUUM
from hyperhex.simulate.stack import Stack
from hyperhex.simulate.stage import layout, matter_of

SILICON = {"material": "silicon", "thickness": 0.03, "sensitive": True}
LEAD = {"material": "lead", "thickness": 0.5}


def _stack(slabs: list[dict[str, Any]], groups: list[int], **more: Any) -> dict[str, Any]:
    return {"sections": [{"name": "only", "blocks": [{"slabs": slabs}], "groups": groups}], **more}


def test_configs_know_every_material() -> None:
    assert set(get_args(MaterialName)) == {*MATERIALS, VACUUM}


def test_the_default_is_siw_with_the_production_s_eight_layers() -> None:
    default = Simulate()
    assert default == Simulate.model_validate({"stack": "siw"})
    stack, patch = layout(default)
    assert (stack.n_layers, patch.n_cells) == (8, 127)
    assert stack.radiation_lengths[-1] == pytest.approx(24.0, abs=0.1)
    whole, wider = layout(default, hadronic=True)
    assert (whole.n_layers, wider.n_cells) == (16, 469)
    assert whole.materials[: len(stack.materials)] == stack.materials


def test_hgcal_has_26_silicon_layers_and_21_behind_them() -> None:
    section = Simulate.model_validate({"stack": "hgcal"})
    stack, _ = layout(section)
    assert stack.n_layers == 47
    assert stack == layout(section, hadronic=True)[0]
    depths, sensors = stack.radiation_lengths, np.array(stack.sensors)
    # 27.7 X0 to the last layer of the electromagnetic section: CERN-LHCC-2017-023, with 28 layers
    assert depths[1:][sensors == 25][0] == pytest.approx(27.7, rel=0.05)


def test_a_stack_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(_stack([LEAD, SILICON], [1], pitch=0.5)))
    section = Simulate.model_validate({"stack": str(path)})
    assert section.stack.pitch == 0.5
    assert layout(section)[0].materials == ("lead", "silicon")


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("atlas", r"one of \['hgcal', 'siw'\] or the path of a YAML file"),
        (_stack([{**LEAD, "material": "unobtainium"}, SILICON], [1]), "slabs.0.material"),
        (_stack([{**LEAD, "thickness": -0.5}, SILICON], [1]), "slabs.0.thickness"),
        (_stack([LEAD], [1]), "no slab is sensitive"),
        (_stack([LEAD, SILICON], [2]), "groups add up to 2, expected 1"),
        (_stack([LEAD, SILICON], [1], angle=-0.1), "angle"),
    ],
)
def test_a_wrong_stack_is_refused_by_name(stack: Any, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Simulate.model_validate({"stack": stack})


def test_a_stack_that_only_hadrons_see_is_refused() -> None:
    stack = _stack([LEAD, SILICON], [1])
    stack["sections"][0]["hadrons_only"] = True
    with pytest.raises(ValidationError, match="photons and electrons meet nothing"):
        Simulate.model_validate({"stack": stack})


def test_sections_repeat_blocks_and_number_layers_through() -> None:
    sections = [
        StackSection.model_validate(
            {"name": name, "blocks": [{"repeat": 3, "slabs": [LEAD, SILICON]}], "groups": groups}
        )
        for name, groups in (("first", [1, 2]), ("second", [3]))
    ]
    stack = Stack.of_sections(sections)
    assert stack.materials == ("lead", "silicon") * 6
    assert stack.sensors == (-1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 2)
    assert stack.planes[-1] == pytest.approx(6 * 0.53)
    centre, width = stack.layer_depths
    assert width.sum() == pytest.approx(stack.radiation_lengths[-1])
    np.testing.assert_allclose(centre[1:], width.cumsum()[:-1] + 0.5 * width[1:])
    slab = 0.53 * np.arange(1, 7) - 0.5 * 0.03
    expected = [slab[0], slab[1:3].mean(), slab[3:].mean()]
    np.testing.assert_allclose(stack.sensor_depths, expected)


def test_cells_follow_the_line_of_oblique_particles() -> None:
    """A shower at 0.5 rad is as well centred in the last layers as in the first ones."""
    section = Simulate.model_validate({"stack": {"angle": 0.5}})
    matter = matter_of(section)
    numbers = np.arange(40, dtype=np.uint64)
    made = library.simulate(matter, 8, "electron", (5.0, 6.0), 3, numbers, angle=0.5)
    assert made.outside.sum() < 0.2 * made.deposits.sum()
    positions = layout(section)[1].positions
    for layer in (1, 4):
        shares = made.deposits[:, layer].sum(0) / made.deposits[:, layer].sum()
        x, y = shares @ positions
        # of a drift of 2.1 cm and 4.9 cm
        assert abs(x) < 0.6
        assert abs(y) < 0.3
