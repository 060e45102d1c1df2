from __future__ import annotations

import time
from pathlib import Path

import pytest

from hyperhex import cli
from hyperhex.bench.case import Case
from hyperhex.bench.machine import Rates, describe, measure_rates
from hyperhex.bench.timing import compare, interleaved


def _sleeper(seconds: float) -> object:
    return lambda: time.sleep(seconds)


def test_median_of_interleaved_calls_is_the_time_of_a_call() -> None:
    times = interleaved({"short": _sleeper(0.002), "long": _sleeper(0.008)}, rounds=3)
    assert times["short"] >= 0.002
    assert times["long"] >= 0.008
    assert times["long"] > times["short"]


@pytest.mark.parametrize(("threads", "judged"), [(1, True), (2, False)])
def test_requirements_hold_for_the_best_peer_and_one_thread(threads: int, judged: bool) -> None:
    peers = {"slow": _sleeper(0.02), "fast": _sleeper(0.006)}
    case = Case(
        "sleep",
        lambda _: _sleeper(0.005),
        peers,
        lambda: None,
        moved=1e6,
        required={"best": 100.0, "slow": 1.5},
        required_bound=1e9,
    )
    rows = {row.peer: row for row in compare(case, Rates(1e9, 1e9), 3, threads)}
    assert rows["slow"].met is (True if judged else None)
    assert rows["fast"].met is (False if judged else None)
    assert rows["fast"].bound_ms == pytest.approx(1.0)
    assert ("MISSED" in rows["fast"].cells()[-1]) == judged


def test_a_bound_is_set_by_bytes_or_by_operations() -> None:
    rates = Rates(bandwidth=2.0, operations=5.0)
    assert rates.bound(4.0, 5.0) == 2.0
    assert rates.bound(4.0, 50.0) == 10.0


def test_rates_of_this_machine_are_possible() -> None:
    rates = measure_rates(1)
    assert 1e8 < rates.bandwidth < 1e13
    assert 1e8 < rates.operations < 1e15
    assert describe()["processor"]


def test_a_missing_peer_is_named_with_the_command_that_installs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "kernels.json"
    assert cli.main(["bench", "kernels", "--output", str(output)]) == 1
    assert "make bench-kernels" in capsys.readouterr().err
    assert not output.exists()
