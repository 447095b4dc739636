"""Reading recipes from disk, with all that they `use`."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from specc.analysis.scope import Binding, Scope
from specc.analysis.templates import check_parameters, declared
from specc.diagnostics import Label, Report, Source, Span, nearest
from specc.diagnostics.source import with_line_feeds
from specc.errors import reason
from specc.language import ast
from specc.language.parse import LARGEST, parse

MOST_EXPERIMENTS = 1000
"""Experiments of a recipe's files."""

MOST_FILES = 256
"""Files that one recipe may use, itself included."""


@dataclass(slots=True)
class LoadedFile:
    source: Source
    tree: ast.File
    scope: Scope


@dataclass(slots=True)
class Program:
    """A recipe's file and those it uses, in order of reading."""

    files: list[LoadedFile] = field(default_factory=list)

    @property
    def experiments(self) -> list[tuple[ast.Experiment, Scope]]:
        """Experiments of the first file that are run: those of used files and those with parameters are
        there to be extended."""
        if not self.files:
            return []
        first = self.files[0]
        found = (item for item in first.tree.items if isinstance(item, ast.Experiment))
        runs = [(item, first.scope) for item in found if not item.parameters]
        return runs[:MOST_EXPERIMENTS]

    @property
    def templates(self) -> list[str]:
        """Names of the experiments of the first file that have parameters."""
        items = self.files[0].tree.items if self.files else ()
        return [item.name.text for item in items if isinstance(item, ast.Experiment) and item.parameters]


class Files:
    """Where recipes are read from: the disk. An editor has its unsaved texts read instead."""

    def read(self, path: Path, span: Span | None, report: Report) -> Source | None:
        return read_source(path, span, report)

    def parse(self, source: Source, report: Report) -> ast.File:
        return parse(source, report)


DISK = Files()


def load(path: str | Path, report: Report, files: Files = DISK) -> Program:
    """Read a recipe and what it uses; mistakes go to the report."""
    program = Program()
    _Loader(program, report, files).load(Path(path), None)
    program.files.reverse()
    return program


class _Loader:
    """Depth-first reading; `open_files` are those whose `use` is being followed."""

    def __init__(self, program: Program, report: Report, files: Files) -> None:
        self.files = files
        self.program = program
        self.report = report
        self.open_files: list[str] = []
        self.loaded: dict[str, LoadedFile] = {}
        self.experiments: dict[tuple[int, str], ast.Identifier] = {}

    def load(self, path: Path, use: ast.Use | None) -> LoadedFile | None:
        real = os.path.realpath(path)
        span = use.path.span if use else None
        if real in self.loaded:
            return self.loaded[real]
        if real in self.open_files:
            circle = [*self.open_files[self.open_files.index(real) :], real]
            names = " -> ".join(f"`{os.path.basename(name)}`" for name in circle)
            what = "the file uses itself" if len(circle) == 2 else "files use each other in a circle"
            self.report.add(
                "E0003", what, span, notes=[names], help="move what they share to a file of its own"
            )
            return None
        if len(self.loaded) + len(self.open_files) >= MOST_FILES:
            self.report.add("E0003", f"more than {MOST_FILES} files are used", span)
            return None
        source = self.files.read(path, span, self.report)
        if source is None:
            return None
        self.open_files.append(real)
        tree = self.files.parse(source, self.report)
        scope = Scope()
        for item in tree.items:
            self._declare(item, scope, path)
        self.open_files.pop()
        file = LoadedFile(source, tree, scope)
        self.loaded[real] = file
        self.program.files.append(file)
        return file

    def _declare(self, item: ast.Item, scope: Scope, path: Path) -> None:
        match item:
            case ast.Use():
                self._use(item, scope, path)
            case ast.Declaration():
                scope.declare(declared(item, scope, self.report), self.report)
            case ast.Recipe():
                check_parameters(item.parameters, scope, self.report)
                scope.declare(
                    Binding("recipe", item.name.text, item.name.span, scope, node=item), self.report
                )
            case ast.Experiment():
                self._unlike_others(item.name, scope)
                check_parameters(item.parameters, scope, self.report)
                binding = Binding("experiment", item.name.text, item.name.span, scope, node=item)
                scope.declare(binding, self.report)
            case ast.Broken():
                scope.declare_broken(item)
            case _:
                word = item.span.text.split(None, 1)[0].strip('"') if item.span.text else "this"
                self.report.add(
                    "E0102",
                    f"`{word}` stands outside of an experiment",
                    Span(item.span.source, item.span.start, min(item.span.stop, item.span.start + len(word))),
                    help="move it into `experiment NAME { ... }`",
                )

    def _unlike_others(self, name: ast.Identifier, scope: Scope) -> None:
        """Report an experiment whose name differs from another's by case alone: SQL can't tell them apart."""
        known = (id(scope), name.text.lower()) in self.experiments
        if len(self.experiments) == MOST_EXPERIMENTS and not known:
            self.report.add(
                "E0505",
                f"a recipe has at most {MOST_EXPERIMENTS:,} experiments, those of used files included",
                name.span,
                help="keep them in several files",
            )
        first = self.experiments.setdefault((id(scope), name.text.lower()), name)
        if first.text != name.text:
            self.report.add(
                "E0202",
                f"`{name.text}` and `{first.text}` are the same name in SQL",
                name.span,
                secondary=[Label(first.span, "first here")],
                help="give one of them another name",
            )

    def _use(self, use: ast.Use, scope: Scope, path: Path) -> None:
        target = path.parent / use.path.value
        if "\0" in use.path.value:
            self.report.add(
                "E0005",
                "no file has such a name",
                use.path.span,
                help="write the name without control characters",
            )
            return
        if target.suffix != ".spec":
            self.report.add(
                "E0005",
                f"`{use.path.value}` is no recipe: its name doesn't end with .spec",
                use.path.span,
                help="only .spec files can be used",
            )
            return
        file = self.load(target, use)
        asked = {(wanted.alias or wanted.name).text for wanted in use.names}
        for wanted in use.names:
            name, as_name = wanted.name, wanted.alias or wanted.name
            binding = file.scope.bindings.get(name.text) if file else None
            close: str | None = None
            if file is not None and binding is None:
                offered = list(file.scope.bindings)
                close = nearest(name.text, offered)
                listed = ", ".join(f"`{offer}`" for offer in offered) or "nothing"
                self.report.add(
                    "E0201",
                    f"`{use.path.value}` declares no `{name.text}` that can be used",
                    name.span,
                    notes=[f"it declares {listed}"],
                    help=f"write `{close}`" if close else None,
                )
            if binding is None:
                scope.declare(Binding("failed", as_name.text, as_name.span, scope), self.report)
                if file is not None and close and wanted.alias is None and close not in asked:
                    scope.declare(Binding("failed", close, as_name.span, scope), self.report)
            else:
                scope.declare(replace(binding, name=as_name.text, span=as_name.span), self.report)


def read_source(path: Path, span: Span | None, report: Report) -> Source | None:
    """Read a recipe's text; only regular files of bounded size are opened."""
    data = read_bytes(path, span, report)
    return None if data is None else decoded(data, _shown(path), span, report)


def _shown(path: Path) -> str:
    """A path as messages name it: from here, unless it was given as an absolute one elsewhere."""
    return os.path.relpath(path) if not path.is_absolute() or path.is_relative_to(Path.cwd()) else str(path)


def read_bytes(path: Path, span: Span | None, report: Report) -> bytes | None:
    """Read a recipe's file; of one that is larger than a recipe may be, enough to say so."""
    shown = _shown(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                report.add("E0001", f"`{shown}` is not a regular file", span, help="name a .spec file")
                return None
            return file.read(4 * LARGEST + 1)
    except IsADirectoryError:
        report.add("E0001", f"`{shown}` is a folder", span, help="name a .spec file in it")
        return None
    except OSError as error:
        help = None
        if isinstance(error, FileNotFoundError):
            near = [p.name for p in path.parent.glob("*.spec")] if path.parent.is_dir() else []
            close = nearest(path.name, near)
            help = f"`{close}` is in the same folder" if close else "check the path"
        report.add("E0001", f"can't read `{shown}`: {reason(error)}", span, help=help)
        return None


def decoded(data: bytes, shown: str, span: Span | None, report: Report) -> Source | None:
    """The text of a recipe named `shown`, without a byte-order mark, lines ended by line feeds."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        binary = b"\0" in data[:4096]
        report.add(
            "E0002",
            f"`{shown}` is a binary file"
            if binary
            else f"`{shown}` is not UTF-8 text: byte {error.start}, line {line}",
            span,
            help="recipes are UTF-8 text" if binary else "save it as UTF-8",
        )
        return None
    return Source(shown, with_line_feeds(text))
