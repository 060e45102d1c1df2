rule detect_events:
    """Detect and reconstruct the events of a theory."""
    input:
        code=source("detect"),
        # a leave to go on: a newer one is no reason to do it again
        gate=ancient("<results>/fastsim/passed.json"),
        settings="<results>/settings/detect.json",
        events="<results>/generate/{theory}.manifest.json",
        weights=expand("<results>/fastsim/{particle}/generator.safetensors", particle=DRAWN),
        cards=expand("<results>/fastsim/{particle}/generator.json", particle=DRAWN),
        refiner="<results>/refine/refiner.safetensors",
        refiner_card="<results>/refine/refiner.json",
    output:
        store=directory("<results>/detect/{theory}.zarr"),
        manifest="<results>/detect/{theory}.manifest.json",
    log:
        "<results>/logs/detect_events/{theory}.log",
    benchmark:
        "<results>/benchmarks/detect_events/{theory}.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
        dask="none",
        parts_per_task=1,
    params:
        events=beside("events"),
        generators=generators,
        refiner=subpath(input.refiner, parent=True),
    message:
        "Detect {wildcards.theory}"
    shell:
        "hyperhex detect events --settings {input.settings} --events {params.events}"
        " --generators {params.generators} --refiner {params.refiner} --output {output.store}"
        " --threads {threads} --memory {resources.mem_mb}MB --dask {resources.dask}"
        " --parts-per-task {resources.parts_per_task} 2> {log}"


rule detect_variation:
    """Detect a share of the events of all theories with other showers."""
    input:
        code=source("detect"),
        gate=ancient("<results>/fastsim/passed.json"),
        settings="<results>/settings/detect.json",
        events=events("generate", THEORIES),
        showers=showers,
        weights=expand("<results>/fastsim/{particle}/generator.safetensors", particle=DRAWN),
        cards=expand("<results>/fastsim/{particle}/generator.json", particle=DRAWN),
        refiner="<results>/refine/refiner.safetensors",
        refiner_card="<results>/refine/refiner.json",
    output:
        stores=directory(expand("<results>/detect/{{variation}}/{theory}.zarr", theory=THEORIES)),
        manifests=expand("<results>/detect/{{variation}}/{theory}.manifest.json", theory=THEORIES),
    log:
        "<results>/logs/detect_variation/{variation}.log",
    benchmark:
        "<results>/benchmarks/detect_variation/{variation}.tsv"
    wildcard_constraints:
        variation="raw|full",
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
        dask="none",
        parts_per_task=1,
    params:
        events=beside("events"),
        showers=beside("showers"),
        generators=generators,
        refiner=subpath(input.refiner, parent=True),
        share=PRODUCTION.hyperclass.variations.share,
        folder=lambda wildcards, output: Path(output.manifests[0]).parent,
    message:
        "Detect a share of all events with {wildcards.variation} showers"
    shell:
        "hyperhex detect variation --settings {input.settings} --events {params.events}"
        " --generators {params.generators} --refiner {params.refiner} --showers {params.showers}"
        " --variation {wildcards.variation} --share {params.share} --output {params.folder}"
        " --threads {threads} --memory {resources.mem_mb}MB --dask {resources.dask}"
        " --parts-per-task {resources.parts_per_task} 2> {log}"


rule detect_display:
    """Draw one event of a theory, by its row in the store, on the cells of the detector."""
    input:
        code=source("detect", "plots.detect"),
        gate=ancient("<results>/fastsim/passed.json"),
        settings="<results>/settings/detect.json",
        events="<results>/generate/{theory}.manifest.json",
        weights=expand("<results>/fastsim/{particle}/generator.safetensors", particle=DRAWN),
        cards=expand("<results>/fastsim/{particle}/generator.json", particle=DRAWN),
        refiner="<results>/refine/refiner.safetensors",
        refiner_card="<results>/refine/refiner.json",
    output:
        report(
            "<results>/detect/displays/{theory}_{number}.svg",
            caption="../report/detect.rst",
            category="Detection",
            labels={"theory": "{theory}", "event": "{number}"},
        ),
    log:
        "<results>/logs/detect_display/{theory}_{number}.log",
    wildcard_constraints:
        number=r"\d+",
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        events=beside("events"),
        generators=generators,
        refiner=subpath(input.refiner, parent=True),
    message:
        "Draw event {wildcards.number} of {wildcards.theory}"
    shell:
        "hyperhex detect display --settings {input.settings} --events {params.events}"
        " --generators {params.generators} --refiner {params.refiner} --number {wildcards.number}"
        " --output {output} 2> {log}"
