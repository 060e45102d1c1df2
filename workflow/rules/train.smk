rule train_tuning:
    """Choose hyperparameters without the theories of a part, for trainings that leave them out."""
    input:
        code=source("train"),
        settings="<results>/settings/train.json",
        events=tuning_events,
    output:
        "<results>/train/tuning/part_{part}.json",
    log:
        "<results>/logs/train_tuning/{part}.log",
    benchmark:
        "<results>/benchmarks/train_tuning/{part}.tsv"
    # all mixtures wait for it
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        events=beside("events"),
    message:
        "Choose hyperparameters, left out: part {wildcards.part}"
    shell:
        "hyperhex train tune --settings {input.settings} --events {params.events}"
        " --leave-out-part {wildcards.part} --output {output} --threads {threads} 2> {log}"


rule train_trials:
    """Draw the trials that chose hyperparameters."""
    input:
        code=source("train", "plots.tuning"),
        settings="<results>/settings/train.json",
        tuning=tunings(),
    output:
        report(
            "<results>/train/tuning/trials.svg",
            caption="../report/tuning.rst",
            category="Training",
            subcategory="Hyperparameters",
            labels={"figure": "trials"},
        ),
    log:
        "<results>/logs/train_trials.log",
    localrule: True
    conda:
        "../../envs/production.yaml"
    message:
        "Draw the trials of the tuning"
    shell:
        "hyperhex train trials --settings {input.settings} --tuning {input.tuning}"
        " --output {output} 2> {log}"


rule train_mixture:
    """Train on the mixture of all theories but one against the background."""
    input:
        code=source("train"),
        settings="<results>/settings/train.json",
        events=mixture_events,
        tuning=tuning,
    output:
        models=directory("<results>/train/mixture_{theory}"),
        manifest="<results>/train/mixture_{theory}.manifest.json",
    log:
        "<results>/logs/train_mixture/{theory}.log",
    benchmark:
        "<results>/benchmarks/train_mixture/{theory}.tsv"
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        events=beside("events"),
        tuning=optional("tuning"),
    message:
        "Train on the mixture, left out: {wildcards.theory}"
    shell:
        "hyperhex train mixture --settings {input.settings} --events {params.events}"
        " --leave-out {wildcards.theory} --output {output.models} --threads {threads}"
        " {params.tuning} 2> {log}"


rule train_single:
    """Train on one theory against the background."""
    input:
        code=source("train"),
        settings="<results>/settings/train/single_{theory}.json",
        events=single_events,
        tuning=tuning,
    output:
        models=directory("<results>/train/single_{theory}"),
        manifest="<results>/train/single_{theory}.manifest.json",
    log:
        "<results>/logs/train_single/{theory}.log",
    benchmark:
        "<results>/benchmarks/train_single/{theory}.tsv"
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        events=beside("events"),
        tuning=optional("tuning"),
    message:
        "Train on {wildcards.theory}"
    shell:
        "hyperhex train single --settings {input.settings} --events {params.events}"
        " --theory {wildcards.theory} --output {output.models} --threads {threads}"
        " {params.tuning} 2> {log}"


rule train_unsupervised:
    """Train on the background alone."""
    input:
        code=source("train"),
        settings="<results>/settings/train/unsupervised.json",
        events=events("detect", names("background")),
    output:
        models=directory("<results>/train/unsupervised"),
        manifest="<results>/train/unsupervised.manifest.json",
    log:
        "<results>/logs/train_unsupervised.log",
    benchmark:
        "<results>/benchmarks/train_unsupervised.tsv"
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        events=beside("events"),
    message:
        "Train on the background alone"
    shell:
        "hyperhex train unsupervised --settings {input.settings} --events {params.events}"
        " --output {output.models} --threads {threads} 2> {log}"


rule train_regression:
    """Compare networks that measure showers, and keep the best."""
    input:
        code=source("train", "plots.train"),
        settings="<results>/settings/train/regression.json",
        showers=showers,
    output:
        comparison="<results>/train/regression/comparison.json",
        weights="<results>/train/regression/network.safetensors",
        card="<results>/train/regression/network.json",
        figures=report(
            directory("<results>/train/regression/figures"),
            patterns=["{figure}.svg"],
            caption="../report/regression.rst",
            category="Training",
            subcategory="Shower regression",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/train_regression.log",
    benchmark:
        "<results>/benchmarks/train_regression.tsv"
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        folder=subpath(output.comparison, parent=True),
        showers=beside("showers"),
    message:
        "Compare networks that measure showers"
    shell:
        "hyperhex train regression --settings {input.settings} --showers {params.showers}"
        " --output {params.folder} --figures {output.figures} 2> {log}"


rule train_images:
    """Compare networks on event images with each other and with the mixture's classifiers."""
    input:
        code=source("train", "plots.train"),
        settings="<results>/settings/train.json",
        events=events("detect", THEORIES),
        model="<results>/train/mixture_none.manifest.json",
    output:
        comparison="<results>/train/images/comparison.json",
        weights=expand(
            "<results>/train/images/fold_{fold}.safetensors", fold=range(PRODUCTION.train.folds)
        ),
        figures=report(
            directory("<results>/train/images/figures"),
            patterns=["{figure}.svg"],
            caption="../report/images.rst",
            category="Training",
            subcategory="Event images",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/train_images.log",
    benchmark:
        "<results>/benchmarks/train_images.tsv"
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.train.threads
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        events=beside("events"),
        folder=subpath(output.comparison, parent=True),
        model=beside("model", ""),
    message:
        "Compare networks on event images"
    shell:
        "hyperhex train images --settings {input.settings} --events {params.events}"
        " --model {params.model} --output {params.folder} --figures {output.figures} 2> {log}"
