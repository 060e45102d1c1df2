rule detect_events:
    """Detect and reconstruct the events of a theory."""
    input:
        code=source("detect"),
        gate="<results>/fastsim/passed.json",
        settings="<results>/settings/detect.json",
        events="<results>/generate/{theory}.manifest.json",
        generator="<results>/fastsim/generator.safetensors",
        generator_card="<results>/fastsim/generator.json",
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
        generator=subpath(input.generator, parent=True),
        refiner=subpath(input.refiner, parent=True),
    message:
        "Detect {wildcards.theory}"
    shell:
        "hyperhex detect events --settings {input.settings} --events {params.events}"
        " --generator {params.generator} --refiner {params.refiner} --output {output.store}"
        " --threads {threads} --memory {resources.mem_mb}MB --dask {resources.dask}"
        " --parts-per-task {resources.parts_per_task} 2> {log}"
