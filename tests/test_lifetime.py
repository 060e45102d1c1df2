from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hyperhex.lifetime import PARENT

CHILD = """
import sys, time
from hyperhex.lifetime import follow_parent
follow_parent()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def start(parent: str) -> subprocess.Popen[str]:
    environment = {**os.environ, PARENT: parent}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_command_ends_when_its_production_is_killed(parent: subprocess.Popen[bytes]) -> None:
    with start(str(parent.pid)) as child:
        parent.kill()
        assert child.wait(10) == -15


@pytest.mark.parametrize("unknown", ["", "4194304", "nobody"])
def test_a_command_of_its_own_lives_on(unknown: str) -> None:
    with start(unknown) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
        child.kill()
