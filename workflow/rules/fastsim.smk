rule fastsim_fit:
    """Train the network that draws showers."""
    input:
        code=source("fastsim"),
        settings="<results>/settings/fastsim.json",
        showers="<results>/simulate/{particle}.manifest.json",
    output:
        weights="<results>/fastsim/{particle}/generator.safetensors",
        card="<results>/fastsim/{particle}/generator.json",
        training="<results>/fastsim/{particle}/training.json",
    log:
        "<results>/logs/fastsim_fit/{particle}.log",
    benchmark:
        "<results>/benchmarks/fastsim_fit/{particle}.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.fastsim.threads
    resources:
        mem_mb=shower_memory,
        runtime=480,
    params:
        folder=subpath(output.weights, parent=True),
        showers=beside("showers"),
    message:
        "Train the fast simulation of {wildcards.particle}s"
    shell:
        "hyperhex fastsim fit --settings {input.settings} --showers {params.showers}"
        " --output {params.folder} --threads {threads} 2> {log}"


rule fastsim_floors:
    """Compare full simulation with itself, for all that is compared with it."""
    input:
        code=source("fastsim"),
        settings="<results>/settings/fastsim.json",
        showers="<results>/simulate/{particle}.manifest.json",
    output:
        "<results>/fastsim/{particle}/floors.json",
    log:
        "<results>/logs/fastsim_floors/{particle}.log",
    benchmark:
        "<results>/benchmarks/fastsim_floors/{particle}.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=shower_memory,
        runtime=60,
    params:
        showers=beside("showers"),
    message:
        "Compare full simulation of {wildcards.particle}s with itself"
    shell:
        "hyperhex fastsim floors --settings {input.settings} --showers {params.showers}"
        " --output {output} 2> {log}"


rule fastsim_validate:
    """Compare fast with full simulation."""
    input:
        code=source("fastsim", "plots.fastsim", "plots.training"),
        settings="<results>/settings/fastsim.json",
        showers="<results>/simulate/{particle}.manifest.json",
        weights="<results>/fastsim/{particle}/generator.safetensors",
        card="<results>/fastsim/{particle}/generator.json",
        training="<results>/fastsim/{particle}/training.json",
        floors="<results>/fastsim/{particle}/floors.json",
    output:
        validation="<results>/fastsim/{particle}/validation.json",
        figures=report(
            directory("<results>/fastsim/{particle}/figures"),
            patterns=["{figure}.svg"],
            caption="../report/fastsim.rst",
            category="Fast simulation",
            labels={"particle": "{particle}", "figure": "{figure}"},
        ),
    log:
        "<results>/logs/fastsim_validate/{particle}.log",
    benchmark:
        "<results>/benchmarks/fastsim_validate/{particle}.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=shower_memory,
        runtime=60,
    params:
        folder=subpath(input.weights, parent=True),
        showers=beside("showers"),
    message:
        "Compare fast with full simulation"
    shell:
        "hyperhex fastsim validate --settings {input.settings} --showers {params.showers}"
        " --model {params.folder} --floors {input.floors} --output {output.validation}"
        " --figures {output.figures} 2> {log}"


rule fastsim_downstream:
    """Test on full simulation what learned from fast showers."""
    input:
        code=source("fastsim", "plots.downstream"),
        settings="<results>/settings/fastsim.json",
        showers=expand(
            "<results>/simulate/{particle}.manifest.json",
            particle=PRODUCTION.simulate.particles,
        ),
        weights=expand(
            "<results>/fastsim/{particle}/generator.safetensors",
            particle=PRODUCTION.simulate.particles,
        ),
        cards=expand(
            "<results>/fastsim/{particle}/generator.json",
            particle=PRODUCTION.simulate.particles,
        ),
    output:
        losses="<results>/fastsim/downstream.json",
        figures=report(
            directory("<results>/fastsim/figures"),
            patterns=["{figure}.svg"],
            caption="../report/downstream.rst",
            category="Fast simulation",
            labels={"particle": "all", "figure": "{figure}"},
        ),
    log:
        "<results>/logs/fastsim_downstream.log",
    benchmark:
        "<results>/benchmarks/fastsim_downstream.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=shower_memory,
        runtime=60,
    params:
        generators=generators,
        showers=beside("showers"),
    message:
        "Test on full simulation what learned from fast showers"
    shell:
        "hyperhex fastsim downstream --settings {input.settings} --showers {params.showers}"
        " --generators {params.generators} --output {output.losses} --figures {output.figures} 2> {log}"


rule fastsim_gate:
    """Let the production go on only if fast simulation is good enough."""
    input:
        settings="<results>/settings/fastsim/gate.json",
        validations=expand(
            "<results>/fastsim/{particle}/validation.json",
            particle=PRODUCTION.simulate.particles,
        ),
        downstream="<results>/fastsim/downstream.json",
    output:
        "<results>/fastsim/passed.json",
    log:
        "<results>/logs/fastsim_gate.log",
    priority: 50
    localrule: True
    conda:
        "../../envs/production.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Ask whether the fast simulation is good enough"
    shell:
        "hyperhex fastsim gate --settings {input.settings} --validations {input.validations}"
        " --downstream {input.downstream}"
        " --output {output} 2> {log}"


use rule fastsim_fit as fastsim_fit_variant with:
    input:
        code=source("fastsim"),
        settings="<results>/settings/fastsim/{variant}.json",
        showers="<results>/simulate/{particle}.manifest.json",
    output:
        weights="<results>/fastsim/variants/{variant}/{particle}/generator.safetensors",
        card="<results>/fastsim/variants/{variant}/{particle}/generator.json",
        training="<results>/fastsim/variants/{variant}/{particle}/training.json",
    log:
        "<results>/logs/fastsim_fit_variant/{variant}/{particle}.log",
    benchmark:
        "<results>/benchmarks/fastsim_fit_variant/{variant}/{particle}.tsv"
    priority: 0
    message:
        "Train the fast simulation of {wildcards.particle}s, {wildcards.variant}"


use rule fastsim_validate as fastsim_validate_variant with:
    input:
        code=source("fastsim", "plots.fastsim", "plots.training"),
        settings="<results>/settings/fastsim/{variant}.json",
        showers="<results>/simulate/{particle}.manifest.json",
        weights="<results>/fastsim/variants/{variant}/{particle}/generator.safetensors",
        card="<results>/fastsim/variants/{variant}/{particle}/generator.json",
        training="<results>/fastsim/variants/{variant}/{particle}/training.json",
        floors="<results>/fastsim/{particle}/floors.json",
    output:
        validation="<results>/fastsim/variants/{variant}/{particle}/validation.json",
        figures=directory("<results>/fastsim/variants/{variant}/{particle}/figures"),
    log:
        "<results>/logs/fastsim_validate_variant/{variant}/{particle}.log",
    benchmark:
        "<results>/benchmarks/fastsim_validate_variant/{variant}/{particle}.tsv"
    priority: 0
    message:
        "Compare fast with full simulation of {wildcards.particle}s, {wildcards.variant}"


rule fastsim_study:
    """Compare seeds and variants of the fast simulation."""
    input:
        code=source("fastsim.study", "plots.study"),
        settings="<results>/settings/fastsim/gate.json",
        validations=judged(),
    output:
        study="<results>/fastsim/study.json",
        table="<results>/fastsim/study.txt",
        figures=report(
            directory("<results>/fastsim/study"),
            patterns=["{figure}.svg"],
            caption="../report/study.rst",
            category="Fast simulation",
            labels={"particle": "all", "figure": "{figure}"},
        ),
    log:
        "<results>/logs/fastsim_study.log",
    conda:
        "../../envs/production.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Compare seeds and variants of the fast simulation"
    shell:
        "hyperhex fastsim study --settings {input.settings} --validations {input.validations}"
        " --output {output.study} --figures {output.figures} 2> {log}"
