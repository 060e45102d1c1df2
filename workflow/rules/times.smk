rule times:
    """Add up where the time of the production went, once all else is made."""
    input:
        code=source("plots.times"),
        products=[file for stage in STAGES for file in products(stage)],
    output:
        measured="<results>/times.json",
        figure=report(
            "<results>/times.svg",
            caption="../report/times.rst",
            category="Production",
            labels={"figure": "times"},
        ),
    log:
        "<results>/logs/times.log",
    localrule: True
    conda:
        "../../envs/production.yaml"
    params:
        folder=subpath(output.measured, parent=True),
    message:
        "Add up the times of all jobs"
    shell:
        "hyperhex times {params.folder} --output {output.measured} --figure {output.figure} 2> {log}"
