"""The tools that are compared: how each says a shape, plans it, runs it, and tells what it would do.

specc        this compiler
snakemake    rules with wildcards; `snakemake -n`
dvc          stages with matrices; `dvc status`
tango        steps with references; has no plan, so its graph and cache are asked in Python
doit         a generator of tasks; `doit list --all --status`
"""
