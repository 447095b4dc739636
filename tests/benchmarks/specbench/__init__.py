"""A benchmark of planners: specc beside Snakemake, DVC, ai2-tango and doit.

    python -m tests.benchmarks.specbench                                  all of it; some twenty minutes
    python -m tests.benchmarks.specbench plan --sizes 90,1014 --tools specc,snakemake
    python -m tests.benchmarks.specbench edits mistakes --tools specc     no peers, nothing to install

from the root of the repository, on Linux, in an environment in which specc can be imported.

What is measured, each part by its name on the command line:

* start: a tool's start, with nothing to plan.
* plan: what nobody has run yet, in four shapes (`shapes`): a grid of recipes and seeds, one long chain,
  diamonds on diamonds, and a wide fan-in. The same tasks and edges for each tool.
* run: a grid whose tasks do nothing, from its first to its last, and the same command again.
* kill: SIGKILL to all of a run when half of it is done, and the same command again: does it get through,
  without another word, and what is done twice?
* edits: nine edits of a study that has been run, and for each the exact set of tasks that it must bring
  about again.
* mistakes: twenty mistakes, and whether the tool says in which line each of them is.

Each tool has an environment of its own, with the exact versions of `requirements/`, made when first
needed (which needs a package index; nothing else needs a network) and kept below `--environments`. A
tool is started as its users start it. Figures are CPU seconds, user and system, of the process and all
that it started, by wait4; wall seconds; and the largest resident set of one process. Each is the least
of `--runs` runs, with the median beside it; tools take turns; a first round that fills caches is not
counted. A tool that fails or exceeds `--limit` is said to.
"""
