"""What to say where a pattern of files matches nothing."""

from __future__ import annotations

import os
from pathlib import Path

from specc.corpora.globs import WILDCARD
from specc.corpora.roots import Root
from specc.errors import DataError


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder; none if it is not there or not a folder."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(
            f"the folder {folder} can't be read: {error.strerror}", "check its permissions"
        ) from error


def nothing_matches(pattern: str, root: Root) -> DataError:
    """The error for a pattern without a file, with the nearest name where there is one."""
    import difflib

    if WILDCARD.search(root.pattern):
        message = f"no file matches `{pattern}`"
    else:
        message = f"there is no file `{pattern}`"
    # Follow the names that are there, to say which is the first that is not.
    folder = root.folder
    for name in root.pattern.split("/"):
        if WILDCARD.search(name):
            break
        if (folder / name).exists():
            folder = folder / name
            continue
        names = [entry.name for entry in list_folder(folder)]
        close = difflib.get_close_matches(name, names, n=1)
        if close:
            return DataError(message, f"`{folder}` has `{close[0]}`")
        if not folder.is_dir():
            break
        return DataError(message, f"there is no `{name}` in {folder}")
    return DataError(message, f"looked in {folder}; `**` stands for any number of folders")
