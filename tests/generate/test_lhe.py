from __future__ import annotations

import gzip
from collections.abc import Callable
from math import cos, cosh, exp, pi, sin, sinh, sqrt
from pathlib import Path

import numpy as np
import pytest

from hyperhex import store
from hyperhex.cluster import Context
from hyperhex.config import GenerateSettings
from hyperhex.errors import GenerationError
from hyperhex.generate import stage
from hyperhex.generate.lhe import count_events

InProcess = Callable[[GenerateSettings], None]
MakeSettings = Callable[..., GenerateSettings]
Generate = Callable[..., store.Store]


def quark_pair(rng: np.random.Generator, weight: float) -> str:
    """u ubar -> d dbar by a gluon, as an event of a Les Houches file."""
    energy, rapidity = rng.uniform(300, 500), rng.uniform(-0.5, 0.5)
    cosine, phi = rng.uniform(-0.8, 0.8), rng.uniform(0, 2 * pi)
    x, y, z = (
        energy * sqrt(1 - cosine**2) * cos(phi),
        energy * sqrt(1 - cosine**2) * sin(phi),
        energy * cosine,
    )
    lines = [
        f"2 -1 0 0 501 0 0 0 {energy * exp(rapidity)!r} {energy * exp(rapidity)!r}",
        f"-2 -1 0 0 0 502 0 0 {-energy * exp(-rapidity)!r} {energy * exp(-rapidity)!r}",
    ]
    for sign, code, colours in ((1, 1, "501 0"), (-1, -1, "0 502")):
        pz = energy * sinh(rapidity) + sign * z * cosh(rapidity)
        e = energy * cosh(rapidity) + sign * z * sinh(rapidity)
        lines.append(f"{code} 1 1 2 {colours} {sign * x!r} {sign * y!r} {pz!r} {e!r}")
    rows = "".join(f"{line} 0 0 9\n" for line in lines)
    return f"<event>\n4 1 {weight!r} 400 0.0078 0.118\n{rows}</event>\n"


def write_events(path: Path, weights: list[float], strategy: int) -> Path:
    rng = np.random.default_rng(1)
    text = (
        '<LesHouchesEvents version="3.0">\n<init>\n'
        f"2212 2212 6500 6500 0 0 247000 247000 {strategy} 1\n50 0.5 1 1\n</init>\n"
        + "".join(quark_pair(rng, weight) for weight in weights)
        + "</LesHouchesEvents>\n"
    )
    raw = text.replace("np.float64(", "").replace(")", "").encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.fixture
def generate(make_settings: MakeSettings, in_process: InProcess) -> Callable[..., store.Store]:
    """Store of the showered events of a file."""

    def run(path: Path, output: Path, **changed: int) -> store.Store:
        settings = make_settings(settings=[], parameters={}, lhe=str(path), **changed)
        in_process(settings)
        stage.theory(settings, output, Context())
        return store.open(output)

    return run


def test_events_are_counted_plain_and_compressed(tmp_path: Path) -> None:
    for name in ("a.lhe", "a.lhe.gz"):
        assert count_events(write_events(tmp_path / name, [1.0] * 7, 3)) == 7


def test_a_file_without_events_or_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="No such file"):
        count_events(tmp_path / "none.lhe")
    empty = write_events(tmp_path / "empty.lhe", [], 3)
    with pytest.raises(GenerationError, match="no <event> in it"):
        count_events(empty)
    cut = write_events(tmp_path / "cut.lhe.gz", [1.0] * 7, 3)
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(GenerationError, match=r"cut\.lhe\.gz"):
        count_events(cut)


def test_plain_and_compressed_files_give_the_same_store(tmp_path: Path, generate: Generate) -> None:
    weights = [1.0] * 12
    plain = generate(write_events(tmp_path / "a.lhe", weights, 3), tmp_path / "plain.zarr")
    packed = generate(write_events(tmp_path / "b.lhe.gz", weights, 3), tmp_path / "packed.zarr")
    assert plain.digest == packed.digest
    assert plain["cross_section"][:] == pytest.approx([50.0])


def test_negative_weights_are_kept_and_sum_to_the_net_cross_section(
    tmp_path: Path, generate: Generate
) -> None:
    # weights in pb whose mean is the cross-section
    weights = [-40.0 if number % 4 == 0 else 80.0 + number for number in range(16)]
    file = write_events(tmp_path / "a.lhe", weights, -4)
    events = generate(file, tmp_path / "a.zarr", events=100)
    stored = events["weight"][:]
    np.testing.assert_allclose(stored, np.array(weights) / 16, rtol=1e-6)
    assert events["cross_section"][:] == pytest.approx([np.mean(weights)])
    # a weight of +-1 stands for the declared 50 pb
    signs = [-1.0 if number % 4 == 0 else 1.0 for number in range(16)]
    file = write_events(tmp_path / "b.lhe", signs, -3)
    events = generate(file, tmp_path / "b.zarr", events=100)
    np.testing.assert_allclose(events["weight"][:], np.array(signs) * 50.0 / 16, rtol=1e-6)


def test_parts_shower_different_events_of_a_file(tmp_path: Path, generate: Generate) -> None:
    weights = [10.0 + number for number in range(12)]
    file = write_events(tmp_path / "a.lhe", weights, 4)
    events = generate(file, tmp_path / "a.zarr", events=10, events_per_part=4)
    # the weights name the events of the file
    np.testing.assert_allclose(events["weight"][:], np.array(weights[:10]) / 10, rtol=1e-6)
    np.testing.assert_array_equal(events["number"][:], np.arange(10))
