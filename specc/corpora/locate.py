"""Where the files of a corpus lie: paths, globs and the folders of installed code.

A pattern is a path or a glob with `/` between names, read from one of four roots:

* `data/*.txt`: the folder of the spec;
* `/srv/data/*.txt`: the folder in front of the first wildcard, or the file's own folder;
* `stdlib:**/*.py`: Python's library; never `site-packages`, `dist-packages` or `__pycache__`;
* `package:torch/include/**/*.h`: the folder of an installed package, which is found but not
  imported; never `__pycache__`.

In a pattern `*` stands for any characters of a name, `?` for one, `[ab]` and `[!ab]` for one of a
set; a name that is `**` stands for any number of folders, none included. As in a shell, wildcards
don't match names that begin with a dot, and `**` doesn't enter linked folders. A pattern that is
the path of an existing file is that file, whatever characters it has.

An exclusion is a glob of the same form for the whole path below the root. It matches names that
begin with a dot too: `test/**` leaves out the folder `test` of the root, `**/test/**` every folder
of that name, `**/*_pb2.py` files in any folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from specc.corpora.globs import ANY_FOLDERS, WILDCARD, name_expression, path_expression
from specc.corpora.nearest import list_folder, nothing_matches
from specc.corpora.roots import Root, root_of
from specc.errors import DataError


def locate(patterns: Sequence[str], exclude: Sequence[str], base: Path) -> tuple[Path, ...]:
    """The files that patterns name, sorted by path, each once.

    Args:
        patterns: paths and globs; see above.
        exclude: globs, matched against the path below each pattern's root.
        base: the spec's folder, from which relative patterns are read.
    Raises:
        DataError: if a pattern matches nothing or all it matches is excluded, if it names a
            folder or something that is no regular file (pipes and devices are not opened), if a
            file can't be read, or if a root is not there.
    """
    excluded = re.compile("|".join(map(path_expression, exclude)))
    found: dict[tuple[str, str], str] = {}
    real_folders: dict[str, str] = {}
    for pattern in patterns:
        root = root_of(pattern, base)
        matched = sorted(_matched(root, pattern))
        kept = [path for path in matched if not excluded.fullmatch(path)] if exclude else matched
        if matched and not kept:
            raise DataError(
                f"`exclude` leaves out every file that `{pattern}` matches",
                "narrow `exclude`: its globs are read from the same root as the files",
            )
        files = [path for path in kept if _is_file(root, path, pattern)]
        if not files:
            raise nothing_matches(pattern, root)
        for relative in files:
            path = os.path.join(root.folder, relative)
            folder, name = os.path.split(path)
            if folder not in real_folders:
                real_folders[folder] = os.path.realpath(folder)
            found.setdefault((real_folders[folder], name), path)
    return tuple(map(Path, sorted(found.values())))


def _matched(root: Root, pattern: str) -> set[str]:
    """Paths below the root that a pattern matches: files, folders and what else there is.

    Raises:
        DataError: if a folder can't be listed.
    """
    if _exact(root):
        names = {root.pattern} if os.path.lexists(root.folder / root.pattern) else set()
    else:
        names = set(_expand(root))
    return {name for name in names if root.skipped.isdisjoint(name.split("/"))}


def _exact(root: Root) -> bool:
    return not WILDCARD.search(root.pattern) or os.path.lexists(root.folder / root.pattern)


def _is_file(root: Root, relative: str, pattern: str) -> bool:
    """Whether it is a readable regular file; False for a folder that a wildcard matches.

    Raises:
        DataError: for a folder that is named outright, a pipe, a device, a dead link, or a file
            that can't be read.
    """
    path = os.path.join(root.folder, relative)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise DataError(
            f"{path} is a link to a file that is not there",
            "restore the file, or leave it out with `exclude`",
        ) from None
    except OSError as error:
        raise _unreadable(path, error.strerror or "unknown reason") from error
    if stat.S_ISDIR(mode):
        if _exact(root):
            raise DataError(f"`{pattern}` is a folder", f'name the files in it: "{pattern.rstrip("/")}/**/*"')
        return False
    if not stat.S_ISREG(mode):
        raise DataError(
            f"{path} is not a regular file", "a corpus is read from files, not from pipes or devices"
        )
    if not os.access(path, os.R_OK):
        raise _unreadable(path, "permission denied")
    return True


def _unreadable(path: str, reason: str) -> DataError:
    return DataError(f"{path} can't be read: {reason.lower()}", "check its permissions")


def _expand(root: Root) -> Iterator[str]:
    """Paths below the root that fit its glob: files and folders, without an order."""
    names = root.pattern.split("/")
    forms = [re.compile(name_expression(name)) for name in names]
    listings: dict[str, list[os.DirEntry[str]]] = {}
    # A state is a folder and how many names of the glob lie behind it.
    waiting = [("", 0)]
    seen = set(waiting)

    def push(folder: str, position: int) -> None:
        if (folder, position) not in seen:
            seen.add((folder, position))
            waiting.append((folder, position))

    while waiting:
        folder, position = waiting.pop()
        name, last = names[position], position == len(names) - 1
        if name != ANY_FOLDERS and not WILDCARD.search(name):
            path = f"{folder}/{name}".lstrip("/")
            if not last:
                push(path, position + 1)
            elif os.path.lexists(root.folder / path):
                yield path
            continue
        if folder not in listings:
            listings[folder] = list_folder(root.folder / folder)
        for entry in listings[folder]:
            if entry.name in root.skipped or (entry.name[0] == "." and name[0] != "."):
                continue
            path = f"{folder}/{entry.name}".lstrip("/")
            if name == ANY_FOLDERS:
                if entry.is_dir(follow_symlinks=False):
                    push(path, position)
                elif last:
                    yield path
            elif forms[position].fullmatch(entry.name):
                if last:
                    yield path
                elif entry.is_dir():
                    push(path, position + 1)
        if name == ANY_FOLDERS and not last:
            push(folder, position + 1)
