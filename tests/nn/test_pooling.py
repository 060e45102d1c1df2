from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.spectral.hierarchy import cylinder_rhombi, flowers
from hyperhex.nn.pooling import NestedPool, NestedUnpool, TablePool, TableUnpool

TABLES = {
    "flowers": flowers(axial_rings(4)).children,
    "cylinder": cylinder_rhombi(8, 5),
    "nested": np.arange(48).reshape(12, 4),
}


@pytest.mark.parametrize("mode", ["mean", "max"])
@pytest.mark.parametrize("name", TABLES)
def test_pools_are_the_means_and_maxima_of_the_children(name: str, mode: str) -> None:
    table = TABLES[name]
    cells = table.max() + 1
    x = np.random.default_rng(0).normal(size=(2, 3, cells)) - 4.0
    found = TablePool(table, mode)(torch.from_numpy(x)).numpy()
    for parent, children in enumerate(table):
        mine = x[..., children[children >= 0]]
        expected = mine.mean(-1) if mode == "mean" else mine.max(-1)
        np.testing.assert_allclose(found[..., parent], expected, rtol=1e-14)
    if name == "nested":
        np.testing.assert_allclose(NestedPool(mode)(torch.from_numpy(x)).numpy(), found)


@pytest.mark.parametrize("mode", ["mean", "max"])
@pytest.mark.parametrize("name", TABLES)
def test_pool_undoes_unpool(name: str, mode: str) -> None:
    table = TABLES[name]
    y = torch.randn(2, len(table), dtype=torch.float64)
    torch.testing.assert_close(TablePool(table, mode)(TableUnpool(table)(y)), y)
    if name == "nested":
        torch.testing.assert_close(NestedUnpool()(y), TableUnpool(table)(y), rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_gradients_of_both_orders(mode: str) -> None:
    table = TABLES["flowers"]
    torch.manual_seed(0)
    x = torch.randn(2, 61, dtype=torch.float64, requires_grad=True)
    pool, back = TablePool(table, mode), TableUnpool(table)

    def call(x: torch.Tensor) -> torch.Tensor:
        return back(pool(x).sin()) * x

    assert torch.autograd.gradcheck(call, x)
    assert torch.autograd.gradgradcheck(call, x)
    z = torch.randn(2, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: NestedUnpool()(NestedPool(mode)(z)), z)


def test_compiles_moves_and_stays_out_of_checkpoints() -> None:
    model = torch.nn.Sequential(TablePool(TABLES["flowers"], "max"), TableUnpool(TABLES["flowers"]))
    assert not model.state_dict()
    x = torch.randn(3, 61)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model(x))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of mean, max"):
        NestedPool("median")
    with pytest.raises(ValueError, match="expected a multiple of 4"):
        NestedPool()(torch.zeros(6))
    with pytest.raises(ValueError, match="naming each cell once"):
        TablePool([[0, 1], [1, -1]])
    with pytest.raises(ValueError, match="parent without children"):
        TablePool([[0, 1], [-1, -1]])
    with pytest.raises(ValueError, match="60 nodes given, expected 61"):
        TablePool(TABLES["flowers"])(torch.zeros(60))
