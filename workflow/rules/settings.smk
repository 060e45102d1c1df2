rule settings:
    """Write what a command is told; a change of this text is what reruns it.

    Wildcard `told` is a stage, or a stage and a part of it, as in `generate/ttbar`.
    """
    output:
        "<results>/settings/{told}.json",
    log:
        "<results>/logs/settings/{told}.log",
    # first of all, so that the longest chain (showers, network) waits for nothing
    priority: 100
    localrule: True
    conda:
        "../../envs/production.yaml"
    params:
        text=settings_text,
    message:
        "Write the settings of {wildcards.told}"
    shell:
        "printf '%s\\n' {params.text:q} > {output} 2> {log}"
