"""An experiment at a point of the sweep: every stage with its settings, tokens and curve.

Work is shared between points: what depends on some axes only is done once for their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from specc.analysis.allocation import Solver
from specc.analysis.corpora import Corpus, CorpusReader, one_tokenizer
from specc.analysis.datasets import DataReader, needs_a_row
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.findings import Finding
from specc.analysis.measures import MeasureReader, mark_of, refuse_inside
from specc.analysis.mixtures import Mixtures
from specc.analysis.models import Model, ModelReader
from specc.analysis.parents import Parents, place_of
from specc.analysis.past import Past, past_of
from specc.analysis.resolved import Reading, ResolvedPoint, ResolvedStage
from specc.analysis.setting_values import no_state
from specc.analysis.settings import SettingsReader, StageSettings
from specc.analysis.table import Table
from specc.analysis.values import ERROR, ComponentValue, StageValue, identity_of
from specc.analysis.weights import Atom, Selected, as_checkpoint, inner, leaves
from specc.diagnostics import Label, Report, Span, nearest


@dataclass(slots=True)
class _Progress:
    """A point that is being resolved, as far as it is; `begins`: where stages begin in each corpus."""

    point: Point
    settings: dict[str, tuple[StageSettings | None, Model | None]]
    table: Table
    stages: dict[str, ResolvedStage] = field(default_factory=dict)
    begins: dict[str, dict[str, int]] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    broken: bool = False


@dataclass(slots=True)
class Variant:
    """An experiment as one recipe has it, ready to be resolved at points of the sweep.

    Attributes:
        points: lists all points of the sweep, for what is chosen among them.
    """

    definition: Definition
    evaluator: Evaluator
    report: Report
    points: Callable[[], Iterator[Point]] = field(default=lambda: iter(()))
    corpora: CorpusReader = field(init=False)
    data: DataReader = field(init=False)
    models: ModelReader = field(init=False)
    parents: Parents = field(init=False)
    reader: SettingsReader = field(init=False)
    measures: MeasureReader = field(init=False)
    vocab: int | None = field(default=None, init=False)
    _settings: dict[tuple[object, ...], tuple[StageSettings | None, Model | None]] = field(
        default_factory=dict, init=False
    )
    _tables: dict[tuple[object, ...], tuple[Table | None, list[Finding]]] = field(
        default_factory=dict, init=False
    )
    _stages: dict[tuple[object, ...], ResolvedStage | None] = field(default_factory=dict, init=False)
    _depends: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)
    _mixtures: Mixtures = field(init=False)
    _order: dict[str, int] = field(init=False)
    _solver: Solver = field(init=False)
    _table_axes: tuple[str, ...] = field(init=False)
    _stages_known: bool = field(default=True, init=False)
    _progress: dict[tuple[object, ...], _Progress | None] = field(default_factory=dict, init=False)
    _candidates: dict[tuple[int, Selected], dict[str, int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._order = {name: place for place, name in enumerate(self.definition.stages)}
        self.corpora = CorpusReader(self.definition, self.evaluator, self.report)
        self.data = DataReader(self.definition, self.evaluator, self.report, self.corpora)
        self.models = ModelReader(self.report)
        self.reader = SettingsReader(self.definition, self.evaluator, self.report)
        self.parents = Parents(
            self.definition,
            self.evaluator,
            self.report,
            self.points,
            lambda name, point: self.settings(name, point)[1],
            self._initial,
        )
        self.measures = MeasureReader(self.definition, self.evaluator, self.report, self.parents)
        self._mixtures = Mixtures(self.definition, self.report)
        self._solver = Solver(self.definition, self.evaluator, self._size, self._budget, self._replay)
        axes = set(self._solver.dependencies())
        for stage in self.definition.stages:
            axes.update(self.stage_axes(stage))
        for name in self.definition.rows:
            axes.update(self.data.axes(name))
        self._table_axes = tuple(sorted(axes))

    # ---- names of the table

    def check_names(self) -> None:
        """Report rows that name no corpus and cells that name no stage."""
        stages = list(self.definition.stages)
        scope = self.definition.scope
        corpora = [
            n for n in sorted(scope.names()) if (b := scope.find(n)) is not None and b.kind == "corpus"
        ]
        for name, row in self.definition.rows.items():
            known = self.definition.find(name)
            unread = known is None and not scope.complete()
            if known is not None and known.kind not in ("corpus", "let", "axis", "failed"):
                needs_a_row(self.report, name, known.what, row.corpus.span)
            elif known is None and not unread:
                close = nearest(name, corpora)
                self.report.add(
                    "E0201",
                    f"there is no corpus `{name}`",
                    row.corpus.span,
                    help=f"write `{close}`" if close else f'declare it: `corpus {name} = text("data/*.txt")`',
                )
            for cell in row.cells:
                known = scope.find(cell.stage.text)
                self._stages_known &= cell.stage.text in stages
                if cell.stage.text not in stages and not (known and known.kind == "failed"):
                    self.definition.table_broken = True
                    close = nearest(cell.stage.text, stages)
                    self.report.add(
                        "E0201",
                        f"there is no stage `{cell.stage.text}`",
                        cell.stage.span,
                        help=f"write `{close}`"
                        if close
                        else "stages are " + ", ".join(f"`{s}`" for s in stages),
                    )

    # ---- vocabulary

    def find_vocab(self, point: Point) -> int:
        """Vocabulary of the corpora, which must share one tokenizer; bytes if there are none."""
        first: Corpus | None = None
        for name in self.definition.rows:
            data = self.data.row(name, point)
            if data is None:
                continue
            corpus = data.corpora[0]
            if first is None:
                first = corpus
            elif corpus.facts.tokenizer != first.facts.tokenizer:
                self.report.add(
                    "E0503",
                    f"`{corpus.name}` and `{first.name}` have different tokenizers",
                    corpus.value.spans.get("tokenizer", corpus.value.span),
                    secondary=[Label(first.value.spans.get("tokenizer", first.value.span), "the other")],
                    help=one_tokenizer(first, corpus),
                )
        return first.facts.vocab if first else 257

    # ---- stages

    def stage_axes(self, name: str) -> tuple[str, ...]:
        """Axes that a stage's settings depend on, by its own expressions and its ancestors'."""
        known = self._depends.get(name)
        if known is not None:
            return known
        # A parent may be chosen by an axis; every earlier stage may be an ancestor.
        axes: set[str] = set()
        for other, stage in self.definition.stages.items():
            axes.update(self.evaluator.dependencies(stage.parent))
            for setting in stage.settings.values():
                axes.update(self.evaluator.dependencies(setting.value))
            self._depends[other] = tuple(sorted(axes))
        return self._depends[name]

    def settings(self, name: str, point: Point) -> tuple[StageSettings | None, Model | None]:
        """Settings of a stage and the model that its lineage starts from."""
        axes = self.stage_axes(name)
        key = (name, *(id_of(point, axis) for axis in axes)) if axes else (name,)
        if key not in self._settings:
            stage = self.definition.stages[name]
            model = self._model(name, point)
            self._settings[key] = (self.reader.settings(stage, model, point), model)
        return self._settings[key]

    def _model(self, name: str, point: Point) -> Model | None:
        stage = self.definition.stages[name]
        checkpoint = as_checkpoint(self.evaluator.value(stage.parent, point))
        if checkpoint is None:
            return None
        for leaf in leaves(checkpoint):
            if isinstance(leaf, StageValue) and self._order[leaf.stage] >= self._order[name]:
                return None
        return self.parents.model(checkpoint, point, stage.parent.span)

    def _initial(self, value: ComponentValue, point: Point, span: Span) -> Model | None:
        if self.vocab is None:
            self.vocab = self.find_vocab(point)
        return self.models.model(value, self.vocab, span)

    def _budget(self, stage: str, point: Point) -> int | None:
        settings, _ = self.settings(stage, point)
        return settings.budget if settings else None

    def _replay(self, stage: str, point: Point) -> Fraction:
        settings, _ = self.settings(stage, point)
        return settings.replay.share if settings and settings.replay else Fraction(0)

    def _size(self, corpus: str, point: Point) -> int | None:
        found = self.data.row(corpus, point)
        return found.facts.train.tokens if found else None

    # ---- a point

    def resolve(self, point: Point, findings: list[tuple[Point, Finding]]) -> ResolvedPoint | None:
        """Everything at a point; None if something is wrong there, and was reported or found."""
        progress = self._begin(point, findings)
        if progress is None:
            self.measures.plans(point, {}, self.data)
            return None
        if not self._advance(progress, list(self.definition.stages)[-1], findings):
            self.measures.plans(point, {}, self.data)
            return None
        evals = self.measures.plans(point, progress.stages, self.data)
        return ResolvedPoint(
            point, progress.stages, progress.models, progress.table, evals, self.parents.initials
        )

    def _begin(self, point: Point, findings: list[tuple[Point, Finding]]) -> _Progress | None:
        """The settings of all stages at a point, and its table; None if it could not be solved."""
        kept = self._progress.get(tuple(id_of(point, axis) for axis in point)) if self._progress else None
        if kept is not None:
            return kept
        # In order of declaration, so that a chain of stages is never followed more than one deep.
        settings = {name: self.settings(name, point) for name in self.definition.stages}
        key = tuple(id_of(point, axis) for axis in self._table_axes)
        if key not in self._tables:
            good = self._stages_known and all(found is not None for found, _ in settings.values())
            self._tables[key] = self._solver.solve(point, good)
            findings.extend((point, finding) for finding in self._tables[key][1])
        table, _ = self._tables[key]
        return _Progress(point, settings, table) if table is not None else None

    def _advance(self, progress: _Progress, until: str, findings: list[tuple[Point, Finding]]) -> bool:
        """Resolve the stages of a point up to one; whether that could be done."""
        for name in self.definition.stages:
            if progress.broken or until in progress.stages:
                break
            if name in progress.stages:
                continue
            found, model = progress.settings[name]
            assert found is not None
            assert model is not None
            cursors = self._cursors(found, progress, findings)
            resolved = None
            if cursors is not None:
                self._whole_parents(found, progress)
                past = past_of(found, progress.stages, found.replay.decay) if found.replay else []
                resolved = self._stage(name, found, progress.table, cursors, past, progress.point, findings)
            if cursors is None or resolved is None or not self._kept(name, found, progress, findings):
                progress.broken = True
                break
            progress.begins[name] = cursors
            progress.stages[name] = resolved
            progress.models[name] = model
        return not progress.broken

    def _other(self, point: Point, until: str, findings: list[tuple[Point, Finding]]) -> _Progress | None:
        """Another point, resolved up to a stage, and kept for when its own turn comes."""
        key = tuple(id_of(point, axis) for axis in point)
        if key not in self._progress:
            self._progress[key] = self._begin(point, findings)
        progress = self._progress[key]
        return progress if progress is not None and self._advance(progress, until, findings) else None

    def _cursors(
        self, settings: StageSettings, progress: _Progress, findings: list[tuple[Point, Finding]]
    ) -> dict[str, int] | None:
        """Where in each corpus a stage begins to read: after what its lineage has read of it.

        Stages that come from one checkpoint begin at the same place, and read the same. Where several
        stages are behind a checkpoint, also as candidates of a selection, the one that has read furthest
        counts, corpus by corpus.

        Returns:
            None if a point among which a selection is made could not be resolved.
        """
        return self._furthest(settings.parent.value, progress, findings)

    def _furthest(
        self, value: Atom, progress: _Progress, findings: list[tuple[Point, Finding]]
    ) -> dict[str, int] | None:
        found: dict[str, int] = {}
        waiting: list[Atom] = [value]
        seen = {value}
        while waiting:
            current = waiting.pop()
            if isinstance(current, StageValue):
                read: dict[str, int] | None = self._read_until(current, progress)
            elif isinstance(current, Selected):
                read = self._read_by_candidates(current, progress, findings)
            else:
                read = {}
                waiting += [part for part in inner(current) if part not in seen]
                seen.update(waiting)
            if read is None:
                return None
            for corpus, token in read.items():
                found[corpus] = max(found.get(corpus, 0), token)
        return found

    def _read_by_candidates(
        self, selected: Selected, progress: _Progress, findings: list[tuple[Point, Finding]]
    ) -> dict[str, int] | None:
        """Up to where the candidates of a selection have read: the same at all points it chooses from."""
        group = self.parents.group(selected, progress.point)
        place = (id(group), selected)
        if place in self._candidates:
            return self._candidates[place]
        found: dict[str, int] = {}
        for point in group:
            other: _Progress | None = progress
            candidate = selected.candidate(point)
            for leaf in leaves(candidate) if candidate is not None else ():
                if isinstance(leaf, StageValue) and point != progress.point and other is not None:
                    other = self._other(point, leaf.stage, findings)
            if candidate is None or other is None:
                return None
            read = self._furthest(candidate, other, findings)
            if read is None:
                return None
            for corpus, token in read.items():
                found[corpus] = max(found.get(corpus, 0), token)
        self._candidates[place] = found
        return found

    def _read_until(self, place: StageValue, progress: _Progress) -> dict[str, int]:
        """Token of each corpus' stream up to which a lineage has read at a place in a stage."""
        before = progress.stages[place.stage]
        cursors = dict(progress.begins[place.stage])
        if not before.readings:
            return cursors
        sequence = before.settings.sequence
        step = mark_of(place, before).step
        if step == before.steps:
            tokens = [reading.planned for reading in before.readings]
        else:
            tokens = [count * sequence for count in before.counts(step * before.settings.batch)]
        for reading, read in zip(before.readings, tokens, strict=True):
            if not reading.replay_of:
                cursors[reading.corpus.name] = reading.start + read
        return cursors

    def _whole_parents(self, settings: StageSettings, progress: _Progress) -> None:
        """Report a parent that is a place inside a stage that may end early."""
        for place in settings.parent.stages:
            before = progress.stages[place.stage]
            if before.settings.until is not None and place.position is not None:
                span = place_of(place.span, settings.parent.span)
                refuse_inside(before, span, self.report)

    def _kept(
        self,
        name: str,
        settings: StageSettings,
        progress: _Progress,
        findings: list[tuple[Point, Finding]],
    ) -> bool:
        """Whether there is an optimizer state to be kept, if the stage keeps one."""
        if settings.optimizer_state != "kept":
            return True
        value = settings.parent.value
        while True:
            if isinstance(value, Selected):
                value = value.checkpoint
                continue
            if not isinstance(value, StageValue) or progress.stages[value.stage].steps:
                break
            # A stage of 0 tokens passes its parent through.
            value = progress.stages[value.stage].settings.parent.value
        title = no_state(value)
        if isinstance(value, StageValue):
            theirs, ours = progress.stages[value.stage].settings.optimizer.name, settings.optimizer.name
            if progress.stages[value.stage].settings.adapter or settings.adapter:
                title = f"the optimizer state of `{value.stage}` can't be kept: an adapter begins anew"
            elif theirs != ours:
                title = f"the optimizer state of `{value.stage}` is of `{theirs}`; this stage has `{ours}`"
        if not title:
            return True
        span = settings.spans["optimizer_state"]
        help = 'write `optimizer_state = "fresh"`'
        findings.append((progress.point, Finding("E0509", title, span, help=help, key=(name,), amount=title)))
        return False

    def _stage(
        self,
        name: str,
        settings: StageSettings,
        table: Table,
        cursors: dict[str, int],
        past: list[Past],
        point: Point,
        findings: list[tuple[Point, Finding]],
    ) -> ResolvedStage | None:
        nominal = table.stage(name)
        corpora = {corpus: self.data.row(corpus, point) for corpus in nominal}
        if None in corpora.values():
            return None
        judged = settings.until.args["eval"].name if settings.until is not None else ""
        plan = self.measures.measured(judged, point, self.data) if judged else None
        if judged and plan is None:
            return None
        key = (
            name,
            id(settings),
            tuple(
                (
                    corpus,
                    id(corpora[corpus]),
                    tokens,
                    table.unrounded(corpus, name),
                    cursors.get(corpus, 0),
                    table.places.get((corpus, name)),
                )
                for corpus, tokens in nominal.items()
            ),
            id(plan),
            table.replay.get(name, 0),
            table.exact_replay.get(name, 0),
            tuple(
                (each.stage, id(each.reading.corpus), each.reading.start, each.tokens, each.weight)
                for each in past
            ),
        )
        if key not in self._stages:
            again = self._mixtures.read_again(name, settings, table, past)
            if isinstance(again, Finding):
                findings.append((point, again))
                return None
            rows = [
                Reading(
                    corpus,
                    n,
                    0,
                    cursors.get(corpus.name, 0),
                    table.unrounded(row, name),
                    table.places.get((row, name)),
                )
                for row, n in nominal.items()
                if (corpus := corpora[row])
            ]
            self._stages[key] = self._mixtures.stage(
                name, settings, table, [*rows, *again], plan, point, findings
            )
        return self._stages[key]


def id_of(point: Point, axis: str) -> object:
    """A hashable stand-in for an axis' value at a point."""
    return identity_of(point.get(axis, ERROR))
