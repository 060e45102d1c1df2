from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hyperhex.generate.pythia import Generator, fixed_commands
from hyperhex.generate.slha import SPARTICLES, spectrum

GLUINO, NEUTRALINO = 1000021, 1000022
TEXT = spectrum(
    {GLUINO: 1200.0, NEUTRALINO: 100.0},
    {GLUINO: [(0.5, (1, -1, NEUTRALINO)), (0.5, (5, -5, NEUTRALINO))]},
)


def test_a_spectrum_holds_every_mass_once_and_all_mixings() -> None:
    blocks = dict(re.findall(r"BLOCK (\w+)\n((?: .*\n)*)", TEXT))
    masses = {int(code): float(mass) for code, mass in map(str.split, blocks["MASS"].splitlines())}
    assert masses[GLUINO] == 1200.0
    assert {masses[code] for code in SPARTICLES} == {100.0, 1200.0, 5000.0}
    for name, size in (("NMIX", 4), ("UMIX", 2), ("VMIX", 2), ("STOPMIX", 2)):
        values = [float(line.split()[2]) for line in blocks[name].splitlines()]
        np.testing.assert_array_equal(np.reshape(values, (size, size)), np.eye(size))
    assert "DECAY 1000022 0.0\n" in TEXT
    assert "DECAY 1000021 1.0\n 0.5 3 1 -1 1000022\n 0.5 3 5 -5 1000022\n" in TEXT


def test_pythia_takes_masses_and_decays_from_a_spectrum(tmp_path: Path) -> None:
    file = tmp_path / "spectrum.slha"
    file.write_text(TEXT)
    fixed = fixed_commands(energy=13000.0, seed=5, multiparton=False, files=[f"SLHA:file = {file}"])
    generator = Generator(["SUSY:gg2gluinogluino = on", "HadronLevel:all = off"], fixed)
    ((_, batch),) = generator.batches(10, 10)
    # two gluinos an event, each to one stable neutralino that nobody sees
    stable = (batch.id == NEUTRALINO) & (batch.status > 0)
    assert stable.sum() == 20
    assert not batch.visible[stable].any()
    gluinos = batch.momentum[batch.id == GLUINO]
    mass = np.sqrt(gluinos[:, 3] ** 2 - (gluinos[:, :3] ** 2).sum(axis=1))
    assert np.median(mass) == pytest.approx(1200.0, abs=10.0)
    quarks = np.isin(np.abs(batch.id), (1, 5)) & np.isin(batch.id[batch.mother], GLUINO)
    assert quarks.sum() == 40
