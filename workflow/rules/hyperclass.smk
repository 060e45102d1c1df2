rule hyperclass_scores:
    """Score the test events of all theories with every method."""
    input:
        code=source("hyperclass"),
        settings="<results>/settings/hyperclass.json",
        events=events("detect", THEORIES),
        models=classifiers(),
    output:
        store=directory("<results>/hyperclass/scores.zarr"),
        manifest="<results>/hyperclass/scores.manifest.json",
    log:
        "<results>/logs/hyperclass_scores.log",
    benchmark:
        "<results>/benchmarks/hyperclass_scores.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        events=beside("events"),
        models=beside("models", ""),
    message:
        "Score all events"
    shell:
        "hyperhex hyperclass scores --settings {input.settings} --events {params.events}"
        " --models {params.models} --output {output.store} 2> {log}"


rule hyperclass_improvement:
    """Measure the significance improvement on theories left out of training."""
    input:
        code=source("hyperclass", "plots.hyperclass"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
    output:
        table=report(
            "<results>/hyperclass/improvement.csv",
            caption="../report/improvement.rst",
            category="Hyperclass",
            subcategory="Significance improvement",
            labels={"figure": "table of all signals and methods"},
        ),
        measured="<results>/hyperclass/improvement.json",
        figures=report(
            directory("<results>/hyperclass/improvement"),
            patterns=["{figure}.svg"],
            caption="../report/improvement.rst",
            category="Hyperclass",
            subcategory="Significance improvement",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_improvement.log",
    benchmark:
        "<results>/benchmarks/hyperclass_improvement.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        scores=beside("scores"),
    message:
        "Measure the significance improvement"
    shell:
        "hyperhex hyperclass improvement --settings {input.settings} --scores {params.scores}"
        " --output {output.table} --figures {output.figures} 2> {log}"


rule hyperclass_variations:
    """Score the events that were detected with other showers."""
    input:
        code=source("hyperclass"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
        events=varied_events(),
        models=varied_models(),
    output:
        store=directory("<results>/hyperclass/varied.zarr"),
        manifest="<results>/hyperclass/varied.manifest.json",
    log:
        "<results>/logs/hyperclass_variations.log",
    benchmark:
        "<results>/benchmarks/hyperclass_variations.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        scores=beside("scores"),
        events=beside("events"),
        models=beside("models", ""),
    message:
        "Score the events with other showers"
    shell:
        "hyperhex hyperclass variations --settings {input.settings} --scores {params.scores}"
        " --events {params.events} --models {params.models} --output {output.store} 2> {log}"


rule hyperclass_discovery:
    """Test the hypothesis of a theory that training never saw."""
    input:
        code=source("hyperclass", "plots.hyperclass"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
        varied=varied_scores(),
    output:
        workspace="<results>/hyperclass/workspace.json",
        outcome="<results>/hyperclass/discovery.json",
        figures=report(
            directory("<results>/hyperclass/discovery"),
            patterns=["{figure}.svg"],
            caption="../report/discovery.rst",
            category="Hyperclass",
            subcategory="Hypothesis test",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_discovery.log",
    benchmark:
        "<results>/benchmarks/hyperclass_discovery.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        scores=beside("scores"),
        varied=varied_option,
    message:
        "Test the hypothesis of an unseen theory"
    shell:
        "hyperhex hyperclass discovery --settings {input.settings} --scores {params.scores}"
        " --output {output.workspace} --figures {output.figures} {params.varied} 2> {log}"


rule hyperclass_coverage:
    """Measure coverage and p-values, with hyperclass.pseudo_experiments."""
    input:
        code=source("hyperclass", "plots.coverage"),
        settings="<results>/settings/hyperclass.json",
        workspace="<results>/hyperclass/workspace.json",
    output:
        found="<results>/hyperclass/coverage.json",
        figures=report(
            directory("<results>/hyperclass/coverage"),
            patterns=["{figure}.svg"],
            caption="../report/coverage.rst",
            category="Hyperclass",
            subcategory="Hypothesis test",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_coverage.log",
    benchmark:
        "<results>/benchmarks/hyperclass_coverage.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    message:
        "Repeat the hypothesis test with pseudo-experiments"
    shell:
        "hyperhex hyperclass coverage --settings {input.settings} --workspace {input.workspace}"
        " --output {output.found} --figures {output.figures} 2> {log}"


rule hyperclass_limits:
    """Set an upper limit on the cross-section of every point, with hyperclass.limits."""
    input:
        code=source("hyperclass", "plots.limits"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
        varied=varied_scores(),
    output:
        table=report(
            "<results>/hyperclass/limits.csv",
            caption="../report/limits.rst",
            category="Hyperclass",
            subcategory="Limits",
            labels={"figure": "table of all points"},
        ),
        figures=report(
            directory("<results>/hyperclass/limits"),
            patterns=["{figure}.svg"],
            caption="../report/limits.rst",
            category="Hyperclass",
            subcategory="Limits",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_limits.log",
    benchmark:
        "<results>/benchmarks/hyperclass_limits.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        scores=beside("scores"),
        varied=varied_option,
    message:
        "Set limits on all points"
    shell:
        "hyperhex hyperclass limits --settings {input.settings} --scores {params.scores}"
        " --output {output.table} --figures {output.figures} {params.varied} 2> {log}"


rule hyperclass_drivers:
    """Say which inputs drive the score of each theory, with hyperclass.drivers."""
    input:
        code=source("hyperclass", "plots.drivers"),
        settings="<results>/settings/hyperclass.json",
        events=events("detect", THEORIES),
        models=classifiers(),
    output:
        found="<results>/hyperclass/drivers.json",
        figures=report(
            directory("<results>/hyperclass/drivers"),
            patterns=["{figure}.svg"],
            caption="../report/drivers.rst",
            category="Hyperclass",
            subcategory="Significance improvement",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_drivers.log",
    benchmark:
        "<results>/benchmarks/hyperclass_drivers.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        events=beside("events"),
        models=beside("models", ""),
    message:
        "Say what drives the scores"
    shell:
        "hyperhex hyperclass drivers --settings {input.settings} --events {params.events}"
        " --models {params.models} --output {output.found} --figures {output.figures} 2> {log}"


rule hyperclass_sharing:
    """Say which theories share what a mixture finds, with hyperclass.sharing."""
    input:
        code=source("hyperclass", "plots.sharing"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
    output:
        found="<results>/hyperclass/sharing.json",
        figures=report(
            directory("<results>/hyperclass/sharing"),
            patterns=["{figure}.svg"],
            caption="../report/sharing.rst",
            category="Hyperclass",
            subcategory="Significance improvement",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_sharing.log",
    benchmark:
        "<results>/benchmarks/hyperclass_sharing.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        scores=beside("scores"),
    message:
        "Say from whom left-out theories borrow"
    shell:
        "hyperhex hyperclass sharing --settings {input.settings} --scores {params.scores}"
        " --output {output.found} --figures {output.figures} 2> {log}"


rule hyperclass_scaling:
    """Measure what more theories, events and background are worth, with hyperclass.scaling."""
    input:
        code=source("hyperclass", "plots.scaling"),
        settings="<results>/settings/hyperclass.json",
        events=events("detect", THEORIES),
    output:
        measured="<results>/hyperclass/scaling.json",
        figures=report(
            directory("<results>/hyperclass/scaling"),
            patterns=["{figure}.svg"],
            caption="../report/scaling.rst",
            category="Hyperclass",
            subcategory="Significance improvement",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/hyperclass_scaling.log",
    benchmark:
        "<results>/benchmarks/hyperclass_scaling.tsv"
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        events=beside("events"),
    message:
        "Measure how much knowledge is enough"
    shell:
        "hyperhex hyperclass scaling --settings {input.settings} --events {params.events}"
        " --output {output.measured} --figures {output.figures} 2> {log}"


rule hyperclass_summary:
    """Gather the results that machines read."""
    input:
        code=source("hyperclass"),
        settings="<results>/settings/hyperclass.json",
        improvement="<results>/hyperclass/improvement.json",
        discovery="<results>/hyperclass/discovery.json",
    output:
        "<results>/hyperclass/summary.json",
    log:
        "<results>/logs/hyperclass_summary.log",
    benchmark:
        "<results>/benchmarks/hyperclass_summary.tsv"
    localrule: True
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    message:
        "Gather the results"
    shell:
        "hyperhex hyperclass summary --settings {input.settings} --improvement {input.improvement}"
        " --discovery {input.discovery} --output {output} 2> {log}"
