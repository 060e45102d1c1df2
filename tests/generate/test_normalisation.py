from __future__ import annotations

import numpy as np
import pytest

from hyperhex.errors import GenerationError
from hyperhex.generate.normalisation import Run, combine


def test_equal_runs_halve_the_variance_and_keep_the_cross_section() -> None:
    run = Run(
        generated=100, kept=10, tried=500, weight=100.0, cross_section=2.0, cross_section_error=0.3
    )
    sample = combine([run] * 4)
    assert sample.cross_section == pytest.approx(2.0)
    assert sample.cross_section_error == pytest.approx(0.15)
    assert (sample.generated, sample.kept) == (400, 40)
    # all generated events sum to the cross-section
    assert sample.scale * 400.0 == pytest.approx(2.0)


def test_runs_count_by_the_points_they_tried() -> None:
    small = Run(10, 1, 100, 10.0, 1.0, 0.1)
    large = Run(30, 3, 300, 30.0, 3.0, 0.1)
    sample = combine([small, large])
    assert sample.cross_section == pytest.approx(2.5)
    assert sample.cross_section_error == pytest.approx(np.hypot(0.1 * 100, 0.1 * 300) / 400)


def test_weights_that_cancel_are_refused() -> None:
    with pytest.raises(GenerationError, match="weights sum to 0"):
        combine([Run(2, 2, 2, 0.0, 0.0, 0.0)])
