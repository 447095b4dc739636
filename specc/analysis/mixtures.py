"""The mixture of a stage: whole training steps of what its rows give it, in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from specc.analysis.curve import learning_rate_phases
from specc.analysis.datasets import DataSet
from specc.analysis.definition import Definition
from specc.analysis.ends import early_end
from specc.analysis.evaluate import Point
from specc.analysis.findings import Finding
from specc.analysis.intervals import Length, PlacedCell, lay_out
from specc.analysis.measures import EvalPlan
from specc.analysis.past import Past, nothing_past, shared_out
from specc.analysis.resolved import Reading, ResolvedStage
from specc.analysis.settings import StageSettings
from specc.analysis.table import Table
from specc.analysis.values import show_tokens
from specc.canonical import digest
from specc.diagnostics import Report, Span
from specc.placement import Interleave
from specc.steps import Interval, Phase, identity

LARGEST_LOSS = Fraction(1, 50)
"""Share of a stage's tokens that may be lost to rounding before a warning is given."""


@dataclass(slots=True)
class Mixtures:
    """Makes the stages of an experiment of what they read. Work is shared between its points."""

    definition: Definition
    report: Report
    _curves: dict[tuple[int, int], tuple[Phase, ...]] = field(default_factory=dict, init=False)
    _digests: dict[int, tuple[DataSet, str]] = field(default_factory=dict, init=False)

    def stage(
        self,
        name: str,
        settings: StageSettings,
        table: Table,
        rows: list[Reading],
        plan: EvalPlan | None,
        point: Point,
        findings: list[tuple[Point, Finding]],
    ) -> ResolvedStage | None:
        """A stage that reads these rows; None if something is wrong with it, and was reported or found."""
        total = sum(reading.nominal for reading in rows)
        steps = total // settings.step_tokens
        definition = self.definition.stages[name]
        if total and not steps:
            step = show_tokens(settings.step_tokens)
            findings.append(
                (
                    point,
                    Finding(
                        "E0408",
                        f"stage `{name}` gets {show_tokens(total)} tokens, less than a training step",
                        definition.span,
                        label=f"a step has {settings.batch} x {settings.sequence} = {step} tokens",
                        help="give it more tokens, or a smaller `batch`",
                        key=(name,),
                        amount=f"{show_tokens(total)} tokens",
                    ),
                )
            )
            return None
        lost = total - steps * settings.step_tokens
        if lost > total * LARGEST_LOSS:
            findings.append((point, self._lost(name, settings, steps, lost, total)))
        mixed = self._mixed(name, settings, steps, rows, table)
        if isinstance(mixed, Finding):
            findings.append((point, mixed))
            return None
        readings, intervals = mixed
        phases = self._phases(settings, steps) if steps else ()
        until = early_end(settings, steps, plan, self.report) if plan is not None and steps else None
        if plan is not None and steps and until is None:
            return None
        return ResolvedStage(name, settings, steps, total, readings, phases, intervals, until)

    def _phases(self, settings: StageSettings, steps: int) -> tuple[Phase, ...]:
        """The learning-rate curve of a stage: arms that differ in their data have it in common."""
        key = (id(settings), steps)
        if key not in self._curves:
            self._curves[key] = learning_rate_phases(settings, steps, self.report)
        return self._curves[key]

    def _digest(self, data: DataSet) -> str:
        """What tells data sets apart whose shares are equal; worked out once for each."""
        known = self._digests.get(id(data))
        if known is None:
            known = self._digests[id(data)] = (data, digest(identity(data.params)))
        return known[1]

    def read_again(
        self, name: str, settings: StageSettings, table: Table, past: list[Past]
    ) -> list[Reading] | Finding:
        """What a stage reads again of what the stages before it have read."""
        tokens = table.replay.get(name, 0)
        if not tokens or settings.replay is None:
            return []
        if not any(each.weight for each in past):
            return nothing_past(name, settings, settings.spans["replay"])
        whole = sum(each.weight for each in past)
        return [
            replace(
                each.reading,
                nominal=share,
                planned=0,
                share=table.exact_replay[name] * each.weight / whole,
                place=None,
                begins=0,
                replay_of=each.stage,
                span=each.tokens,
            )
            for each, share in zip(past, shared_out(tokens, past), strict=True)
            if share
        ]

    def _mixed(
        self, name: str, settings: StageSettings, steps: int, rows: list[Reading], table: Table
    ) -> tuple[tuple[Reading, ...], tuple[Interval, ...]] | Finding:
        """The mixture of a stage: its readings in order, with what each gives, and where they are placed."""
        if not steps:
            return (), ()
        n = steps * settings.batch
        base = [reading for reading in rows if reading.place is None]
        base.sort(key=lambda reading: (-reading.share, self._digest(reading.corpus), reading.start))
        placed = [reading for reading in rows if reading.place is not None]
        span = self.definition.stages[name].span
        total = sum(reading.nominal for reading in rows)
        layout = lay_out(
            [
                PlacedCell(
                    reading.corpus.name, reading.nominal, reading.place, _placed_at(reading, name, table)
                )
                for reading in placed
                if reading.place is not None
            ],
            len(base),
            Length(name, span, n, settings.batch, settings.sequence, total),
        )
        if isinstance(layout, Finding):
            return layout
        unplaced = sum(reading.share for reading in base)
        ordered = [*base, *(placed[index] for index in layout.order)]
        shares = [reading.share / unplaced for reading in base] + [Fraction(0)] * len(placed)
        begins = [0] * len(base) + list(layout.begins)
        given = Interleave(shares, layout.intervals).counts(n)
        return tuple(
            replace(reading, share=share, begins=place, planned=count * settings.sequence)
            for reading, share, place, count in zip(ordered, shares, begins, given, strict=True)
        ), layout.intervals

    def _lost(self, name: str, settings: StageSettings, steps: int, lost: int, total: int) -> Finding:
        step = settings.step_tokens
        fitting = [f"{n * step:_} tokens" for n in (steps, steps + 1)]
        return Finding(
            "W0403",
            f"stage `{name}` leaves {show_tokens(lost)} of its {show_tokens(total)} tokens unread, "
            "for it takes whole steps",
            self.definition.stages[name].span,
            label=f"a step has {settings.batch} x {settings.sequence} = {show_tokens(step)} tokens",
            help=f"give it {fitting[0]} or {fitting[1]}, or a smaller `batch`",
            key=(name,),
            amount=f"{show_tokens(lost)} unread",
        )


def _placed_at(reading: Reading, stage: str, table: Table) -> Span:
    """Where the place of a cell is written."""
    assert reading.place is not None
    node = table.nodes[reading.corpus.name, stage]
    return reading.place.span or node.value.span
