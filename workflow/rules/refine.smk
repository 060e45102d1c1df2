rule refine_data:
    """Pass showers through the detector's real response."""
    input:
        code=source("refine"),
        # a leave to go on: a newer one is no reason to do it again
        gate=ancient("<results>/fastsim/passed.json"),
        settings="<results>/settings/refine.json",
        showers=showers,
    output:
        store=directory("<results>/refine/data.zarr"),
        manifest="<results>/refine/data.manifest.json",
    log:
        "<results>/logs/refine_data.log",
    benchmark:
        "<results>/benchmarks/refine_data.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        showers=beside("showers"),
    message:
        "Pass showers through the real response"
    shell:
        "hyperhex refine data --settings {input.settings} --showers {params.showers}"
        " --output {output.store} 2> {log}"


rule refine_fit:
    """Train the network that moves simulated showers onto the data."""
    input:
        code=source("refine"),
        gate=ancient("<results>/fastsim/passed.json"),
        settings="<results>/settings/refine.json",
        showers=showers,
        data="<results>/refine/data.manifest.json",
    output:
        weights="<results>/refine/refiner.safetensors",
        card="<results>/refine/refiner.json",
        baseline="<results>/refine/baseline.safetensors",
    log:
        "<results>/logs/refine_fit.log",
    benchmark:
        "<results>/benchmarks/refine_fit.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: PRODUCTION.refine.threads
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        data=beside("data"),
        folder=subpath(output.weights, parent=True),
        showers=beside("showers"),
    message:
        "Train the refiner"
    shell:
        "hyperhex refine fit --settings {input.settings} --showers {params.showers}"
        " --data {params.data} --output {params.folder} --threads {threads} 2> {log}"


rule refine_validate:
    """Measure what refinement gains in the reconstruction of energy."""
    input:
        code=source("refine", "plots.refine"),
        settings="<results>/settings/refine.json",
        showers=showers,
        data="<results>/refine/data.manifest.json",
        weights="<results>/refine/refiner.safetensors",
        card="<results>/refine/refiner.json",
        baseline="<results>/refine/baseline.safetensors",
    output:
        validation="<results>/refine/validation.json",
        figures=report(
            directory("<results>/refine/figures"),
            patterns=["{figure}.svg"],
            caption="../report/refine.rst",
            category="Refinement",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/refine_validate.log",
    benchmark:
        "<results>/benchmarks/refine_validate.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        data=beside("data"),
        folder=subpath(input.weights, parent=True),
        showers=beside("showers"),
    message:
        "Measure what refinement gains"
    shell:
        "hyperhex refine validate --settings {input.settings} --showers {params.showers}"
        " --data {params.data} --model {params.folder} --output {output.validation}"
        " --figures {output.figures} 2> {log}"
