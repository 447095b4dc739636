"""`specc diff`: two recipes, or a recipe now and at a git revision."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from specc.analysis.compile import Compilation, CompiledExperiment, compile_file
from specc.analysis.load import DISK, Files
from specc.cli.compiling import compiled, study_of
from specc.cli.failures import WRONG_SPEC, colored
from specc.cli.places import recipe_path, workspace_of
from specc.diagnostics import render
from specc.difference.compare import compare, only_in_one
from specc.difference.origins import Origins
from specc.difference.result import Difference
from specc.difference.revision import at_revision
from specc.difference.show import as_text
from specc.errors import QueryError
from specc.store import Store
from specc.words import printable

DIFFERENT = 1
"""Exit code of `--exit-code` where steps differ, as git has it."""


def diff_files(
    first: str,
    second: str | None,
    since: str | None,
    only: Sequence[str],
    max_arms: int,
    workspace: str | None,
    json_wanted: bool,
    exit_code: bool,
) -> int:
    """Say what differs between two recipes; of a single one, between a git revision and now.

    Raises:
        QueryError: for two files and a revision, or a revision that can't be read.
    """
    if second is not None and since is not None:
        raise QueryError("two files and `--since` exclude each other", "give one file with `--since`")
    after = second or first
    files: Files = DISK
    if second is None:
        path = recipe_path(first)
        if not path.exists():  # one message, not another for each of the two times
            compiled(first, only, max_arms)
            return WRONG_SPEC
        revision = at_revision(path, since or "HEAD")
        files = revision
        names = (f"{first} at {since or 'HEAD'}", first)
        before = _compiled(first, only, max_arms, files, names[0])
        for outside in dict.fromkeys(revision.outside):
            told = f"`{printable(outside)}` lies outside of the repository and is read as it is now"
            print(f"note: {told}", file=sys.stderr)
    else:
        names = (first, second)
        before = _compiled(first, only, max_arms, files, names[0])
    now = _compiled(after, only, max_arms, DISK, names[1])
    if before.report.failed or now.report.failed:
        return WRONG_SPEC
    store = Store(workspace_of(after, workspace))
    done = store.done()
    differences = []
    for old, new in _experiments(before.experiments, now.experiments):
        if old is not None and new is not None:
            study, rates = study_of(new, store)
            was, _ = study_of(old, store)
            differences.append(compare(was, study, done, Origins(new), rates.measured))
        else:
            alone = new or old
            assert alone is not None
            differences.append(only_in_one(study_of(alone, store)[0], new is not None))
    _write(differences, names, json_wanted)
    return DIFFERENT if exit_code and any(each.differs for each in differences) else 0


def _compiled(file: str, only: Sequence[str], max_arms: int, files: Files, shown: str) -> Compilation:
    """Compile a recipe; errors are printed, warnings are `specc check`'s to give."""
    compilation = compile_file(recipe_path(file), only, max_arms, files=files)
    if compilation.report.failed:
        print(f"in {printable(shown)}:", file=sys.stderr)
        print(render(compilation.report, colored(sys.stderr)), end="", file=sys.stderr)
    return compilation


def _experiments(
    before: Sequence[CompiledExperiment], after: Sequence[CompiledExperiment]
) -> list[tuple[CompiledExperiment | None, CompiledExperiment | None]]:
    """Experiments by name; the only one of each file is the same, whatever it is called."""
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    olds = {experiment.name: experiment for experiment in before}
    news = {experiment.name: experiment for experiment in after}
    return [(olds.get(name), news.get(name)) for name in dict.fromkeys((*news, *olds))]


def _write(differences: Sequence[Difference], names: tuple[str, str], json_wanted: bool) -> None:
    if json_wanted:
        sys.stdout.write("[" + ",\n".join(each.model_dump_json() for each in differences) + "]\n")
        return
    print(f"{printable(names[0])} -> {printable(names[1])}")
    for each in differences:
        print()
        print(as_text(each), end="")
