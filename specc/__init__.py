"""specc: a compiler for language-model training recipes.

The layers, each importing only what is upstream of it:

    diagnostics  what a user is told, as values
    language     source text -> tokens -> syntax tree -> checked experiment
    components   what may be named in a recipe, with typed parameters
    corpora      documents: reading, splitting, fingerprints, token counts
    graph        experiment -> arms -> allocation -> steps with content keys -> plan
    store        finished steps on disk, the only truth
    execute      scheduling steps on worker processes
    results      DuckDB index over the store, SQL, expectations
    cli          commands

Nothing here imports torch or transformers; `specc_runtime` does the training.
"""

from specc.version import __version__

__all__ = ["__version__"]
