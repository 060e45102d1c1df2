rule fastsim_fit:
    """Train the network that draws showers."""
    input:
        code=source("fastsim"),
        settings="<results>/settings/fastsim.json",
        showers=showers,
    output:
        weights="<results>/fastsim/generator.safetensors",
        card="<results>/fastsim/generator.json",
        training="<results>/fastsim/training.json",
    log:
        "<results>/logs/fastsim_fit.log",
    benchmark:
        "<results>/benchmarks/fastsim_fit.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.fastsim.threads
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        folder=subpath(output.weights, parent=True),
        showers=beside("showers"),
    message:
        "Train the fast simulation"
    shell:
        "hyperhex fastsim fit --settings {input.settings} --showers {params.showers}"
        " --output {params.folder} --threads {threads} 2> {log}"


rule fastsim_validate:
    """Compare fast with full simulation."""
    input:
        code=source("fastsim", "plots.fastsim", "plots.training"),
        settings="<results>/settings/fastsim.json",
        showers=showers,
        weights="<results>/fastsim/generator.safetensors",
        card="<results>/fastsim/generator.json",
        training="<results>/fastsim/training.json",
    output:
        validation="<results>/fastsim/validation.json",
        figures=report(
            directory("<results>/fastsim/figures"),
            patterns=["{figure}.svg"],
            caption="../report/fastsim.rst",
            category="Fast simulation",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/fastsim_validate.log",
    benchmark:
        "<results>/benchmarks/fastsim_validate.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        folder=subpath(input.weights, parent=True),
        showers=beside("showers"),
    message:
        "Compare fast with full simulation"
    shell:
        "hyperhex fastsim validate --settings {input.settings} --showers {params.showers}"
        " --model {params.folder} --output {output.validation} --figures {output.figures} 2> {log}"


rule fastsim_gate:
    """Let the production go on only if fast simulation is good enough."""
    input:
        settings="<results>/settings/fastsim/gate.json",
        validation="<results>/fastsim/validation.json",
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
        "hyperhex fastsim gate --settings {input.settings} --validation {input.validation}"
        " --output {output} 2> {log}"
