"""`specc fmt`: recipes in their canonical form."""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from specc.cli.failures import INTERNAL_ERROR, WRONG_SPEC, WRONG_USE, colored
from specc.diagnostics import Report, Source, render
from specc.errors import SpeccError, reason
from specc.formatting.format import Mangled, NotARecipe, format_text
from specc.words import printable

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Formed:
    """A file's bytes as they are, and its text as it should be."""

    name: str
    data: bytes
    text: str

    @property
    def changes(self) -> bool:
        return self.data != self.text.encode()

    def difference(self) -> str:
        """A unified diff from what is to what should be."""
        old, new = _lines(self.data.decode(errors="replace")), _lines(self.text)
        shown = []
        for line in difflib.unified_diff(old, new, self.name, self.name, lineterm=""):
            shown.append(line[0] + printable(line[1:].removesuffix(_UNENDED)))
            if line.endswith(_UNENDED):
                shown.append("\\ No newline at end of file")
        return "\n".join(shown)


_UNENDED = "\n"
"""Ends the last line of a file that has no line end there; no other line holds one."""


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, last + _UNENDED] if last else lines


def format_files(names: Sequence[str], check: bool, diff: bool) -> int:
    """Format files, and all recipes in folders; `-` is standard input, which is printed.

    Nothing of a file is changed if it can't be parsed.
    """
    code = 0
    for name in names:
        files = [STDIN] if name == STDIN else list(_recipes(Path(name)))
        if not files:
            print(f"error: there is no recipe in `{printable(name)}`", file=sys.stderr)
            code = code or WRONG_USE
        for file in files:
            code = max(code, _format_file(str(file), check, diff))
    return code


def _recipes(path: Path) -> Iterator[Path]:
    """The file, or the recipes of a folder; hidden folders are left out, links to folders not followed."""
    if not path.is_dir():
        yield path
        return
    for folder, inner, files in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".spec") and not name.startswith("."):
                yield Path(folder, name)


def _format_file(name: str, check: bool, diff: bool) -> int:
    report = Report()
    source, data = _read(name, report)
    if source is None:
        print(render(report, colored(sys.stderr)), end="", file=sys.stderr)
        return WRONG_SPEC
    try:
        formed = Formed(source.name, data, format_text(source.text, source.name))
    except NotARecipe as error:
        print(render(error.report, colored(sys.stderr)), end="", file=sys.stderr)
        return WRONG_SPEC
    except Mangled as error:
        print(f"internal error: `{printable(source.name)}` is left as it is: {error}", file=sys.stderr)
        print("  = note: this is a bug in specc, not a mistake of yours", file=sys.stderr)
        return INTERNAL_ERROR
    if diff and formed.changes:
        print(formed.difference())
    if check:
        if formed.changes:
            print(f"would format {printable(source.name)}", file=sys.stderr if diff else sys.stdout)
        return WRONG_SPEC if formed.changes else 0
    if name == STDIN and not diff:
        sys.stdout.write(formed.text)
    elif formed.changes and not diff:
        _replace(Path(name), formed.text)
        print(f"formatted {printable(source.name)}", file=sys.stderr)
    return 0


def _read(name: str, report: Report) -> tuple[Source | None, bytes]:
    from specc.analysis.load import decoded, read_bytes

    shown = "<stdin>" if name == STDIN else name
    data = sys.stdin.buffer.read() if name == STDIN else read_bytes(Path(name), None, report)
    return (None if data is None else decoded(data, shown, None, report)), data or b""


def _replace(path: Path, text: str) -> None:
    """Replace a file's content at once, so that nobody sees a part of it; what a link names is replaced.

    Raises:
        SpeccError: if it can't be written; the file is then as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        try:
            with open(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), os.stat(target).st_mode & 0o7777)
                os.fsync(file.fileno())
            os.replace(aside, target)
        except BaseException:
            os.unlink(aside)
            raise
    except OSError as error:
        raise SpeccError(f"can't write `{path}`: {reason(error)}", "the file is as it was") from error
