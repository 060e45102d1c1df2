"""The cases of the Chebyshev filters, as far as they go without the peers that need installing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.bench import spectral
from hyperhex.kernels.spectral.chebyshev import Recurrence
from hyperhex.kernels.spectral.filters import chebyshev_expansion, heat
from hyperhex.kernels.spectral.laplacian import normalised

PROBLEM = spectral._Problem(4)


@pytest.mark.filterwarnings("ignore:Sparse")
def test_requirements_are_those_of_the_issue(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spectral.SIDES == (32, 64, 128)
    assert (spectral.ORDER, spectral.CHANNELS, spectral.BATCH) == (5, 16, 8)
    for peer in ("_geometric", "_pygsp"):
        monkeypatch.setattr(spectral, peer, lambda *_, **__: lambda: None)
    case = spectral._forward(PROBLEM)
    assert case.required == {"torch-geometric": 10.0, "scipy CSR": 2.5}
    assert case.required_bound == 3.5
    assert set(case.required) <= set(case.peers)
    # nine entries a pixel but for 24 with one less; mixing of five terms
    nodes = 192 * 8 * 16
    assert case.operations == 2 * (4 * (9 - 24 / 192) + 5 * 16) * nodes


@pytest.mark.filterwarnings("ignore:Sparse")
def test_sparse_matrices_do_the_same_sums() -> None:
    ours = spectral._layer(PROBLEM)().numpy()
    for call in (spectral._scipy_mixed(PROBLEM), spectral._torch_sparse(PROBLEM)):
        peer = np.asarray(call()).reshape(192, 8, 16).transpose(1, 2, 0)
        spectral._agree(peer, ours, "sparse")
        with pytest.raises(AssertionError, match="one pixel: differs by"):
            spectral._agree(np.roll(peer, 1, axis=2), ours, "one pixel")


def test_checks_of_filters_and_derivatives() -> None:
    recurrence = Recurrence(normalised(PROBLEM.graph).scaled(2.0), spectral.ORDER)
    c = chebyshev_expansion(heat(1.0), spectral.ORDER, 2.0).coefficients.astype(np.float32)
    peers = {"scipy CSR": spectral._scipy_filter(PROBLEM, c)}
    spectral._check_filter(PROBLEM, recurrence, c, peers)
    with pytest.raises(AssertionError, match="scipy CSR: differs"):
        spectral._check_filter(
            PROBLEM, recurrence, c, {"scipy CSR": spectral._scipy_filter(PROBLEM, 1.01 * c)}
        )
    dx, dweight = spectral._layer(PROBLEM, gradients=True)()
    assert dx.shape == (8, 16, 192)
    torch.testing.assert_close(
        dweight[0, :, 0], torch.from_numpy(PROBLEM.x.sum((0, 2))), rtol=1e-4, atol=1e-3
    )
