"""What is wrong with an allocation table: rows, stages and cells that don't come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.findings import Finding
from specc.analysis.table import Table, TableCell
from specc.analysis.values import Amount, Unit, Word, show_share, show_tokens
from specc.diagnostics import Label
from specc.language import ast

MOST_LABELS = 6
"""Cells that a message points at; more would hide what it says."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Says what is wrong with the table of one experiment.

    Attributes:
        budget: tokens of a stage, if it declares any.
        replay: share of a stage that reads again what the stages before it have read.
    """

    definition: Definition
    evaluator: Evaluator
    budget: Callable[[str, Point], int | None]
    replay: Callable[[str, Point], Fraction]

    def unsolved(
        self, cells: list[TableCell], totals: dict[str, int | None], point: Point, findings: list[Finding]
    ) -> None:
        """Say why cells can't be worked out: nothing to fill, no room, or a circle; the cause alone.

        Nothing is said where a stage could not be read whole: what is missing may stand in it.
        """
        stages = [self.definition.stages.get(cell.stage) for cell in cells]
        if any(stage is not None and stage.broken for stage in stages):
            return
        before = len(findings)
        for cell in cells:
            if self.budget(cell.stage, point) is not None:
                continue
            column = [
                c.value.value
                for c in cells
                if c.stage == cell.stage and c.of_stage and isinstance(c.value, Amount)
            ]
            again = self.replay(cell.stage, point)
            column += [again] if again else []
            if cell.value is Word.FILL:
                findings.append(
                    Finding(
                        "E0404",
                        f"`fill` needs a budget to fill, and stage `{cell.stage}` has none",
                        cell.node.value.span,
                        secondary=self._stage_label(cell.stage),
                        help=f"write `budget = 8M tokens` in stage `{cell.stage}`",
                    )
                )
            elif cell.of_stage and sum(column) >= 1:
                findings.append(
                    Finding(
                        "E0404",
                        f"shares of stage `{cell.stage}` sum to {show_share(sum(column, Fraction(0)))}; "
                        "they leave no room for anything else",
                        cell.node.value.span,
                        help=f"write `budget = 8M tokens` in stage `{cell.stage}`, and `fill` in one cell",
                        key=(cell.stage,),
                    )
                )
        unknown = any(cell.value is Word.REST and totals[cell.corpus] is None for cell in cells)
        if len(findings) > before or unknown:
            return
        first, *others = cells
        findings.append(
            Finding(
                "E0407",
                f"the tokens of `{first.corpus}` in `{first.stage}` depend on themselves",
                first.node.value.span,
                secondary=tuple(Label(cell.node.value.span, "through this") for cell in others),
                help="give one of these cells in tokens",
            )
        )

    def _stage_label(self, stage: str) -> tuple[Label, ...]:
        known = self.definition.stages.get(stage)
        return (Label(known.span, "this stage"),) if known else ()

    def overspent_shares(
        self, corpus: str, row: list[TableCell], spent: Fraction, point: Point, findings: list[Finding]
    ) -> None:
        cells = [c for c in row if isinstance(c.value, Amount) and c.value.unit is Unit.SHARE]
        swept = [c for c in cells if self.evaluator.dependencies(c.node.value)] or cells[:1]
        primary = swept[0]
        labels = [Label(c.node.value.span, str(c.value)) for c in cells if c is not primary]
        helped = cells[-1] if cells[-1] is not primary else cells[0]
        findings.append(
            Finding(
                "E0401",
                f"shares of `{corpus}` sum to {show_share(spent)}, not 100%",
                primary.node.value.span,
                label=str(primary.value),
                secondary=tuple(labels),
                help=f"write `{helped.stage}: rest`" if len(cells) > 1 else None,
                key=(corpus,),
                amount=show_share(spent),
                weight=1,
            )
        )

    def compare(
        self,
        cells: list[TableCell],
        totals: dict[str, int | None],
        point: Point,
        table: Table,
        findings: list[Finding],
    ) -> bool:
        """Compare rows with their totals and stages with their budgets; False if a cell is below 0."""
        overspent = [cell for cell in cells if cell.tokens is not None and cell.tokens < 0]
        for cell in overspent:
            self._negative(cell, cells, totals, point, findings)
        if overspent:
            return False
        for corpus, row in self.definition.rows.items():
            total, spent = totals[corpus], table.row_total(corpus)
            if total is None or (row.total is None and spent <= total):
                continue
            if spent != total:
                self._unbalanced_row(corpus, row, spent, total, findings)
        for stage in self.definition.stages:
            budget = self.budget(stage, point)
            spent = table.stage_total(stage) + table.replay.get(stage, 0)
            if budget is not None and spent != budget and not self.definition.table_broken:
                self._unbalanced_stage(stage, spent, budget, table, findings)
        return True

    def _negative(
        self,
        cell: TableCell,
        cells: list[TableCell],
        totals: dict[str, int | None],
        point: Point,
        findings: list[Finding],
    ) -> None:
        span = cell.node.value.span
        over = show_tokens(-(cell.tokens or 0))
        if cell.value is Word.FILL:
            budget = self.budget(cell.stage, point) or 0
            others = [
                Label(c.node.value.span, f"{show_tokens(c.tokens or 0)}")
                for c in cells
                if c.stage == cell.stage and c is not cell and c.tokens
            ]
            again = int(self.replay(cell.stage, point) * budget)
            if again:
                setting = self.definition.stages[cell.stage].settings["replay"]
                others.append(Label(setting.value.span, show_tokens(again)))
            findings.append(
                Finding(
                    "E0405",
                    f"stage `{cell.stage}` is {over} tokens over its budget of {show_tokens(budget)}",
                    span,
                    label="nothing is left to fill",
                    secondary=tuple(others),
                    help="raise the stage's budget, or spend less of the other corpora in it",
                    key=(cell.stage,),
                    amount=f"{over} over",
                )
            )
            return
        total = totals[cell.corpus] or 0
        findings.append(
            Finding(
                "E0401",
                f"row `{cell.corpus}` spends {over} tokens more than its {show_tokens(total)}",
                span,
                label="nothing is left",
                help="raise the row's total, or spend less of it in the other stages",
                key=(cell.corpus,),
                amount=f"{over} over",
                weight=1,
            )
        )

    def _unbalanced_row(
        self, corpus: str, row: ast.Row, spent: int, total: int, findings: list[Finding]
    ) -> None:
        span = row.total.span if row.total is not None else row.corpus.span
        open_stage = next(
            (name for name in self.definition.stages if all(c.stage.text != name for c in row.cells)), None
        )
        help = "change the total, or what the stages take"
        if spent < total and row.cells:
            last = row.cells[-1]
            help = (
                f"write `{last.stage.text}: rest`"
                if len(row.cells) > 1 or open_stage is None
                else f"add `{open_stage}: rest`"
            )
        share = f" ({show_share(Fraction(spent, total))})" if total else ""
        findings.append(
            Finding(
                "E0401",
                f"row `{corpus}` spends {show_tokens(spent)} of its {show_tokens(total)} tokens{share}",
                span,
                label="all of it must be spent",
                secondary=tuple(Label(cell.value.span, "") for cell in row.cells),
                help=help,
                key=(corpus,),
                amount=show_share(Fraction(spent, total)) if total else f"{show_tokens(spent)} spent",
            )
        )

    def _unbalanced_stage(
        self, stage: str, spent: int, budget: int, table: Table, findings: list[Finding]
    ) -> None:
        definition = self.definition.stages[stage]
        setting = definition.settings["budget"]
        spends = [
            Label(cell.value.span, f"{show_tokens(tokens)} tokens")
            for row in self.definition.rows.values()
            for cell in row.cells
            if cell.stage.text == stage and (tokens := table.tokens.get((row.corpus.text, stage)))
        ]
        findings.append(
            Finding(
                "E0405",
                f"stage `{stage}` gets {show_tokens(spent)} tokens; its budget is {show_tokens(budget)}",
                setting.value.span,
                secondary=tuple(spends) if len(spends) <= MOST_LABELS else (),
                help="let one corpus `fill` the stage, or leave the budget out",
                key=(stage,),
                amount=f"{show_tokens(spent)} tokens",
            )
        )
