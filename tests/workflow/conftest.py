"""What a dry run of the workflow says it would do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

TINY = "tests/config/tiny.yaml"

_END = "=== end of a dry run, code"
_LOG = re.compile(r" 2> results/\w+/logs/(\S+)\.log$", re.MULTILINE)
_COMMAND = re.compile(r"^Shell command: hyperhex (.*) 2> \S+$", re.MULTILINE)


@dataclass(frozen=True)
class Plan:
    """Jobs of a dry run, as `rule` or `rule/wildcard`, and the commands that they would run."""

    jobs: frozenset[str]
    commands: tuple[str, ...]
    text: str

    @property
    def rules(self) -> set[str]:
        """Names of the rules, without `settings`."""
        return {job.partition("/")[0] for job in self.jobs} - {"settings"}

    def of(self, rule: str) -> set[str]:
        """Wildcards of a rule's jobs."""
        return {job.partition("/")[2] for job in self.jobs if job.startswith(f"{rule}/")}


# one process makes many dry runs, for it costs more to start than to plan
_DRY_RUNS = f"""
import json, sys
from snakemake.cli import main
sys.stderr = sys.stdout
for arguments in json.load(sys.stdin):
    try:
        main(arguments)
    except SystemExit as end:
        print("\\n{_END}", end.code or 0, flush=True)
"""


@pytest.fixture(scope="session")
def plans() -> Callable[..., list[Plan]]:
    """Dry runs in a folder, one for each list of arguments; fails the test if one fails."""

    def make(folder: Path, *runs: Sequence[str | Path]) -> list[Plan]:
        options = ["--dry-run", "--printshellcmds", "--cores", "2"]
        done = subprocess.run(
            [sys.executable, "-c", _DRY_RUNS],
            cwd=folder,
            input=json.dumps([[*map(str, run), *options] for run in runs]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        *texts, _ = re.split(rf"^{_END}", done.stdout, flags=re.MULTILINE)
        codes = re.findall(rf"^{_END} (\d+)$", done.stdout, flags=re.MULTILINE)
        assert codes == ["0"] * len(runs), done.stdout
        return [
            Plan(frozenset(_LOG.findall(text)), tuple(_COMMAND.findall(text)), text)
            for text in texts
        ]

    return make


@pytest.fixture(scope="session")
def planned(plans: Callable[..., list[Plan]]) -> Callable[..., Plan]:
    """One dry run of the tiny production, or of a production like it."""

    def plan(folder: Path, *run: str | Path, config: str | Path = TINY) -> Plan:
        return plans(folder, [*run, "--configfile", config])[0]

    return plan
