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

From Python, `specc.open(".")` opens the results of a workspace; see `specc.workspace`.
"""

from specc.version import __version__

TYPE_CHECKING = False  # as in `typing`, which takes longer to load than all of this

if TYPE_CHECKING:
    from specc.errors import SpeccError
    from specc.workspace import Workspace, open

__all__ = ["SpeccError", "Workspace", "__version__", "open"]

_PLACES = {"SpeccError": "specc.errors", "Workspace": "specc.workspace", "open": "specc.workspace"}


def __getattr__(name: str) -> object:
    """The public names, loaded when they are first used: `import specc` takes no time."""
    if name not in _PLACES:
        raise AttributeError(f"module `specc` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
