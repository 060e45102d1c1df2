from __future__ import annotations

from pathlib import Path

import pytest

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
