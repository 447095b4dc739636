"""Compiling open recipes, and what they use, as they change.

One thread compiles; a change that comes while it does replaces those that wait. Whoever wants to
know something of a document waits for the snapshot of the text that the editor shows.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from specc.analysis.compile import Compilation, CompiledExperiment, compile_file
from specc.analysis.load import Files, read_source
from specc.analysis.memory import Memory
from specc.corpora.recent import RECENT
from specc.diagnostics import Report, Source, Span
from specc.language import ast
from specc.language.reparse import Reparser, start_in_file
from specc.lsp.buffers import Buffers
from specc.lsp.counting import Counting
from specc.lsp.positions import Text

logger = logging.getLogger("specc.lsp")

MOST_ARMS = 20_000
"""Arms of an experiment that is checked while it is written; `specc check` goes further."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What came of a document: valid for one version of its text.

    Attributes:
        version: of the editor's text; None for a file that isn't open.
        texts: text of each file that was read, by real path; paths: real path by name of source.
        seconds: time that compiling took.
    """

    path: str
    version: int | None
    text: Text
    compilation: Compilation
    texts: dict[str, Text]
    paths: dict[str, str]
    seconds: float

    @property
    def tree(self) -> ast.File:
        return self.compilation.program.files[0].tree

    @property
    def readable(self) -> bool:
        """Whether there is a tree at all."""
        return bool(self.compilation.program.files)

    def path_of(self, span: Span) -> str:
        return self.paths.get(span.source.name, self.path)

    def text_of(self, span: Span) -> Text:
        return self.texts.get(self.path_of(span), self.text)


@dataclass(slots=True)
class _Read:
    """A file as it was read last: the source, its tree and what the parser said."""

    source: Source
    reparser: Reparser = field(default_factory=Reparser)
    tree: ast.File | None = None
    report: Report = field(default_factory=Report)


class Desk(Files):
    """Unsaved texts where there are some, the disk elsewhere; and trees that are kept.

    `replaced` holds texts that are only tried out, by real path.
    """

    def __init__(self, buffers: Buffers) -> None:
        self.buffers = buffers
        self.replaced: dict[str, str] = {}
        self.paths: dict[str, str] = {}
        self._read: dict[str, _Read] = {}

    def read(self, path: Path, span: Span | None, report: Report) -> Source | None:
        real = os.path.realpath(path)
        text = self.replaced.get(real)
        if text is None and (buffer := self.buffers.get(real)) is not None:
            text = buffer.text.text
        if text is None:
            source = read_source(path, span, report)
        else:
            source = Source(str(path), text)
        if source is not None:
            self.paths[source.name] = real
        return source

    def parse(self, source: Source, report: Report) -> ast.File:
        if self.replaced:
            return super().parse(source, report)
        known = self._read.setdefault(source.name, _Read(source))
        if known.tree is None or known.source.text != source.text:
            known.report = Report()
            known.tree = known.reparser.parse(source, known.report)
            known.source = source
        report.merge(known.report)
        return known.tree


class Project:
    """Compiles what changed and hands out snapshots.

    Args:
        checked: called with each new snapshot, in the compiling thread.
    """

    def __init__(self, checked: Callable[[Snapshot], None]) -> None:
        self.buffers = Buffers()
        self.counting = Counting(self._counted)
        self._checked = checked
        self._desk = Desk(self.buffers)
        self._memories: dict[str, Memory[CompiledExperiment | None]] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._compiling = threading.RLock()
        self._changed = threading.Condition()
        self._dirty: dict[str, None] = {}
        self._waiting: dict[str, list[Future[Snapshot]]] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="compiling", daemon=True)
        self._thread.start()

    # ---- from the editor

    def change(self, path: str) -> None:
        """A document was opened or changed: compile it, and the open ones that use it."""
        with self._changed:
            for other, snapshot in self._snapshots.items():
                if path in snapshot.texts and self.buffers.get(other) is not None:
                    self._dirty[other] = None
            self._dirty.pop(path, None)
            self._dirty = {path: None, **self._dirty} if self.buffers.get(path) else self._dirty
            self._changed.notify()

    def close_document(self, path: str) -> None:
        with self._changed:
            self._snapshots.pop(path, None)
            self._memories.pop(path, None)
            self._dirty.pop(path, None)
            for future in self._waiting.pop(path, ()):
                future.cancel()
        self.change(path)

    def refresh(self) -> None:
        """Files may have changed: look at all of them again."""
        self.counting.refresh()
        self._again()

    def snapshot(self, path: str) -> Future[Snapshot]:
        """The snapshot of what the editor shows now; cancelled if the document is closed."""
        future: Future[Snapshot] = Future()
        with self._changed:
            buffer, found = self.buffers.get(path), self._snapshots.get(path)
            if buffer is None:
                future.cancel()
            elif found is not None and found.text is buffer.text and path not in self._dirty:
                future.set_result(found)
            else:
                self._waiting.setdefault(path, []).append(future)
                self._dirty.setdefault(path)
                self._changed.notify()
        return future

    def latest(self, path: str) -> Snapshot | None:
        """The newest snapshot that there is, if any; its text may be older than what the editor shows."""
        return self._snapshots.get(path)

    def snapshots(self) -> list[Snapshot]:
        with self._changed:
            return list(self._snapshots.values())

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self.counting.close()

    # ---- compiling

    @contextmanager
    def compiler(self, replaced: dict[str, str] | None = None) -> Iterator[Desk]:
        """The compiler for one thread at a time; with texts to try, by real path."""
        with self._compiling:
            token = RECENT.set(self.counting)
            self._desk.replaced = replaced or {}
            try:
                yield self._desk
            finally:
                self._desk.replaced = {}
                RECENT.reset(token)

    def tried(self, path: str, replaced: dict[str, str]) -> Report:
        """What would be reported of a recipe with other texts."""
        with self.compiler(replaced) as desk:
            return compile_file(path, max_arms=MOST_ARMS, library=True, files=desk).report

    def compiled(self, path: str) -> Snapshot:
        """Compile a recipe now: an open one, or one on the disk."""
        buffer = self.buffers.get(path)
        memory = self._memories.setdefault(path, Memory()) if buffer else None
        started = time.perf_counter()
        with self.compiler() as desk:
            compilation = compile_file(path, max_arms=MOST_ARMS, library=True, files=desk, memory=memory)
            if memory is not None:
                memory.sweep()
            texts = {}
            for file in compilation.program.files:
                real = desk.paths[file.source.name]
                opened = self.buffers.get(real)
                same = opened is not None and opened.text.text == file.source.text
                encoding = buffer.text.encoding if buffer else "utf-16"
                texts[real] = opened.text if opened and same else Text(file.source.text, encoding)
            text = buffer.text if buffer else texts.get(path, Text(""))
            return Snapshot(
                path,
                buffer.version if buffer else None,
                text,
                compilation,
                texts,
                dict(desk.paths),
                time.perf_counter() - started,
            )

    def _again(self) -> None:
        with self._changed:
            for memory in self._memories.values():
                memory.forget()
            self._dirty.update(dict.fromkeys(self.buffers.paths()))
            self._changed.notify()

    _counted = _again
    """Corpora were counted: what waited for them can be worked out."""

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._dirty and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                path = next(iter(self._dirty))
                del self._dirty[path]
            if self.buffers.get(path) is None:
                continue
            try:
                snapshot = self.compiled(path)
            except Exception:
                logger.exception("internal error while compiling %s", path)
                self._fail(path)
                continue
            self._publish(snapshot)

    def _fail(self, path: str) -> None:
        """Nobody waits for what will not come."""
        with self._changed:
            for future in self._waiting.pop(path, ()):
                future.cancel()

    def _publish(self, snapshot: Snapshot) -> None:
        with self._changed:
            buffer = self.buffers.get(snapshot.path)
            if buffer is None:
                return
            self._snapshots[snapshot.path] = snapshot
            current = buffer.text is snapshot.text
            waiting = self._waiting.pop(snapshot.path, []) if current else []
            if not current:
                self._dirty.setdefault(snapshot.path)
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_result(snapshot)
        if current:
            self._checked(snapshot)


def found_at(span: Span) -> tuple[int, int]:
    """Start and end of a span in its file."""
    start = start_in_file(span)
    return start, start + span.stop - span.start
