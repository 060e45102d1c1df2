"""The cases of the convolution, as far as they go without the peers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperhex.bench import convolution
from hyperhex.kernels.hexagonal.lattice import axial_rings, centre_of_axial
from hyperhex.kernels.hexagonal.neighbours import neighbourhood


def test_cases_are_those_of_the_issue() -> None:
    required = {
        problem.name: problem.required for problem in convolution._PROBLEMS if problem.required
    }
    assert len(required) == 6
    assert all(f"{cells} cells" in " ".join(required) for cells in ("631", "9,919"))
    assert sorted(set(required.values())) == [1.2, 2.0]


def test_reference_is_that_of_the_kernels() -> None:
    table = neighbourhood(axial_rings(3), 1)
    x, dy, weight = torch.randn(2, 3, 37), torch.randn(2, 5, 37), torch.randn(5, 3, 7)
    ours = convolution._ours(x, dy, weight, table)()
    exact = convolution._reference(x.double(), dy.double(), weight.double(), table)
    for one, other in zip(ours, exact, strict=True):
        convolution._agree(one, other, "reference")
    with pytest.raises(AssertionError, match="one cell: differs by"):
        convolution._agree(ours[0].roll(1, -1), exact[0], "one cell")


@pytest.mark.parametrize("rings", [2, 3])
def test_neighbours_stay_neighbours_in_columns(rings: int) -> None:
    cells = axial_rings(rings)
    numbers = torch.arange(1.0, len(cells) + 1)[None, None]
    grid = convolution._in_columns(numbers, rings)[0, 0].numpy()
    place = np.argwhere(grid > 0)[np.argsort(grid[grid > 0])]
    # hexagdly: columns with an odd index are shifted by half a cell
    x = place[:, 0] + 0.5 * (place[:, 1] % 2)
    y = place[:, 1] * np.sqrt(3) / 2
    expected = centre_of_axial(cells, 1.0)
    np.testing.assert_allclose(np.stack([x, y], 1) - [x[0], y[0]], expected, atol=1e-12)


def test_masked_convolution_is_ours_on_the_rectangle() -> None:
    problem = convolution._Problem(2, 3, 5, 4, 2, None)
    table = neighbourhood(axial_rings(4), 2)
    x, dy, weight = torch.randn(2, 3, 61), torch.randn(2, 5, 61), torch.randn(5, 3, 19)
    row, column = axial_rings(4).T[::-1] + 4
    ours = convolution._ours(x, dy, weight, table)()
    for memory in (torch.contiguous_format, torch.channels_last):
        peer = convolution._masked(problem, x, dy, weight, memory)()
        for one, other in zip(ours[:2], peer[:2], strict=True):
            convolution._agree(other[:, :, row, column], one, "conv2d")
