rule simulate_showers:
    """Transport a library of showers of one particle through the calorimeter."""
    input:
        code=source("simulate"),
        settings="<results>/settings/simulate.json",
    output:
        store=directory("<results>/simulate/{particle}.zarr"),
        manifest="<results>/simulate/{particle}.manifest.json",
    log:
        "<results>/logs/simulate_showers/{particle}.log",
    benchmark:
        "<results>/benchmarks/simulate_showers/{particle}.tsv"
    priority: 50
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
        dask="none",
        parts_per_task=1,
    message:
        "Simulate the showers of {wildcards.particle}s"
    shell:
        "hyperhex simulate showers --settings {input.settings} --particle {wildcards.particle}"
        " --output {output.store} --threads {threads} --memory {resources.mem_mb}MB"
        " --dask {resources.dask} --parts-per-task {resources.parts_per_task} 2> {log}"


rule simulate_validate:
    """Compare the full simulation with public numbers."""
    input:
        code=source("simulate", "plots.simulate"),
        settings="<results>/settings/simulate.json",
        showers=showers,
    output:
        validation="<results>/simulate/validation.json",
        figures=report(
            directory("<results>/simulate/figures"),
            patterns=["{figure}.svg"],
            caption="../report/simulate.rst",
            category="Full simulation",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/simulate_validate.log",
    benchmark:
        "<results>/benchmarks/simulate_validate.tsv"
    conda:
        "../../envs/production.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        showers=beside("showers"),
    message:
        "Compare the simulation with public numbers"
    shell:
        "hyperhex simulate validate --settings {input.settings} --showers {params.showers}"
        " --output {output.validation} --figures {output.figures} 2> {log}"
