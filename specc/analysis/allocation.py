"""The allocation table, solved in exact arithmetic.

Rows are corpora, columns are stages. Cells are worked out in the order in which they can be: shares
of a row with a total, tokens and epochs at once; then `% of stage`, `fill` (what is left of a
stage's budget) and `rest` (what is left of a row), each once all that it depends on is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import lcm

from specc.analysis.balance import Balance
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.findings import Finding
from specc.analysis.places import Placement, mean_share, read_place
from specc.analysis.table import Table, TableCell
from specc.analysis.values import ERROR, Amount, Unit, Value, Word, describe
from specc.diagnostics import Label
from specc.language import ast


def split_row(total: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Divide a corpus' tokens among stages so that no token is lost.

    Largest-remainder apportionment: left-over tokens go to the stages with the largest remainders,
    first in source order.

    Args:
        total: tokens to divide.
        shares: share of each stage, from 0; they sum to at most 1.
    Returns:
        tokens of each stage; they sum to `total` if the shares sum to 1, else to the rounded-down
        product of `total` and their sum.
    Raises:
        ValueError: if the shares sum to more than 1.
    >>> split_row(10, {"pretrain": Fraction(1, 3), "posttrain": Fraction(2, 3)})
    {'pretrain': 3, 'posttrain': 7}
    """
    # In whole numbers, of which `whole` are a share of 1: fractions take ten times as long.
    whole = lcm(*(share.denominator for share in shares.values()))
    parts = {stage: share.numerator * (whole // share.denominator) for stage, share in shares.items()}
    if sum(parts.values()) > whole:
        raise ValueError("shares sum to more than 1")
    tokens = {stage: total * part // whole for stage, part in parts.items()}
    left = total * sum(parts.values()) // whole - sum(tokens.values())
    order = sorted(parts, key=lambda stage: -(total * parts[stage] % whole))
    for stage in order[:left]:
        tokens[stage] += 1
    return tokens


class Solver:
    """Solves the table of one experiment at one point of the sweep.

    Args:
        size: tokens of one pass over a corpus' training split, or None if that is unknown.
        budget: tokens of a stage, if it declares any.
        replay: share of a stage that reads again what the stages before it have read.
    """

    def __init__(
        self,
        definition: Definition,
        evaluator: Evaluator,
        size: Callable[[str, Point], int | None],
        budget: Callable[[str, Point], int | None],
        replay: Callable[[str, Point], Fraction] = lambda stage, point: Fraction(0),
    ) -> None:
        self.definition = definition
        self.evaluator = evaluator
        self.size = size
        self.budget = budget
        self.replay = replay
        self.balance = Balance(definition, evaluator, budget, replay)

    def dependencies(self) -> tuple[str, ...]:
        """Axes that the table depends on by its own expressions."""
        axes: set[str] = set()
        for row in self.definition.rows.values():
            if row.total is not None:
                axes.update(self.evaluator.dependencies(row.total))
            for cell in row.cells:
                places = (position for place in cell.places for position in place.positions)
                for part in (cell.value, cell.to, *places):
                    if part is not None:
                        axes.update(self.evaluator.dependencies(part))
        return tuple(sorted(axes))

    def solve(self, point: Point, stages_known: bool = True) -> tuple[Table | None, list[Finding]]:
        """The table at a point and what is wrong with it; None if something kept it from being solved.

        Args:
            stages_known: whether the stages' settings could be read. If not, only what the rows say
                by themselves is looked at.
        """
        findings: list[Finding] = []
        cells: list[TableCell] = []
        totals: dict[str, int | None] = {}
        good = True
        for name, row in self.definition.rows.items():
            read = [self._read(name, cell, point, findings) for cell in row.cells]
            cells += [cell for cell in read if cell is not None]
            good &= None not in read
            total = self._total(name, row, cells, point, findings)
            good &= total is not ERROR
            totals[name] = total if isinstance(total, int) else None
        good &= self._doubles(cells, findings)
        if not good:
            return None, findings
        good = self._row_shares(cells, totals, point, findings)
        if not stages_known:
            return None, findings
        if good:
            good = self._propagate(cells, totals, point, findings)
        if not good:
            return None, findings
        table = Table(
            {(cell.corpus, cell.stage): cell.tokens or 0 for cell in cells},
            {(cell.corpus, cell.stage): cell.place for cell in cells if cell.place is not None},
            {(cell.corpus, cell.stage): cell.node for cell in cells},
            exact=self._exact(cells, point),
        )
        self._read_again(cells, table, point)
        if not self.balance.compare(cells, totals, point, table, findings):
            return None, findings
        return table, findings

    # ---- reading

    def _read(self, corpus: str, cell: ast.Cell, point: Point, findings: list[Finding]) -> TableCell | None:
        value = self.evaluator.value(cell.value, point)
        span = cell.value.span
        if value is ERROR:
            return None
        read = TableCell(corpus, cell.stage.text, cell, value)
        if cell.of is not None and cell.of.text != "stage":
            findings.append(
                Finding(
                    "E0102",
                    f"a share is of the stage, not of `{cell.of.text}`",
                    cell.of.span,
                    help="write `of stage`, or leave it out for a share of the row",
                )
            )
            return None
        place = read_place(cell, self.evaluator, point, findings)
        if place is ERROR:
            return None
        if isinstance(place, Placement):
            read.place = place
            if place.kind == "ramp":
                read.value = mean_share(place)
                return read
        if isinstance(value, Word) and not read.of_stage:
            return read
        if not isinstance(value, Amount) or value.unit not in (Unit.SHARE, Unit.TOKENS, Unit.EPOCHS):
            help = "a cell is a percentage, tokens, epochs, `rest`, `fill` or `2% of stage`"
            if isinstance(value, Amount) and value.unit is Unit.NUMBER:
                help = f"write `{span.text} tokens`, or a percentage"
                if 0 < value.value <= 1:
                    share = Amount(value.value, Unit.SHARE)
                    help = f"write `{share}` for a share of the row, `{share} of stage` for one of the stage"
                    help = f"write `{share}`" if read.of_stage else help
            findings.append(Finding("E0301", f"a cell can't be {describe(value)}", span, help=help))
            return None
        if read.of_stage and value.unit is not Unit.SHARE:
            findings.append(
                Finding(
                    "E0301",
                    f"`of stage` needs a percentage, not {describe(value)}",
                    span,
                    help="write `2% of stage`",
                )
            )
            return None
        if value.unit is Unit.SHARE and not 0 <= value.value <= 1:
            findings.append(
                Finding(
                    "E0402",
                    f"the share of `{corpus}` in `{read.stage}` is {value}; it must be 0% to 100%",
                    span,
                    key=(corpus, read.stage),
                    amount=str(value),
                )
            )
            return None
        if value.value < 0:
            findings.append(
                Finding(
                    "E0303", f"a cell can't be {value}", span, key=(corpus, read.stage), amount=str(value)
                )
            )
            return None
        return read

    def _total(
        self, corpus: str, row: ast.Row, cells: list[TableCell], point: Point, findings: list[Finding]
    ) -> int | Value | None:
        """Tokens of a row: as declared, or one pass over the corpus where cells are shares of it."""
        if row.total is not None:
            total = self.evaluator.value(row.total, point)
            if total is ERROR:
                return ERROR
            if isinstance(total, Amount) and total.unit is Unit.EPOCHS:
                size = self.size(corpus, point)
                return None if size is None else int(total.value * size)
            if not isinstance(total, Amount) or total.unit is not Unit.TOKENS:
                bare = isinstance(total, Amount) and total.unit is Unit.NUMBER
                findings.append(
                    Finding(
                        "E0301",
                        f"a row's total is tokens or epochs, not {describe(total)}",
                        row.total.span,
                        help=f"write `{row.total.span.text} tokens`" if bare else "write `20M tokens`",
                    )
                )
                return ERROR
            if total.value < 0:
                findings.append(Finding("E0303", f"a row's total can't be {total}", row.total.span))
                return ERROR
            return int(total.value)
        shared = any(
            cell.corpus == corpus
            and not cell.of_stage
            and (
                cell.value is Word.REST or (isinstance(cell.value, Amount) and cell.value.unit is Unit.SHARE)
            )
            for cell in cells
        )
        return self.size(corpus, point) if shared else None

    def _doubles(self, cells: list[TableCell], findings: list[Finding]) -> bool:
        good = True
        for word, side in ((Word.REST, "row"), (Word.FILL, "stage")):
            first: dict[str, TableCell] = {}
            for cell in cells:
                if cell.value is not word:
                    continue
                owner = cell.corpus if word is Word.REST else cell.stage
                if owner in first:
                    findings.append(
                        Finding(
                            "E0403",
                            f"a second `{word.value}` in {side} `{owner}`",
                            cell.node.value.span,
                            secondary=(Label(first[owner].node.value.span, "first here"),),
                            help="give one of them as a percentage, or in tokens",
                        )
                    )
                    good = False
                first.setdefault(owner, cell)
        return good

    # ---- solving

    def _row_shares(
        self, cells: list[TableCell], totals: dict[str, int | None], point: Point, findings: list[Finding]
    ) -> bool:
        """Cells that their row alone decides: shares, tokens, epochs."""
        good = True
        for corpus in self.definition.rows:
            row = [cell for cell in cells if cell.corpus == corpus and not cell.of_stage]
            shares = {
                cell.stage: cell.value.value
                for cell in row
                if isinstance(cell.value, Amount) and cell.value.unit is Unit.SHARE
            }
            for cell in row:
                if isinstance(cell.value, Amount) and cell.value.unit is Unit.TOKENS:
                    cell.tokens = int(cell.value.value)
                elif isinstance(cell.value, Amount) and cell.value.unit is Unit.EPOCHS:
                    size = self.size(corpus, point)
                    if size is None:
                        good = False
                    else:
                        cell.tokens = int(cell.value.value * size)
            if not shares:
                continue
            total = totals[corpus]
            spent = sum(shares.values(), Fraction(0))
            if spent > 1:
                self.balance.overspent_shares(corpus, row, spent, point, findings)
                good = False
            elif total is None:
                good = False
            else:
                first = {cell.stage: cell for cell in reversed(row)}
                for stage, tokens in split_row(total, shares).items():
                    first[stage].tokens = tokens
        return good

    def _propagate(
        self, cells: list[TableCell], totals: dict[str, int | None], point: Point, findings: list[Finding]
    ) -> bool:
        """Work out `rest`, `fill` and `of stage`, each when what it depends on is known."""
        progress = True
        while progress:
            progress = False
            for cell in cells:
                if cell.tokens is None:
                    tokens = self._solved(cell, cells, totals, point)
                    if tokens is not None:
                        cell.tokens = tokens
                        progress = True
        unsolved = [cell for cell in cells if cell.tokens is None]
        if unsolved:
            self.balance.unsolved(unsolved, totals, point, findings)
        return not unsolved

    def _read_again(self, cells: list[TableCell], table: Table, point: Point) -> None:
        """Tokens that each stage reads again: of its budget, or on top of what its cells bring."""
        for stage in self.definition.stages:
            share = self.replay(stage, point)
            if not share:
                continue
            whole = self._whole(stage, cells, point)
            if whole is not None:
                table.exact_replay[stage] = share * whole
                table.replay[stage] = int(share * whole)

    def _exact(self, cells: list[TableCell], point: Point) -> dict[tuple[str, str], Fraction]:
        """Tokens of the cells that are a share of their stage, or what these leave of it, unrounded."""
        found: dict[tuple[str, str], Fraction] = {}
        for cell in cells:
            whole = self._whole(cell.stage, cells, point) if cell.of_stage else None
            if whole is not None and isinstance(cell.value, Amount):
                found[cell.corpus, cell.stage] = cell.value.value * whole
        for cell in cells:
            budget = self.budget(cell.stage, point) if cell.value is Word.FILL else None
            if budget is not None:
                column = [other for other in cells if other.stage == cell.stage and other is not cell]
                others = sum(found.get((other.corpus, other.stage), other.tokens or 0) for other in column)
                left = budget * (1 - self.replay(cell.stage, point)) - others
                if left > 0:
                    found[cell.corpus, cell.stage] = left
        return found

    def _whole(self, stage: str, cells: list[TableCell], point: Point) -> Fraction | None:
        """Tokens that a stage is a share of, unrounded: its budget, or what its cells come to together."""
        budget = self.budget(stage, point)
        if budget is not None:
            return Fraction(budget)
        column = [cell for cell in cells if cell.stage == stage]
        fixed = [cell.tokens for cell in column if not cell.of_stage]
        shares = sum(
            (cell.value.value for cell in column if cell.of_stage and isinstance(cell.value, Amount)),
            self.replay(stage, point),
        )
        if None in fixed or shares >= 1:
            return None
        return sum(filter(None, fixed)) / (1 - shares)

    def _solved(
        self, cell: TableCell, cells: list[TableCell], totals: dict[str, int | None], point: Point
    ) -> int | None:
        if cell.of_stage:
            assert isinstance(cell.value, Amount)
            whole = self._whole(cell.stage, cells, point)
            return None if whole is None else int(cell.value.value * whole)
        if cell.value is Word.FILL:
            column = [other for other in cells if other.stage == cell.stage and other is not cell]
            budget = self.budget(cell.stage, point)
            if budget is None or any(other.tokens is None for other in column):
                return None
            again = int(self.replay(cell.stage, point) * budget)
            return budget - again - sum(other.tokens or 0 for other in column)
        row = [other for other in cells if other.corpus == cell.corpus and other is not cell]
        total = totals[cell.corpus]
        if total is None or any(other.tokens is None for other in row):
            return None
        return total - sum(other.tokens or 0 for other in row)
