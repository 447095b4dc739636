"""Globs as regular expressions; `specc.corpora.locate` says what they mean."""

from __future__ import annotations

import re
from fnmatch import translate

WILDCARD = re.compile(r"[*?\[]")
"""What makes a name a glob."""

ANY_FOLDERS = "**"
"""The name that stands for any number of folders."""

_PART = re.compile(r"(\*+|\?|\[!?\]?[^\]]*\])")


def name_expression(name: str) -> str:
    """Expression for one name of a glob; nothing in it matches "/".

    >>> name_expression("a*.py")
    'a[^/]*\\\\.py'
    """
    parts = []
    for part in _PART.split(name):
        if part.startswith("*"):
            parts.append("[^/]*")
        elif part == "?":
            parts.append("[^/]")
        elif _PART.fullmatch(part):
            # The library's expression for a set, out of its "(?s:" and ")".
            whole = translate(part)
            parts.append("(?!/)" + whole[len("(?s:") : whole.rindex(")")])
        else:
            parts.append(re.escape(part))
    return "".join(parts)


def path_expression(glob: str) -> str:
    """Expression for a whole path, to be used with `fullmatch`."""
    *folders, last = glob.split("/")
    parts = ["(?:[^/]+/)*" if name == ANY_FOLDERS else name_expression(name) + "/" for name in folders]
    return "".join(parts) + (".+" if last == ANY_FOLDERS else name_expression(last))
