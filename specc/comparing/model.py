"""A comparison as data: what the command line prints, a report draws, a page shows, and `--json` gives.

A *group* is a set of arms that differ by their seed alone (or by axes that the question leaves out, see
`Group.arms`); a *seed* of a group is one number: the result of its arm, or the mean over its arms. An
*effect* is a group against the baseline, paired seed by seed. All of it is JSON: a number that is not
finite is None, with the reason in `state`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from specc.steps import Frozen

if TYPE_CHECKING:
    from specc.results.query import Answer

Better = Literal["lower", "higher", ""]
"""Which results are better; empty if neither is known to be."""

State = Literal["done", "diverged", "failed", "missing"]
"""Of a seed: measured, not a number because training diverged, its step failed, or not there yet."""


class Side(Frozen):
    """A group that is named, not found by `by`.

    Attributes:
        name: for people and unique. workspace: as the source is named; empty for the only one.
        experiment: whose arms. given: what its arms have in common: `recipe`, axes, `seed`.
    """

    name: str
    workspace: str = ""
    experiment: str
    given: dict[str, Any] = Field(default_factory=dict)


class Question(Frozen):
    """What is compared with what.

    Attributes:
        experiments: experiments whose arms are compared; usually one.
        eval, metric, stage: the measured result, as in the table `results`.
        position: share of the stage behind the measured checkpoint; 1 at its end.
        better: which results are better.
        by: names that make a group: `recipe`, axes, `experiment`, `workspace`.
        given: values of other names, that all arms have.
        baseline: name of the group that the others are paired with.
            Empty: the recipe `base` if it is one of them, else the first.
        level: of the intervals.
        unit: of the results, for instance `nats per token`.
        sides: groups by name; `by` then only says what tells them apart.
    """

    experiments: tuple[str, ...]
    eval: str
    metric: str
    stage: str
    position: float = 1.0
    better: Better = ""
    by: tuple[str, ...] = ()
    given: dict[str, Any] = Field(default_factory=dict)
    baseline: str = ""
    level: float = 0.95
    unit: str = ""
    sides: tuple[Side, ...] = ()


class Interval(Frozen):
    """An interval; `method` in words, for instance `paired t, 4 degrees of freedom`."""

    low: float
    high: float
    level: float
    method: str


class SeedValue(Frozen):
    """The result of a group at a seed; None unless its state is `done`."""

    seed: int
    value: float | None
    state: State


class Group(Frozen):
    """Results of a group.

    Attributes:
        name: for people and unique, for instance `early = 50%` or `replay`. values: of the names in `by`.
        arms: how many arms a seed's value is a mean over. n: seeds that are done. left_out: arms (of all
            seeds) that diverged, failed or are missing: a seed's value is the mean over its others. lost:
            the same by state.
        mean, sd: over those seeds; None if there are none, or fewer than two. interquartile_mean: of their
            middle half; None for fewer than four, of which nothing is cut.
        interval: of the mean, over seeds; None for fewer than two.
        selected: whether its settings were chosen by these very results (`best`, or the best of many), so
            that its mean is too good by the winner's curse.
        dominated: of a frontier, whether another group is better in both; else None.
        tokens, flops: of training up to what is measured, as planned, mean over arms; None if unknown.
    """

    name: str
    values: dict[str, Any]
    arms: int
    seeds: tuple[SeedValue, ...]
    n: int
    mean: float | None
    sd: float | None
    interval: Interval | None
    interquartile_mean: float | None = None
    selected: bool = False
    dominated: bool | None = None
    left_out: int = 0
    lost: dict[State, int] = Field(default_factory=dict)
    tokens: float | None = None
    flops: float | None = None


class Pair(Frozen):
    """A seed that both sides have: `difference` is `value` - `baseline`."""

    seed: int
    value: float
    baseline: float
    difference: float


class OverItems(Frozen):
    """The difference over evaluated documents or prompts: what another sample of them might have given.

    Attributes:
        items: results of documents that both have, at all seeds. clusters: documents; the errors of one
            at all seeds are taken together.
        difference: mean over items, each by its weight (target tokens). stderr: clustered (Miller 2024).
        interval: Student's t with that error; None where all documents differ by the same. bootstrap: BCa
            over documents; None for too few or many.
        mcnemar_p: exact, of results that are right or wrong, None for others: over documents that one
            side got right at more seeds than the other.
    """

    items: int
    clusters: int
    difference: float
    stderr: float | None
    interval: Interval | None
    bootstrap: Interval | None = None
    mcnemar_p: float | None = None


class Effect(Frozen):
    """A group against the baseline.

    Attributes:
        pairs: seeds that both have. unpaired: seeds that one of them lacks, and why, in words.
        paired: whether the interval is of paired differences; False if too few seeds are shared, and it is
            Welch's of two independent samples.
        mean: of the differences. sd: their spread. interval: paired t. None where there are no or too few
            pairs, or all differences are equal.
        relative: mean difference over the baseline's mean over the same seeds; None if that is 0.
        wins, losses: pairs in which the group is better, and worse; the rest are ties.
        improvement: probability that a seed of the group is better than a seed of the baseline, drawn
            apart; None if it isn't known what is better.
        p_t, p_sign_flip: two-sided; the sign-flip test is exact up to 20 pairs. p_holm: `p_t` (the
            sign-flip p where all differences are equal) adjusted over all groups.
        smallest_p: the least that the sign-flip test can give with so many pairs.
        verdict: `better`, `worse`, `no difference shown`, `not resolvable`, `not comparable`; `missing`,
            `diverged` or `failed` where nothing pairs; `higher` or `lower` where neither is better.
        n_needed: pairs that would resolve a difference of this size with probability 0.8; None if unknown.
        refusal: why the two can't be paired, in words; empty if they can.
        sentence: all of it in a sentence for people.
    """

    group: str
    baseline: str
    pairs: tuple[Pair, ...] = ()
    unpaired: tuple[str, ...] = ()
    paired: bool = True
    mean: float | None = None
    sd: float | None = None
    interval: Interval | None = None
    wins: int = 0
    losses: int = 0
    improvement: float | None = None
    relative: float | None = None
    p_t: float | None = None
    p_sign_flip: float | None = None
    p_holm: float | None = None
    smallest_p: float | None = None
    verdict: str
    n_needed: int | None = None
    over_items: OverItems | None = None
    refusal: str = ""
    sentence: str = ""


class Compared(Frozen):
    """The answer to a question.

    Attributes:
        title: for instance `L_ret after finetune, by early`. headline: the answer in a sentence.
        groups: in the order of the sweep, the baseline among them. effects: of all but the baseline.
        best: name of the group with the best mean, which is `selected` if there are more than two.
        notes: what a reader must know: diverged and failed seeds, missing results, budgets that differ.
        sql: a query on the results that gives the value of each group and seed.
    """

    question: Question
    title: str
    headline: str
    groups: tuple[Group, ...]
    effects: tuple[Effect, ...]
    best: str = ""
    notes: tuple[str, ...] = ()
    sql: str

    def table(self) -> Answer:
        """A row for each group with all its numbers: `.df()`, `.rows`, `.columns`."""
        from specc.comparing.table import full_table

        return full_table([self])

    def __str__(self) -> str:
        from specc.comparing.terminal import UNICODE, compared_page, plain

        return plain(compared_page(self, 100, UNICODE))

    def _repr_html_(self) -> str:
        from specc.comparing.notebook import compared_html

        return compared_html(self)


class FrontierPoint(Frozen):
    """A point of a frontier: means over seeds of two results of a group.

    Attributes:
        series: the group of points that it belongs to, whose frontier is drawn as one.
        x_interval, y_interval: over seeds. dominated: another point of its series is no worse in both and
            better in one. strictly: another is better in both (the rule of arXiv 2605.12705).
        on_hull: whether it is a corner of the convex hull that faces what is better.
    """

    name: str
    series: str
    values: dict[str, Any]
    n: int
    x: float
    y: float
    x_interval: Interval | None
    y_interval: Interval | None
    dominated: bool
    strictly: bool
    on_hull: bool


class Frontier(Frozen):
    """Two results against each other: what is learned against what is kept.

    Attributes:
        x, y: the two results. hypervolume: of each series, with the reference point `reference`, which lies
            a tenth of the range beyond the worst of all points in both results.
        signed_area: of each other series against the first, over the range of x that both have; positive
            where the other is better. None where ranges don't meet.
    """

    x: Question
    y: Question
    title: str
    headline: str
    points: tuple[FrontierPoint, ...]
    reference: tuple[float, float] | None = None
    hypervolume: dict[str, float] = Field(default_factory=dict)
    signed_area: dict[str, float | None] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sql: str

    def table(self) -> Answer:
        """A row for each point: `.df()`, `.rows`, `.columns`."""
        from specc.comparing.table import frontier_table

        return frontier_table(self)

    def __str__(self) -> str:
        from specc.comparing.terminal import UNICODE, frontier_page, plain

        return plain(frontier_page(self, 100, UNICODE))

    def _repr_html_(self) -> str:
        from specc.comparing.notebook import frontier_html

        return frontier_html(self)
