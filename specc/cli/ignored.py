"""Whether git ignores a file, read from its ignore lists; git itself is not run.

A recipe from somebody else may lie in a repository whose configuration runs programs, so asking git
would not be as safe as reading text. The common cases are understood: names, globs, folders, `!`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path


def ignored_by_git(name: str) -> str | None:
    """The line of a .gitignore that hides a file, or None if it is not ignored or lies in no repository."""
    path = Path(name).resolve()
    folders = []
    for folder in path.parents:
        folders.append(folder)
        if (folder / ".git").exists():
            break
    else:
        return None
    decided: str | None = None
    for folder in reversed(folders):
        try:
            lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        relative = path.relative_to(folder)
        for line in lines:
            rule = line.strip()
            if not rule or rule.startswith("#"):
                continue
            if _matches(rule.removeprefix("!"), relative):
                decided = None if rule.startswith("!") else rule
    return decided


def _matches(rule: str, path: Path) -> bool:
    """Whether a rule names the path, or a folder that it lies in."""
    only_folders = rule.endswith("/")
    pattern = rule.strip("/")
    anchored = "/" in rule.rstrip("/")
    parts = path.parts
    ends = range(1, len(parts) + (0 if only_folders else 1))
    if anchored:
        pattern = pattern.removeprefix("**/") if pattern.startswith("**/") else pattern
        return any(fnmatchcase("/".join(parts[:end]), pattern) for end in ends)
    return any(fnmatchcase(parts[end - 1], pattern) for end in ends)
