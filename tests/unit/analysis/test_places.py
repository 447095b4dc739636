"""Where in a stage the tokens of a cell lie: laid out exactly, shared up to where arms differ."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from small_recipes import points_of, study_of
from specc.analysis.findings import Finding
from specc.analysis.intervals import Layout, Length, PlacedCell, lay_out
from specc.analysis.places import Placement
from specc.analysis.values import Amount, Unit
from specc.diagnostics import Source, Span
from specc.mixture import places as even
from specc.placement import Interleave
from specc.steps import TrainParams

SPAN = Span(Source("test", "test"), 0, 4)
SEQUENCE, BATCH = 8, 4

RECIPE = """\
experiment placed {{
  sweep edge in [{edges}]
  model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
  corpus web = markov(tokens = 40K tokens)
  corpus skill = markov(tokens = 40K tokens, seed = 1)
  corpus drift = markov(tokens = 40K tokens, seed = 2)
  allocate {{
    {rows}
  }}
  stage pretrain from tiny {{
    budget    = 25_600 tokens
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }}
}}
"""


def length(steps: int) -> Length:
    n = steps * BATCH
    return Length("pretrain", SPAN, n, BATCH, SEQUENCE, n * SEQUENCE)


def share(value: Fraction) -> Amount:
    return Amount(value, Unit.SHARE)


def laid_out(cells: list[PlacedCell], steps: int) -> Layout:
    layout = lay_out(cells, 1, length(steps))
    assert isinstance(layout, Layout), layout
    return layout


def read(layout: Layout, cells: int) -> Interleave:
    return Interleave([Fraction(1), *[Fraction(0)] * cells], layout.intervals)


@st.composite
def windows(draw: st.DrawFn) -> tuple[list[PlacedCell], int]:
    steps = draw(st.integers(4, 60))
    cells = []
    for index in range(draw(st.integers(1, 3))):
        first, last = sorted(
            draw(st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(lambda p: p[0] != p[1]))
        )
        room = steps * BATCH * SEQUENCE * (last - first) // 20
        tokens = draw(st.integers(0, room // 3))
        place = Placement("within", (share(Fraction(first, 20)), share(Fraction(last, 20))))
        cells.append(PlacedCell(f"corpus{index}", tokens, place, SPAN))
    return cells, steps


@given(windows())
def test_windows_hold_all_their_sequences_and_nothing_lies_outside(
    case: tuple[list[PlacedCell], int],
) -> None:
    cells, steps = case
    layout = lay_out(cells, 1, length(steps))
    # Thirds of windows of a few sequences may round to more than there is.
    assume(isinstance(layout, Layout))
    assert isinstance(layout, Layout)
    interleave = read(layout, len(cells))
    n = steps * BATCH
    for source, index in enumerate(layout.order, 1):
        cell = cells[index]
        start, stop = (int(p.value * n + Fraction(1, 2)) for p in cell.placement.positions)
        wanted = int(Fraction(cell.tokens, SEQUENCE) + Fraction(1, 2))
        counted = [interleave.counts(x)[source] for x in (0, start, stop, n)]
        assert counted == [0, 0, wanted, wanted]


@given(windows())
def test_the_base_keeps_its_order_whatever_is_placed(case: tuple[list[PlacedCell], int]) -> None:
    cells, steps = case
    layout = lay_out(cells, 2, length(steps))
    assume(isinstance(layout, Layout))
    assert isinstance(layout, Layout)
    shares = [Fraction(2, 3), Fraction(1, 3)]
    interleave = Interleave([*shares, *[Fraction(0)] * len(cells)], layout.intervals)
    base = [place for place in interleave.places(0, steps * BATCH) if place[0] < 2]
    assert base == even(shares, 0, len(base))


@given(st.integers(1, 80), st.integers(0, 20), st.integers(0, 20))
def test_a_ramp_stays_within_a_sequence_of_its_exact_integral(steps: int, first: int, last: int) -> None:
    assume(first + last)
    n = steps * BATCH
    a, b = Fraction(first, 20), Fraction(last, 20)
    tokens = int((a + b) / 2 * n * SEQUENCE)
    cell = PlacedCell("skill", tokens, Placement("ramp", (share(a), share(b))), SPAN)
    interleave = read(laid_out([cell], steps), 1)
    for x in range(0, n + 1, 1 + n // 40):
        exact = a * x + (b - a) * x * x / (2 * n)
        assert abs(interleave.counts(x)[1] - exact) <= 1


def test_blocks_lie_at_the_ends_in_the_order_of_the_rows() -> None:
    kinds = ["early block", "late block", "early block", "late block"]
    cells = [PlacedCell(f"c{i}", (i + 1) * 10 * SEQUENCE, Placement(k), SPAN) for i, k in enumerate(kinds)]
    layout = laid_out(cells, 50)
    found = [source for source, _ in read(layout, 4).places(0, 200)]
    named = [layout.order[source - 1] if source else -1 for source in found]
    assert named == [0] * 10 + [2] * 30 + [-1] * 100 + [1] * 20 + [3] * 40


def test_bursts_begin_where_they_are_placed_and_share_the_tokens_evenly() -> None:
    at = tuple(Amount(Fraction(tokens), Unit.TOKENS) for tokens in (400, 80, 1200))
    cell = PlacedCell("skill", 32 * SEQUENCE, Placement("at", at), SPAN)
    found = [x for x, (source, _) in enumerate(read(laid_out([cell], 50), 1).places(0, 200)) if source]
    assert len(found) == 32
    begins = [x for before, x in pairwise([-2, *found]) if x != before + 1]
    assert begins == [10, 50, 150]
    assert [sum(begin <= x < begin + 12 for x in found) for begin in begins] == [10, 11, 11]


@pytest.mark.parametrize(
    "placement",
    [
        Placement("early block"),
        Placement("within", (Amount(Fraction(160), Unit.TOKENS), Amount(Fraction(20), Unit.STEPS))),
        Placement("at", (Amount(Fraction(80), Unit.TOKENS), Amount(Fraction(560), Unit.TOKENS))),
    ],
)
def test_a_longer_stage_extends_what_is_placed_in_tokens_or_steps(placement: Placement) -> None:
    cell = PlacedCell("skill", 40 * SEQUENCE, placement, SPAN)
    short, long = (read(laid_out([cell], steps), 1) for steps in (30, 77))
    assert long.places(0, 120) == short.places(0, 120)


def test_what_rounding_takes_is_taken_from_the_base() -> None:
    whole = length(25)
    uneven = Length("pretrain", SPAN, whole.n, BATCH, SEQUENCE, whole.nominal + 3 * SEQUENCE)
    cells = [PlacedCell("skill", 40 * SEQUENCE, Placement("early block"), SPAN)]
    layout = lay_out(cells, 1, uneven)
    assert isinstance(layout, Layout)
    assert read(layout, 1).counts(whole.n) == [60, 40]
    # Where everything has a place, what comes last is cut.
    cells.append(PlacedCell("drift", 63 * SEQUENCE, Placement("late block"), SPAN))
    layout = lay_out(cells, 0, uneven)
    assert isinstance(layout, Layout)
    assert Interleave([Fraction(0), Fraction(0)], layout.intervals).counts(whole.n) == [40, 60]


def test_more_than_there_is_is_found_with_its_arithmetic() -> None:
    cells = [
        PlacedCell(
            "skill", 80 * SEQUENCE, Placement("within", (share(Fraction(0)), share(Fraction(1, 2)))), SPAN
        ),
        PlacedCell("drift", 30 * SEQUENCE, Placement("early block"), SPAN),
    ]
    found = lay_out(cells, 1, length(50))
    assert isinstance(found, Finding)
    assert found.code == "E0422"
    assert "80% + 100% = 180%" in found.label


# ---- from a recipe


def rows(*written: str) -> str:
    return "\n    ".join(written)


def test_arms_that_differ_only_late_share_the_states_before(tmp_path: Path) -> None:
    text = RECIPE.format(
        edges="80%, 90%",
        rows=rows("web { pretrain: fill }", "skill { pretrain: 1_600 tokens within edge..100% }"),
    )
    study = study_of(tmp_path, text)
    early, late = (run.segments for run in study.stages)
    ends = [run.ends for run in study.stages]
    assert ends == [(160, 200), (180, 200)]
    steps = {step.key: step for step in study.steps}
    assert steps[late[0]].inputs["resume"] == early[0]
    # What lies before a place doesn't know of it.
    before = TrainParams.model_validate(steps[early[0]].params)
    assert len(before.sources) == 1
    assert not before.intervals
    assert "corpus1" not in steps[early[0]].inputs


def test_a_state_before_a_place_is_that_of_a_recipe_without_it(tmp_path: Path) -> None:
    placed = RECIPE.format(
        edges="80%", rows=rows("web { pretrain: fill }", "skill { pretrain: 1_600 tokens within edge..100% }")
    )
    plain = placed.replace("skill { pretrain: 1_600 tokens within edge..100% }", "")
    plain = plain.replace("25_600 tokens", "20_480 tokens")
    with_it = {step.key for step in study_of(tmp_path, placed).steps if step.op == "train"}
    without = {step.key for step in study_of(tmp_path, plain).steps if step.op == "train"}
    assert len(with_it & without) == 1


def test_an_early_block_is_the_same_for_every_length_of_the_stage(tmp_path: Path) -> None:
    text = RECIPE.format(
        edges="12_800 tokens, 25_600 tokens",
        rows=rows("web { pretrain: fill }", "skill { pretrain: 3_200 tokens early block }"),
    ).replace("budget    = 25_600 tokens", "budget    = edge")
    study = study_of(tmp_path, text)
    first, second = (run.segments for run in study.stages)
    assert len(first) == 1
    steps = {step.key: step for step in study.steps}
    assert steps[second[-1]].inputs["resume"] == first[0]


def test_a_stage_reads_on_behind_what_a_placed_corpus_gave(tmp_path: Path) -> None:
    text = RECIPE.format(
        edges="50%",
        rows=rows(
            "web { pretrain: fill, posttrain: 3_200 tokens }",
            "skill { pretrain: 3_200 tokens within 0%..edge, posttrain: 1_600 tokens }",
        ),
    ).replace("\n}\n", "\n  stage posttrain from pretrain@20% {}\n}\n")
    (point,) = points_of(tmp_path, text)
    starts = {reading.corpus.name: reading.start for reading in point.stages["posttrain"].readings}
    # 40 steps of 4 sequences: 40% of the window's 100 sequences, the base for the rest.
    assert starts == {"skill": 40 * 32, "web": 120 * 32}


@pytest.mark.parametrize(
    "unit", ["20%..60%", "5_120 tokens..15_360 tokens", "40 steps..120 steps", "5_120..15_360 tokens"]
)
def test_a_place_says_the_same_in_every_unit(tmp_path: Path, unit: str) -> None:
    text = RECIPE.format(
        edges="1", rows=rows("web { pretrain: fill }", f"skill {{ pretrain: 3_200 tokens within {unit} }}")
    )
    (point,) = points_of(tmp_path, text)
    (interval,) = point.stages["pretrain"].intervals
    assert (interval.start, interval.stop) == (160, 480)
    assert interval.placed[0].first == Fraction(100, 320)


def test_states_go_on_only_from_states_that_read_the_same(tmp_path: Path) -> None:
    text = RECIPE.format(
        edges="1, 2",
        rows=rows("web { pretrain: fill }", "skill { pretrain: 3_200 tokens early block }"),
    ).replace("seed = 1)", "seed = edge)")
    study = study_of(
        tmp_path, text.replace("}\n}\n", "}\n  eval fit = loss(web.train) after pretrain every 50%\n}\n")
    )
    steps = {step.key: step for step in study.steps}
    halves = [run.segments[0] for run in study.stages]
    assert len(set(halves)) == 2
    for run, half in zip(study.stages, halves, strict=True):
        assert steps[run.segments[-1]].inputs["resume"] == half


def test_splits_of_one_corpus_are_not_taken_for_each_other(tmp_path: Path) -> None:
    text = RECIPE.format(
        edges="1",
        rows=rows(
            "web { pretrain: fill }",
            "skill { pretrain: of_skill early block }",
            "other { pretrain: of_other early block }",
        ),
    )
    text = text.replace(
        "sweep edge in [1]",
        "sweep (of_skill, of_other) in [(3_200 tokens, 0 tokens), (0 tokens, 3_200 tokens)]",
    )
    text = text.replace("seed = 1)", 'seed = 1, splits = [("probe", 40%)])')
    text = text.replace("corpus drift", "corpus other = skill.probe\n  corpus drift")
    text = text.replace("  }\n}\n", "  }\n  eval fit = loss(web.train) after pretrain every 50%\n}\n")
    study = study_of(tmp_path, text)
    steps = {step.key: step for step in study.steps}
    first, second = (run.segments for run in study.stages)
    assert steps[first[-1]].inputs["corpus1"] == steps[second[-1]].inputs["corpus1"]
    assert steps[first[-1]].inputs["resume"] == first[0]
    assert steps[second[-1]].inputs["resume"] == second[0]
    assert first[0] != second[0]


@st.composite
def anything(draw: st.DrawFn) -> tuple[list[PlacedCell], int, Length]:
    steps = draw(st.integers(1, 40))
    n = steps * BATCH
    cells = []
    for index in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["within", "early block", "late block", "at", "ramp"]))
        if kind in ("within", "ramp"):
            ends = sorted(
                draw(st.lists(st.fractions(0, 1, max_denominator=50), min_size=2, max_size=2, unique=True))
            )
            ends = ends if kind == "within" or draw(st.booleans()) else ends[::-1]
            placement = Placement(kind, tuple(map(share, ends)))
        elif kind == "at":
            at = draw(st.lists(st.integers(0, n * SEQUENCE + 5), min_size=1, max_size=3))
            placement = Placement(kind, tuple(Amount(Fraction(token), Unit.TOKENS) for token in at))
        else:
            placement = Placement(kind)
        tokens = draw(st.integers(1, n * SEQUENCE))
        if kind == "ramp":
            tokens = int(sum(position.value for position in placement.positions) / 2 * n * SEQUENCE)
        cells.append(PlacedCell(f"corpus{index}", tokens, placement, SPAN))
    base = draw(st.integers(0, 2))
    # What rounding to whole steps leaves unread, and what the base has.
    nominal = sum(cell.tokens for cell in cells) + (draw(st.integers(1, n * SEQUENCE)) if base else 0)
    n = nominal // (BATCH * SEQUENCE) * BATCH
    assume(n)
    return cells, base, Length("pretrain", SPAN, n, BATCH, SEQUENCE, nominal)


@settings(max_examples=300, deadline=None)
@given(anything())
def test_any_places_are_laid_out_whole_or_refused(case: tuple[list[PlacedCell], int, Length]) -> None:
    cells, base, size = case
    layout = lay_out(cells, base, size)
    if isinstance(layout, Finding):
        assert layout.code in ("E0421", "E0422", "E0423")
        return
    shares = [Fraction(1, max(base, 1))] * base + [Fraction(0)] * len(cells)
    interleave = Interleave(shares, layout.intervals)
    given_ = interleave.counts(size.n)
    assert sum(given_) == size.n
    assert min(given_) >= 0
    # Every position has one source, and none goes back.
    found = interleave.places(0, size.n)
    for source in range(len(shares)):
        numbers = [number for which, number in found if which == source]
        assert numbers == list(range(given_[source]))
    for source, index in enumerate(layout.order, base):
        begins = next((x for x, (which, _) in enumerate(found) if which == source), size.n)
        assert begins >= layout.begins[source - base]
        assert cells[index].tokens or not given_[source]
