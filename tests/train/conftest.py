from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def records() -> ModuleType:
    """The module of toy event records."""
    name = "toy_event_records"
    if name not in sys.modules:
        path = Path(__file__).with_name("records.py")
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


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
