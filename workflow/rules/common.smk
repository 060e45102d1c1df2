"""What the rules share: checked config, code behind a command, locks, and the end of a run."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from hyperhex.config import dealt, resolve, stage_settings
from hyperhex.errors import ConfigError

FRAME = {"cli", "cluster", "config", "errors", "lifetime", "plots", "provenance", "spool", "store"}
IMPORT = re.compile(r"^ *from hyperhex\.?([\w.]*) import (\([^)]*\)|.+)$", re.MULTILINE)
# what detection draws showers of, and what it is judged and refined with
DRAWN = ["photon", "electron"]
STAGES = ["generate", "simulate", "fastsim", "refine", "detect", "train", "hyperclass"]


report: "../report/workflow.rst"


wildcard_constraints:
    theory="[a-z][a-z0-9_]*",
    part=r"\d+",
    particle=r"photon|electron|pi\+",
    told="[a-z]+(/[a-z][a-z0-9_]*)?",
    variant="[a-z][a-z0-9_]*",


def validated(raw):
    """Config with its defaults and the theories by name; with faults, all of them and the end."""
    try:
        return resolve(raw, Path(workflow.basedir, "config/theories"))
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def names(role):
    """Names of the theories of a role: `background` or `signal`."""
    return [name for name, theory in THEORIES.items() if theory.role == role]


def settings_text(wildcards):
    """JSON text that a command is told, of as few theories as it needs."""
    stage, _, which = wildcards.told.partition("/")
    known = THEORIES
    if stage == "train":
        wanted = [*names("background"), which.removeprefix("single_")]
        known = {name: theory for name, theory in THEORIES.items() if not which or name in wanted}
    return stage_settings(PRODUCTION, known, stage, which)


def source(*roots):
    """Modules that a stage's commands import, directly or not: an edit of one runs them again.

    Left out are the frame, which says where things are and not what they are, and figures: a rule
    that draws names their module as a further root.
    """
    package = Path(workflow.basedir, "src/hyperhex")
    names = [root if "." in root else f"{root}.stage" for root in roots]
    found = {}
    while names:
        name = names.pop()
        file = package.joinpath(*name.split(".")).with_suffix(".py")
        if name not in found and file.exists():
            found[name] = file
            names += [other for other in imports(file) if other.partition(".")[0] not in FRAME]
    here = Path.cwd()
    files = sorted(found.values())
    return [str(file.relative_to(here) if file.is_relative_to(here) else file) for file in files]


def imports(file):
    """Names of the package's modules that a module may import."""
    for base, imported in IMPORT.findall(file.read_text()):
        yield base
        yield from (f"{base}.{name}".lstrip(".") for name in re.findall(r"\w+", imported))


def beside(name, suffix=".zarr"):
    """Paths of what the manifests in the input `name` are about: stores, or folders of models."""

    def paths(wildcards, input):
        manifests = [input[name]] if isinstance(input[name], str) else input[name]
        return [manifest.removesuffix(".manifest.json") + suffix for manifest in manifests]

    return paths


def generators(wildcards, input):
    """Folder with the fast simulation of each particle."""
    return Path(input.weights[0]).parents[1]


def judged():
    """What is judged of the fast simulation: every particle, and the variants of it."""
    particles = PRODUCTION.simulate.particles
    found = expand("<results>/fastsim/{particle}/validation.json", particle=particles)
    for name, variant in PRODUCTION.fastsim.variants.items():
        path = f"<results>/fastsim/variants/{name}/{{particle}}/validation.json"
        found += expand(path, particle=variant.particles or particles)
    return found


def studies():
    """Table of the variants of the fast simulation, where there are any."""
    return ["<results>/fastsim/study.json"] if PRODUCTION.fastsim.variants else []


def showers(wildcards):
    """Manifests of the libraries of the showers that detection draws."""
    found = [particle for particle in PRODUCTION.simulate.particles if particle in DRAWN]
    return expand("<results>/simulate/{particle}.manifest.json", particle=found)


def shower_memory(wildcards):
    """Memory [MB] of the work on a library: a pion's 7504 cells are 30 kB, held several times."""
    each = 0.07 if "pi+" in PRODUCTION.simulate.particles else 0.02
    number = max(map(PRODUCTION.simulate.showers, PRODUCTION.simulate.particles))
    return 2500 + round(each * number)


def events(stage, theories):
    """Manifests of the events of some theories, as generated or as detected."""
    return expand(f"<results>/{stage}/{{theory}}.manifest.json", theory=theories)


def event_files(wildcards):
    """Les Houches files that a theory names."""
    return [file for file in [THEORIES[wildcards.theory].lhe] if file]


def mixture_events(wildcards):
    """Manifests of all detected events but those of the theories that training must never see."""
    unseen = groups().get(wildcards.theory, [wildcards.theory])
    return events("detect", [name for name in THEORIES if name not in unseen])


def groups():
    """Names of the signals that are left out together, by what their training is called."""
    found = {}
    for name in names("signal") if "group" in PRODUCTION.train.leave_out else []:
        found.setdefault(f"group_{THEORIES[name].group}", []).append(name)
    # a group of one is left out with its theory
    return {group: members for group, members in found.items() if len(members) > 1}


def parts():
    """Part of each signal in the tuning."""
    groups = {name: THEORIES[name].group for name in names("signal")}
    return dealt(groups, PRODUCTION.train.tuning.parts)


def tunings():
    """Parameters that were chosen, by all parts."""
    numbers = sorted(set(parts().values())) if PRODUCTION.train.tuning else []
    return expand("<results>/train/tuning/part_{part}.json", part=numbers)


def tuning_events(wildcards):
    """Manifests of all detected events but those of a part, which has no say in its parameters."""
    unseen = [name for name, part in parts().items() if part == int(wildcards.part)]
    return events("detect", [name for name in THEORIES if name not in unseen])


def tuning(wildcards):
    """Parameters for a training, by the part of what it leaves out; of part 0 if that is nothing.

    The theory of a training on one alone is in the part that had no say, too.
    """
    if PRODUCTION.train.tuning is None:
        return []
    first = groups().get(wildcards.theory, [wildcards.theory])[0]
    return [f"<results>/train/tuning/part_{parts().get(first, 0)}.json"]


def optional(name):
    """Option of a command for an input that only some productions have."""

    def option(wildcards, input):
        return [f"--{name}", *input.get(name)] if input.get(name) else []

    return option


def single_events(wildcards):
    """Manifests of the detected events of the background and one theory."""
    return events("detect", [*names("background"), wildcards.theory])


def classifiers():
    """Manifests of the trained classifiers: mixtures, single theories, unsupervised."""
    signals = names("signal")
    trainings = [f"mixture_{name}" for name in ["none", *signals, *groups()]]
    trainings += [f"single_{name}" for name in signals]
    return expand("<results>/train/{training}.manifest.json", training=[*trainings, "unsupervised"])


def varied_events():
    """Manifests of the events that were detected with other showers."""
    return expand(
        "<results>/detect/{variation}/{theory}.manifest.json",
        variation=PRODUCTION.hyperclass.variations.showers,
        theory=THEORIES,
    )


def varied_models():
    """Manifests of the mixtures that score them: those without a theory that is tested for."""
    injected = PRODUCTION.hyperclass.injection.theory
    every = PRODUCTION.hyperclass.limits or injected is None
    tested = names("signal") if every else [injected]
    return expand("<results>/train/mixture_{theory}.manifest.json", theory=tested)


def varied_scores():
    """Manifest of the scores of events with other showers, in productions that have them."""
    wanted = PRODUCTION.hyperclass.variations.showers
    return ["<results>/hyperclass/varied.manifest.json"] if wanted else []


def varied_option(wildcards, input):
    """Option that names the scores of events with other showers, nothing without them."""
    paths = beside("varied")(wildcards, input)
    return f"--varied {paths[0]}" if paths else ""


def comparisons():
    """Comparisons of the networks that read showers and event images."""
    return expand("<results>/train/{what}/comparison.json", what=["regression", "images"])


def trials():
    """Figure of the trials that chose hyperparameters, where there are any."""
    return ["<results>/train/tuning/trials.svg"] if PRODUCTION.train.tuning else []


def displays():
    """Figures of the first event of the first signal, for the report."""
    return [f"<results>/detect/displays/{theory}_0.svg" for theory in names("signal")[:1]]


def extras():
    """Files of the hypothesis test that only some productions ask for."""
    files = {
        "<results>/hyperclass/limits.csv": PRODUCTION.hyperclass.limits,
        "<results>/hyperclass/drivers.json": PRODUCTION.hyperclass.drivers,
        "<results>/hyperclass/coverage.json": PRODUCTION.hyperclass.pseudo_experiments,
        "<results>/hyperclass/sharing.json": PRODUCTION.hyperclass.sharing,
        "<results>/hyperclass/scaling.json": PRODUCTION.hyperclass.scaling,
    }
    return [file for file, wanted in files.items() if wanted]


def products(stage):
    """Files that a stage leaves when it is finished; for `all` those of all, and their times."""
    files = {
        "generate": events("generate", THEORIES),
        "simulate": ["<results>/simulate/validation.json"],
        "fastsim": ["<results>/fastsim/passed.json", *studies()],
        "refine": ["<results>/refine/validation.json"],
        "detect": [*events("detect", THEORIES), *displays()],
        "train": [*classifiers(), *comparisons(), *trials()],
        "hyperclass": ["<results>/hyperclass/summary.json", *extras()],
    }
    files["all"] = [*sum(files.values(), []), "<results>/times.json"]
    return files[stage]


def hold_folder():
    """Lock on the working folder, held while this process lives; sweeps what a killed run left.

    Every living run holds it shared, so who gets it alone knows that no other run works here and
    that Snakemake's own locks are stale. Where the file system has no such locks, or the folder is
    worked on from another machine, Snakemake's own locks have the last word.
    """
    Path(".snakemake").mkdir(exist_ok=True)
    lock = open(".snakemake/hyperhex.lock", "a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.seek(0)
        if lock.read() in ("", socket.gethostname()):
            shutil.rmtree(".snakemake/locks", ignore_errors=True)
            lock.truncate(0)
            lock.write(socket.gethostname())
            lock.flush()
    except BlockingIOError:
        pass
    except OSError:
        return None
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def close_production():
    """Print the table of results and make the report, once a run has made the whole production."""
    folder = Path("results", PRODUCTION.name)
    targets = sorted(workflow.dag_settings.targets)
    if not workflow.is_main_process or not {"all", "hyperclass"}.issuperset(targets):
        return
    subprocess.run(["hyperhex", "summary", folder], check=False)
    page, log = folder / "report.html", folder / "logs/report.log"
    command = [sys.executable, "-m", "snakemake", *targets, "--report", page, "--nolock"]
    command += ["--snakefile", workflow.main_snakefile]
    for option, values in (
        ("--configfile", workflow.overwrite_configfiles),
        ("--config", workflow.config_settings.config_args),
    ):
        command += [option, *values] if values else []
    with log.open("w") as lines:
        made = subprocess.run(command, stdout=lines, stderr=lines).returncode == 0
    print(f"Report: {page.absolute()}" if made else f"No report: see {log}", flush=True)


if workflow.is_main_process:
    FOLDER_LOCK = hold_folder()

# commands of this environment come first, and end with this process even if it is killed; conda
# environments install the package from its source
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    HYPERHEX_PARENT=str(os.getpid()),
    HYPERHEX_SOURCE=str(workflow.basedir),
)
