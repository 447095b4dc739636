"""Recipes as they were at a revision of a git repository, read without checking anything out.

A stranger's repository may be configured to run programs. Only plumbing is called that reads objects:
no filters, no text conversion, no hooks, no pager, and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from specc.analysis.load import Files
from specc.diagnostics import Report, Source, Span
from specc.diagnostics.source import with_line_feeds
from specc.errors import QueryError
from specc.language.parse import LARGEST
from specc.words import printable

SECONDS = 30.0
"""Longest time that git may take for an answer."""


@dataclass(slots=True)
class Revision(Files):
    """Reads recipes at a commit; files outside of the repository are read as they are now.

    Attributes:
        root: of the working tree. commit: full name. shown: the revision as it was asked for.
        outside: paths that were read as they are now.
    """

    root: Path
    commit: str
    shown: str
    outside: list[str] = field(default_factory=list)

    def read(self, path: Path, span: Span | None, report: Report) -> Source | None:
        """A recipe's text at the commit; what is wrong goes to the report."""
        # Links are followed as they are now: git stores only where they point to.
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self.root):
            self.outside.append(str(path))
            return Files.read(self, path, span, report)
        inside = real.relative_to(self.root).as_posix()
        shown = f"`{printable(str(path))}` at `{printable(self.shown)}`"
        kind = _git(self.root, "cat-file", "-t", f"{self.commit}:{inside}")
        if kind is None or kind.strip() != b"blob":
            report.add("E0001", f"there is no file {shown}", span, help="name another revision or file")
            return None
        size = _git(self.root, "cat-file", "-s", f"{self.commit}:{inside}")
        if size is None or int(size) > 4 * LARGEST:
            report.add("E0001", f"{shown} is too large to be a recipe", span)
            return None
        data = _git(self.root, "cat-file", "blob", f"{self.commit}:{inside}")
        try:
            text = (data or b"").removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        except UnicodeDecodeError:
            report.add("E0002", f"{shown} is not UTF-8 text", span, help="name another revision or file")
            return None
        return Source(str(path), with_line_feeds(text))


def at_revision(file: Path, revision: str) -> Revision:
    """The repository around a file, at a revision.

    Raises:
        QueryError: if the file lies in no repository, or there is no such revision.
    """
    folder = Path(os.path.realpath(file)).parent
    while not folder.is_dir():  # the folder may be gone since
        folder = folder.parent
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        raise QueryError(
            f"`{file}` lies in no git repository, or git can't read it",
            "compare two files: `specc diff A B`",
        )
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        if _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
            raise QueryError(
                f"the git repository of `{file}` has no commit yet", "compare two files: `specc diff A B`"
            )
        raise QueryError(f"git knows no revision `{revision}`", "name a commit, branch or tag")
    root = Path(os.path.realpath(os.fsdecode(top).rstrip("\n")))
    return Revision(root, commit.decode("ascii").strip(), revision)


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git answers; None if it fails or is not there.

    Raises:
        QueryError: if it takes too long.
    """
    quiet = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    command = ["git", "--no-pager", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, env=os.environ | quiet, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS
        )
    except (FileNotFoundError, ValueError):
        return None
    except subprocess.TimeoutExpired as error:
        raise QueryError("git does not answer", "compare two files: `specc diff A B`") from error
    return done.stdout if done.returncode == 0 else None
