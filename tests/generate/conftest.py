from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hyperhex.config import Generate, GenerateSettings, Preselection, Theory
from hyperhex.generate import stage
from hyperhex.generate.child import Job

Z_TO_NEUTRINOS = [
    "WeakBosonAndParton:qqbar2gmZg = on",
    "WeakBosonAndParton:qg2gmZq = on",
    "WeakZ0:gmZmode = 2",
    "23:onMode = off",
    "23:onIfAny = 12 14 16",
    "PhaseSpace:pTHatMin = {low}",
]


def settings_of(
    *,
    settings: list[str] = Z_TO_NEUTRINOS,
    parameters: dict[str, float] | None = None,
    events: int = 60,
    lhe: str | None = None,
    slha: dict[str, Any] | None = None,
    visible_pt: float = 0.0,
    missing_pt: float = 0.0,
    **generate: Any,
) -> GenerateSettings:
    theory = {
        "name": "trial",
        "title": "trial",
        "role": "signal",
        "group": "trials",
        "settings": settings,
        "lhe": lhe,
        "slha": slha,
        "points": [
            {
                "label": "only",
                "parameters": {"low": 250.0} if parameters is None else parameters,
                "events": events,
            }
        ],
    }
    preselection = Preselection(visible_pt=visible_pt, missing_pt=missing_pt)
    return GenerateSettings(
        production="trial",
        seed=3,
        generate=Generate(preselection=preselection, **generate),
        theory=Theory.model_validate(theory),
    )


@pytest.fixture
def make_settings() -> Callable[..., GenerateSettings]:
    """Settings of a theory with one point, Z bosons that recoil against a jet unless told."""
    return settings_of


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[GenerateSettings], None]:
    """Parts run in this process, which saves the imports of a child."""

    def use(settings: GenerateSettings) -> None:
        def run(job: Job) -> tuple[Job, float]:
            stage.part(settings, job.point, job.part, job.output)
            return job, 1.0

        monkeypatch.setattr(stage, "run", run)

    return use
