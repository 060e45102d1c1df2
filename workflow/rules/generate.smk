rule generate_theory:
    """Generate the events of all points of a theory."""
    input:
        code=source("generate"),
        settings="<results>/settings/generate/{theory}.json",
        files=event_files,
    output:
        store=directory("<results>/generate/{theory}.zarr"),
        manifest="<results>/generate/{theory}.manifest.json",
    log:
        "<results>/logs/generate_theory/{theory}.log",
    benchmark:
        "<results>/benchmarks/generate_theory/{theory}.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
        dask="none",
        parts_per_task=1,
    message:
        "Generate {wildcards.theory}"
    shell:
        "hyperhex generate theory --settings {input.settings} --output {output.store}"
        " --threads {threads} --memory {resources.mem_mb}MB --dask {resources.dask}"
        " --parts-per-task {resources.parts_per_task} 2> {log}"
