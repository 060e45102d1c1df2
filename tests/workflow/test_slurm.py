"""The tiny production through a real Slurm gives what one machine gives."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

RESULTS = ("**/*.manifest.json", "**/*.safetensors", "hyperclass/summary.json")
# jobs of seconds are looked at more often than jobs of hours
SLURM = (
    *("--profile", "workflow/profiles/slurm", "--configfile", "tests/config/tiny.yaml"),
    *("--slurm-init-seconds-before-status-checks", "5", "--max-status-checks-per-second", "1"),
    *("--latency-wait", "10"),
)


def test_slurm_gives_the_same_bytes(
    production: Any,
    tmp_path: Path,
    clone: Callable[[Path], Path],
    snakemake: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert "SLURM_CONF" in os.environ, "no Slurm here: make test-slurm starts one"
    folder = clone(tmp_path)
    made = snakemake(folder, *SLURM)
    assert made.returncode == 0, made.stdout + made.stderr
    text = made.stdout + made.stderr
    assert text.count("SLURM jobid") >= 30
    results = folder / "results/tiny"
    for pattern in RESULTS:
        files = sorted(production.results.glob(pattern))
        assert files
        for file in files:
            name = file.relative_to(production.results)
            assert (results / name).read_bytes() == file.read_bytes(), name
