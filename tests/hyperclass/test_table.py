from __future__ import annotations

from pathlib import Path

import pytest

from hyperhex import cli
from hyperhex.errors import StoreError
from hyperhex.hyperclass.table import Row, read_table, total_improvement, write_table

ROWS = [
    Row("gluino_light", "mixture_xgboost", "one", 0.91, (0.5, 0.25, None)),
    Row("gluino_light", "mixture_xgboost", "two", 0.93, (0.4, 0.3, 0.08)),
    Row("vanished", "met", "one", None, (None, None, None)),
]


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "improvement.csv"
    write_table(path, ROWS)
    assert read_table(path) == ROWS
    lines = path.read_text().splitlines()
    assert lines[0] == "Signal,Model,Chan,AUC,1e-2,1e-3,1e-4"
    assert lines[1] == "gluino_light,mixture_xgboost,one,0.91,0.5,0.25,n/a"
    assert lines[3] == "vanished,met,one,n/a,n/a,n/a,n/a"


def test_total_improvement_is_the_largest_over_working_points_and_channels() -> None:
    assert total_improvement(ROWS) == pytest.approx(
        {("mixture_xgboost", "gluino_light"): 0.3 / 1e-3**0.5}
    )


def test_any_table_of_the_format_can_be_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # TI over channels and points: 5 and 1 for the flow, 8 for the other
    rows = [
        Row("a", "flow", "one", 0.9, (0.5, 0.1, 0.01)),
        Row("a", "flow", "two", 0.9, (0.3, 0.1, 0.02)),
        Row("b", "flow", "one", 0.9, (0.1, 0.01, 0.001)),
        Row("a", "or", "one", 0.9, (0.8, 0.1, None)),
    ]
    path = tmp_path / "hackathon.csv"
    write_table(path, rows)
    assert cli.main(["hyperclass", "score", str(path)]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["model", "signals", "median", "TI", "min", "TI", "max", "TI"]
    assert [line.split() for line in lines] == [
        ["or", "1", "8", "8", "8"],
        ["flow", "2", "3", "1", "5"],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Signal,Model\n", "header Signal,Model given"),
        ("Signal,Model,Chan,AUC,1e-2,1e-3,1e-4\na,b,c,0.5,0.1\n", ":2: 5 columns given"),
        ("Signal,Model,Chan,AUC,1e-2,1e-3,1e-4\na,b,c,x,1,1,1\n", ":2: 'x' given"),
    ],
)
def test_another_format_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(StoreError, match=message):
        read_table(path)
