"""From theories to the hyperclass: one production in seven stages, one file of rules for each.

`snakemake` makes everything, `snakemake <stage>` a stage and all that it needs, and
`snakemake results/<production>/generate/<theory>.zarr` the events of one theory.
"""

if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config/collider.yaml"


include: "workflow/rules/common.smk"


PRODUCTION, THEORIES = validated(config)


pathvars:
    results=f"results/{PRODUCTION.name}",


for part in ["settings", *STAGES, "times"]:

    include: f"workflow/rules/{part}.smk"


for stage in ["all", *STAGES]:

    rule:
        name:
            stage
        default_target: stage == "all"
        input:
            products(stage),
        message:
            f"Complete: {stage}"


onsuccess:
    close_production()
