rule hyperclass_score:
    """Score the test events of all theories with every method."""
    input:
        code=source("hyperclass", "train"),
        settings="<results>/settings/hyperclass.json",
        events=events("detect", THEORIES),
        models=classifiers(),
    output:
        store=directory("<results>/hyperclass/scores.zarr"),
        manifest="<results>/hyperclass/scores.manifest.json",
    log:
        "<results>/logs/hyperclass_score.log",
    benchmark:
        "<results>/benchmarks/hyperclass_score.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        events=beside("events"),
        models=beside("models", ""),
    shell:
        "hyperhex hyperclass score --settings {input.settings} --events {params.events}"
        " --models {params.models} --output {output.store} 2> {log}"


rule hyperclass_improvement:
    """Measure the significance improvement on theories left out of training."""
    input:
        code=source("hyperclass"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
    output:
        table="<results>/hyperclass/improvement.csv",
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
    shell:
        "hyperhex hyperclass improvement --settings {input.settings} --scores {params.scores}"
        " --output {output.table} --figures {output.figures} 2> {log}"


rule hyperclass_discovery:
    """Test the hypothesis of a theory that training never saw."""
    input:
        code=source("hyperclass"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
    output:
        workspace="<results>/hyperclass/workspace.json",
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
    shell:
        "hyperhex hyperclass discovery --settings {input.settings} --scores {params.scores}"
        " --output {output.workspace} --figures {output.figures} 2> {log}"


rule hyperclass_summary:
    """Gather the results that machines read."""
    input:
        code=source("hyperclass"),
        settings="<results>/settings/hyperclass.json",
        scores="<results>/hyperclass/scores.manifest.json",
        improvement="<results>/hyperclass/improvement.csv",
        workspace="<results>/hyperclass/workspace.json",
    output:
        "<results>/hyperclass/summary.json",
    log:
        "<results>/logs/hyperclass_summary.log",
    benchmark:
        "<results>/benchmarks/hyperclass_summary.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        scores=beside("scores"),
    shell:
        "hyperhex hyperclass summary --settings {input.settings} --scores {params.scores}"
        " --improvement {input.improvement} --workspace {input.workspace} --output {output} 2> {log}"
