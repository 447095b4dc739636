"""Documentation strings of Python source: each is a document.

What counts: a triple-quoted string that opens a line (behind its indent, with at most one of
the prefixes r, R, u, U) and after which nothing stands on its last line but a comment or a
semicolon. That is the form of docstrings; such strings elsewhere, for instance as the lone
argument of a call on lines of its own, count too. Strings and comments are followed through the
file by an expression instead of the Python parser: it is 20 times as fast and reads source that
this Python version would not.

The text is what stands in the file: escapes are left as they are written, except that a
backslash at the end of a line joins two lines where the string is not raw. Line ends become "\\n".
The indent is removed as PEP 257 says: tabs are 8 columns, the first line loses its leading blanks,
the others lose what all of them share, and blanks at line ends and blank lines at both ends go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.corpora.compressed import read_data
from specc.corpora.contents import decode
from specc.corpora.documents import Document

# Comments and all strings are matched, so that a quote inside one of them opens nothing. Every
# alternative begins with a plain character: that lets the matcher skip to the next candidate.
_TOKEN = re.compile(
    r"""
      \#[^\n]*
    | "{3} (?P<double> [^"\\]*+ (?: (?: \\. | "(?!"") ) [^"\\]*+ )*+ ) "{3}
    | '{3}  (?P<single> [^'\\]*+ (?: (?: \\. | '(?!'') ) [^'\\]*+ )*+ ) '{3}
    | " [^"\\\n]*+ (?: \\. [^"\\\n]*+ )*+ "
    | ' [^'\\\n]*+ (?: \\. [^'\\\n]*+ )*+ '
    """,
    re.VERBOSE | re.DOTALL,
)
_AFTER = re.compile(r"[ \t]*(?:[;#\r\n]|\Z)")
_PREFIXES = ("", "r", "R", "u", "U")


def read_docstrings(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each documentation string, in the order of the files and of their lines.

    Strings that are shorter than `min_bytes`, without their indent, are left out.

    Raises:
        DataError: if a file is binary or not UTF-8, or can't be unpacked.
    """
    low = args["min_bytes"]
    for path in files:
        for text in docstrings(decode(read_data(path), path)):
            size = len(text) if text.isascii() else len(text.encode())
            if size >= max(low, 1):
                yield Document(text=text)


def docstrings(source: str) -> Iterator[str]:
    """Documentation strings of a Python source text, without their indent.

    >>> list(docstrings('def f():\\n    \"\"\"One.\\n\\n    Two.\\n    \"\"\"\\n'))
    ['One.\\n\\nTwo.']
    """
    source = source.replace("\r\n", "\n")
    for match in _TOKEN.finditer(source):
        text = match["double"] if match["double"] is not None else match["single"]
        if text is None or _AFTER.match(source, match.end()) is None:
            continue
        prefix = source[source.rfind("\n", 0, match.start()) + 1 : match.start()].strip(" \t\f")
        if prefix not in _PREFIXES:
            continue
        if prefix not in ("r", "R"):
            text = text.replace("\\\n", "")
        yield dedent(text)


def dedent(text: str) -> str:
    """Remove a documentation string's indent, as PEP 257 (section "Handling Docstring Indentation").

    Written out here because `inspect.cleandoc` changed between Python versions, and the text of a
    corpus must not.
    """
    first, *rest = text.expandtabs(8).split("\n")
    indents = [len(line) - len(line.lstrip(" ")) for line in rest if line.strip(" ")]
    shared = min(indents, default=0)
    lines = [first.lstrip(" "), *(line[shared:] for line in rest)]
    while lines and not lines[-1].strip(" "):
        lines.pop()
    while lines and not lines[0].strip(" "):
        lines.pop(0)
    return "\n".join(line.rstrip(" ") for line in lines)
