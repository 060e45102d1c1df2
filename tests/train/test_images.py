from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from hyperhex import store
from hyperhex.config.train import Images
from hyperhex.detector.cylinder import Cylinder
from hyperhex.errors import TrainingError
from hyperhex.train import image_comparison, stage
from hyperhex.train.image_networks import HarmonicSums, build

GRID = Cylinder(8, 2.0)
SMALL = {"channels": [4], "hidden": 8, "epochs": 2, "bootstrap": 20, "perceptron": [8]}
INVARIANT = ["chebyshev", "hexagonal", "sums", "aligned"]


def events(number: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    energy = torch.rand(number, GRID.n_cells, generator=generator)
    return torch.where(energy > 0.8, 200 * (energy - 0.8), 0.0)


def turned(images: torch.Tensor, columns: int) -> torch.Tensor:
    return images.view(-1, GRID.n_rows, GRID.around).roll(columns, 2).flatten(1)


@pytest.mark.parametrize("kind", INVARIANT)
def test_score_of_a_turned_event_is_the_same(kind: str) -> None:
    torch.manual_seed(1)
    model = build(kind, GRID, Images.model_validate(SMALL))
    model.learn(events(50))
    model.eval()
    images = events(20)
    scores = model(images)
    assert scores.std() > 1e-3
    for columns in range(1, GRID.around):
        torch.testing.assert_close(model(turned(images, columns)), scores, rtol=1e-4, atol=1e-5)


def test_perceptron_knows_where_phi_begins() -> None:
    torch.manual_seed(1)
    model = build("perceptron", GRID, Images.model_validate(SMALL)).eval()
    images = events(20)
    assert (model(turned(images, 2)) - model(images)).abs().max() > 1e-2


def test_chebyshev_filters_do_not_know_mirror_images() -> None:
    torch.manual_seed(1)
    model = build("chebyshev", GRID, Images.model_validate(SMALL))
    model.learn(events(50))
    model.eval()
    images = events(20)
    mirrored = GRID.index(GRID.eta, np.mod(-GRID.phi + np.pi, 2.0 * np.pi) - np.pi)
    torch.testing.assert_close(model(images[:, mirrored]), model(images), rtol=1e-4, atol=1e-5)


def test_harmonic_sums_are_those_of_the_transverse_energies() -> None:
    sums = HarmonicSums(torch.from_numpy(GRID.phi), 2)
    images = events(10).double()
    x, y = (images.numpy() @ np.stack([np.cos(GRID.phi), np.sin(GRID.phi)], 1)).T
    found = sums(images[:, None].float()).double().numpy()
    np.testing.assert_allclose(np.expm1(found[:, 0]), images.sum(1), rtol=1e-5)
    np.testing.assert_allclose(np.expm1(found[:, 1]), np.hypot(x, y), rtol=1e-3)


@pytest.fixture(scope="module")
def compared(
    records: ModuleType, stores: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Folder of the comparison, and of the mixture that it stands beside."""
    folder = tmp_path_factory.mktemp("images")
    settings = records.train_settings(
        images=SMALL, trees={"number": 10}, network={"layers": [16], "epochs": 2}
    )
    stage.mixture(settings, stores, "none", folder / "mixture_none", 1)
    stage.images(settings, stores, folder / "mixture_none", folder / "out", folder / "figures")
    return folder / "out", folder


def test_comparison_has_a_row_a_method(compared: tuple[Path, Path]) -> None:
    report = json.loads((compared[0] / "comparison.json").read_text())
    rows = {row["method"]: row for row in report["methods"]}
    together = {"xgboost_and_image", "network_and_image"}
    assert set(rows) == {"xgboost", "network", *image_comparison.NETWORKS} | together
    assert all(0.0 < row["auc"] <= 1.0 and row["auc_error"] > 0.0 for row in rows.values())
    assert rows["xgboost_and_image"]["against"] == "xgboost"
    # aligned images may turn by a cell where rounding decides
    assert all(rows[kind]["turned_change"] < 1e-3 for kind in INVARIANT[:3])
    assert rows["perceptron"]["turned_change"] > 0.1
    assert report["best"] in image_comparison.NETWORKS
    assert (compared[1] / "figures/roc.svg").stat().st_size > 0


def test_network_is_kept_as_it_was(
    compared: tuple[Path, Path], records: ModuleType, stores: list[Path], tmp_path: Path
) -> None:
    best = image_comparison.load(compared[0] / "fold_1")
    images = store.open(stores[0])["image"][:50]
    assert np.isfinite(image_comparison.odds(best, images)).all()
    settings = records.train_settings(
        images=SMALL, trees={"number": 10}, network={"layers": [16], "epochs": 2}
    )
    mixture = compared[1] / "mixture_none"
    stage.images(settings, stores[::-1], mixture, tmp_path / "out", tmp_path / "figures")
    for file in compared[0].iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_another_training_is_refused(
    records: ModuleType, stores: list[Path], tmp_path: Path
) -> None:
    settings = records.train_settings(trees={"number": 2})
    stage.single(settings, stores, "zprime", tmp_path / "single", 1)
    with pytest.raises(TrainingError, match="single given, expected the mixture of all theories"):
        stage.images(settings, stores, tmp_path / "single", tmp_path / "o", tmp_path / "f")
