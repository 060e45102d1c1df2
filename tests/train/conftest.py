from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def stores(records: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Event stores of the toy theories, backgrounds first."""
    folder = tmp_path_factory.mktemp("detect")
    return [records.write(folder, toy) for toy in (*records.BACKGROUNDS, *records.SIGNALS)]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small matrices gain nothing from threads, and lose much on a busy machine."""
    import torch

    torch.set_num_threads(1)
