"""A few events of a point, made to see whether it runs and what an event of it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hyperhex.config import GenerateSettings
from hyperhex.generate.child import Job, run
from hyperhex.generate.normalisation import combine
from hyperhex.generate.recipe import point_commands, where
from hyperhex.generate.record import run_of
from hyperhex.provenance import write_json
from hyperhex.spool import load_part

__all__ = ["Trial", "attempt"]


@dataclass(frozen=True)
class Trial:
    """What a few events say of a point: cross-section and its error [pb], CPU time of one event.

    `kept` of the `generated` events pass the preselection; `seconds` is without the start of the
    generator.
    """

    generated: int
    kept: int
    cross_section: float
    cross_section_error: float
    seconds: float


def attempt(
    settings: GenerateSettings, point: int, events: int, folder: Path, time_limit: float
) -> Trial:
    """Trial of a theory's point with the number `point`; its files go to `folder`.

    It runs in a child process. Raises `GenerationError` with the generator's own message, or by
    name if it does not end within `time_limit` [s].
    """
    chosen = settings.theory.points[point]
    few = settings.model_copy(
        update={
            "scale": 1.0,
            "generate": settings.generate.model_copy(
                update={"scale": 1.0, "events_per_part": events, "time_limit": time_limit}
            ),
            "theory": settings.theory.model_copy(
                update={"points": [chosen.model_copy(update={"events": events})]}
            ),
        }
    )
    file, output = folder / "settings.json", folder / "trial.npz"
    write_json(file, few.model_dump(mode="json"))
    job = Job(
        settings=file.resolve(),
        point=0,
        part=0,
        output=output.resolve(),
        time_limit=time_limit,
        name=where(settings.theory, chosen),
        commands=tuple(point_commands(settings, chosen)),
    )
    run(job)
    arrays = load_part(output)
    sample = combine([run_of(arrays)])
    return Trial(
        generated=sample.generated,
        kept=sample.kept,
        cross_section=sample.cross_section,
        cross_section_error=sample.cross_section_error,
        seconds=float(arrays["seconds"]) / sample.generated,
    )
