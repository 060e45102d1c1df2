"""What a dry run of the workflow says it would do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
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


# one process makes all dry runs of a folder, for it costs more to start than to plan
_DRY_RUNS = f"""
import json, sys
from snakemake.cli import main
sys.stderr = sys.stdout
for line in sys.stdin:
    try:
        main(json.loads(line))
    except SystemExit as end:
        print("\\n{_END}", end.code or 0, flush=True)
"""
_DRY = ("--dry-run", "--printshellcmds", "--cores", "2")


class Planner:
    """A process that makes dry runs in a folder."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _DRY_RUNS],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def plan(self, *arguments: str | Path) -> Plan:
        """What Snakemake would do; fails the test if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([*map(str, arguments), *_DRY]) + "\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith(_END):
                break
            lines.append(line)
        text = "".join(lines)
        assert line == f"{_END} 0\n", text
        return Plan(frozenset(_LOG.findall(text)), tuple(_COMMAND.findall(text)), text)

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="session")
def planned() -> Iterator[Callable[..., Plan]]:
    """Dry run in a folder, of the tiny production or one like it."""
    planners: dict[Path, Planner] = {}

    def plan(folder: Path, *arguments: str | Path, config: str | Path = TINY) -> Plan:
        if folder not in planners:
            planners[folder] = Planner(folder)
        return planners[folder].plan(*arguments, "--configfile", config)

    yield plan
    for planner in planners.values():
        planner.close()
