"""Templates of queries: Jinja's results where they are Jinja's, and nothing beyond what is allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing import framed
from specc.analysis.compile import compile_file
from specc.diagnostics import render as rendered_report
from specc.formatting.format import format_text
from specc.quantities.templates.context import Context
from specc.quantities.templates.functions import FUNCTIONS, REF, as_literal, written
from specc.quantities.templates.parse import is_template, parse
from specc.quantities.templates.render import LONGEST, protected, render, render_named
from specc.quantities.templates.tree import TemplateError
from specc.results.bind import Binder
from specc.showing.text import experiment_text
from specc.study import Axis

EARLY = Axis(name="early", type="fraction", values=(0.0, 0.5, 1.0))
RATE = Axis(name="rate", type="string", values=("it's", "low"))
CONTEXT = Context(
    "exposure",
    (EARLY, RATE),
    (0, 1, 2),
    ("base", "replay"),
    ("pretrain", "finetune"),
    ("L_im", "L_ret", "L_ft"),
    {"losses": "select early, avg(value) as loss from results group by early -- all"},
)


def text_of(template: str, context: Context = CONTEXT) -> str:
    return render(template, context).text


def attempt(template: str, context: Context = CONTEXT) -> str | None:
    """What a template gives; None if it is refused, at a place inside it and in few words."""
    try:
        return text_of(template, context)
    except TemplateError as error:
        refused = error
    assert 0 <= refused.start <= refused.stop <= len(template) + 1
    assert len(refused.message) < 200
    return None


# ---- the language

PARTS = r"""
select | a, | '{' | } | { | % | é | {{ 'b' }} | {{- 1.5 -}} | {{ true_ }} | {{ early[0] }} | {{ s }}
{%- for s in seeds -%} | {% for e in [1, 'x'] %} | {% endfor %} | {%- endfor -%} | {# no #} | {#- no -#}
{% raw %} {{ x }} {% endraw %} | {%- raw -%} {% {%- endraw -%} | {{ 'it\'s' }} | {{ "two" }} | {{ name }}
{{ -3 }} | {{ 1e-5 }} | {{ missing | {{ f('x', k=2) }} | {{ listed }} | {{ experiment }} | {{ [1] }}
"""
words = st.sampled_from([part.strip() for line in PARTS.strip().split("\n") for part in line.split("|")])
spaces = st.sampled_from(["", " ", "\n", "  \n"])
pieces = st.lists(st.one_of(words, spaces), max_size=12).map("".join)


@given(pieces)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_what_is_rendered_jinja_renders_to_the_same(template: str) -> None:
    """Whatever this language takes, Jinja takes, and makes the same text of it."""
    if not is_template(template):
        assert text_of(template) == template
        return
    found = attempt(template)
    if found is None:
        return
    environment = jinja2.Environment(
        keep_trailing_newline=True, finalize=written, undefined=jinja2.StrictUndefined, newline_sequence="\n"
    )
    assert environment.from_string(template).render(CONTEXT.names()) == found


@pytest.mark.parametrize(
    "text",
    ["", "select 1", "select {'a': {'b': 1}} as x", "select '}}' as a -- %}", "select '{# no #}'", "{ {"],
)
def test_plain_sql_stays_as_it_is(text: str) -> None:
    assert text_of(text) == text
    assert not is_template(text)


def test_names_are_those_of_the_experiment() -> None:
    template = (
        "{% for a in axes %}{{ a }} {% endfor %}{{ listed(early) }} {{ listed(rate) }} {{ experiment }}"
    )
    assert text_of(template) == "early rate 0.0, 0.5, 1.0 'it''s', 'low' exposure"


def test_braces_have_a_way_out() -> None:
    for template in ("select '{{ '{{' }} x }}'", "{% raw %}select '{{ x }}'{% endraw %}"):
        assert text_of(template) == "select '{{ x }}'"
    for text in ("select '{{ x }}' {% y %} {# z", "a", "{{{{", "{%{{#"):
        assert text_of(protected(text)) == text


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("a {{ seeds.append }}", "."),
        ("a {{ seeds['x'] }}", "["),
        ("a {{ ''.__class__.__mro__ }}", "."),
        ("{{ self }}", "self"),
        ("{{ seeds | join }}", "|"),
        ("{{ 1 + 1 }}", "+"),
        ("{{ 9 ** 9 }}", "*"),
        ("{% set x = 1 %}", "set"),
        ("{% if x %}{% endif %}", "if"),
        ("{% include 'x' %}", "include"),
        ("{% macro f() %}{% endmacro %}", "macro"),
        ("{{ range(10) }}", "range"),
        ("{{ lipsum() }}", "lipsum"),
        ("{{ paired }}", "paired"),
        ("{% for s in seed %}{% endfor %}", "seed"),
        ("{% for s in 'abc' %}{% endfor %}", "'abc'"),
        ("{{ '\\x41' }}", "\\x"),
        ("{{ seeds }}", "seeds"),
        ("{{ paired('L_re', early = 0) }}", "paired('L_re', early = 0)"),
        ("{{ paired('L_ret', early = 0.1) }}", "paired('L_ret', early = 0.1)"),
        ("{{ paired('L_ret', early = []) }}", "paired('L_ret', early = [])"),
        ("{{ pivot('L_ret', stage = 'posttrain') }}", "pivot('L_ret', stage = 'posttrain')"),
        ("{{ frontier('L_ft', 'L_ret', kind = 'hull') }}", "frontier('L_ft', 'L_ret', kind = 'hull')"),
        ("{{ ref('loss') }}", "ref('loss')"),
        ("{{ f(a = 1, a = 2) }}", "a"),
    ],
)
def test_what_is_not_part_of_the_language_is_pointed_at(template: str, wrong: str) -> None:
    with pytest.raises(TemplateError) as error:
        text_of(template)
    assert template[error.value.start : error.value.stop] == wrong


# ---- bounds

HOSTILE = [
    "{% for a in seeds %}" * 15 + "{{ a }}" + "{% endfor %}" * 15,
    "{% for a in [1,2,3,4,5,6,7,8,9,10] %}" * 9 + "{% endfor %}" * 9,
    "{% for a in seeds %}" * 30 + "{% endfor %}" * 30,
    "{{ " + "literal(" * 19 + '"' + "'" * 100 + '"' + ")" * 19 + " }}",
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "{{ " + "9" * 40_000 + " }}",
    "{{ 1e999999999 }}{{ 1" + "0" * 5000 + " }}",
    "{{" * 20_000,
    "{% raw %}" * 4000,
    "{#" * 20_000,
    "{{ 'a" + "\\" * 40_000,
    "x" * LONGEST + "{{ 1 }}",
    "{% for a in seeds %}{% for b in [" + "literal(seeds)," * 3000 + "] %}{% endfor %}{% endfor %}",
    "{% for" + " a" * 20_000 + "%}",
    "{% for a in [" + "1," * 9000 + "] %}{% for b in [[" + "1," * 14_000 + "]] %}{% endfor %}{% endfor %}",
    "{% for a in [" + "1," * 9000 + "] %}{{ pivot(" + "'L_ret'," * 3000 + ") }}{% endfor %}",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_template_takes_little_time_and_gives_little(number: int) -> None:
    many = Context("e", seeds=tuple(range(30_000)))
    for context in (CONTEXT, many):
        start = time.process_time()
        assert len(attempt(HOSTILE[number], context) or "") <= LONGEST
        assert time.process_time() - start < 2


def test_comparisons_that_refer_to_others_twice_do_not_blow_up() -> None:
    doubled = {
        f"c{n}": f"select * from {{{{ ref('c{n - 1}') }}}} a, {{{{ ref('c{n - 1}') }}}} b"
        for n in range(1, 60)
    }
    context = Context("e", comparisons={"c0": "select 1", **doubled})
    with pytest.raises(TemplateError, match="more than"):
        render_named("c59", context)
    chain = {f"c{n}": f"select * from {{{{ ref('c{n + 1}') }}}}" for n in range(2000)}
    with pytest.raises(TemplateError, match="in a row"):
        render_named("c0", Context("e", comparisons={**chain, "c2000": "select 1"}))


def test_what_is_referred_to_may_end_in_a_semicolon_and_a_comment() -> None:
    context = Context("e", comparisons={"one": "select ';' as a -- one\n; -- done;"})
    assert text_of("from {{ ref('one') }}", context) == "from (\nselect ';' as a\n)"


@given(st.text(alphabet="{}%-#'\"()[],=ab1 \n\\", max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_text_is_rendered_or_refused(text: str) -> None:
    attempt(text)


# ---- places


def test_each_character_knows_where_it_comes_from() -> None:
    template = "select {{ literal('é') }},\n  {% for s in seeds %}{{ s }}, {% endfor %} a{# c #}b"
    found = render(template, CONTEXT)
    for offset, character in enumerate(found.text):
        piece = found.piece(offset)
        if piece.verbatim:
            assert template[piece.source + offset - piece.start] == character
        else:
            assert template[piece.source : piece.source + 2] == "{{"
            assert template[piece.stop - 2 : piece.stop] == "}}"


# ---- functions, on rows


@pytest.fixture(scope="module")
def binder() -> Iterator[Binder]:
    with Binder("exposure", [EARLY, RATE]) as opened:
        opened._connection.execute(
            """INSERT INTO results BY NAME SELECT 'exposure' AS experiment, 'base' AS recipe, early,
               'low' AS rate, seed, stage, 1 AS position, eval, 'loss' AS metric, 'd' AS data,
               CASE WHEN eval = 'L_ret' THEN 2 + early * early - early + seed / 10 + early * seed / 100
                    ELSE 3 - early + seed / 10 END AS value
               FROM (VALUES (0.0), (0.5), (1.0)) e(early), range(3) s(seed),
                    (VALUES ('L_ret', 'finetune'), ('L_ft', 'finetune'), ('L_im', 'pretrain'),
                            ('L_im', 'finetune')) p(eval, stage)"""
        )
        yield opened


def rows(binder: Binder, template: str) -> list[tuple[Any, ...]]:
    return binder._connection.execute(text_of(template)).fetchall()


@pytest.mark.parametrize("name", [*FUNCTIONS, "ref"])
def test_the_example_of_each_function_binds(binder: Binder, name: str) -> None:
    function = REF if name == "ref" else FUNCTIONS[name]
    example = function.example.replace("EVAL", "L_ret").replace("COMPARISON", "losses")
    assert name in example
    assert binder.bind(text_of(example))


def value(early: float, seed: int) -> float:
    return 2 + early * early - early + seed / 10 + early * seed / 100


def test_pairs_are_taken_seed_by_seed_against_each_baseline(binder: Binder) -> None:
    found = rows(
        binder,
        "select early, seed, baseline_early, difference "
        "from {{ paired('L_ret', early = [0, 1]) }} order by all",
    )
    expected = [
        (early, seed, other, value(early, seed) - value(other, seed))
        for early in (0.0, 0.5, 1.0)
        for seed in range(3)
        for other in (0.0, 1.0)
    ]
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    assert [each[3] for each in found] == pytest.approx([each[3] for each in expected])


def test_wins_are_counted_against_a_baseline(binder: Binder) -> None:
    found = rows(
        binder, "select early, seeds, wins, ties from {{ win_counts('L_ret', early = 0) }} order by 1"
    )
    assert found == [(0.0, 3, 0, 3), (0.5, 3, 3, 0), (1.0, 3, 0, 1)]


def test_wins_against_each_baseline_and_after_each_stage_are_counted_apart(binder: Binder) -> None:
    found = rows(
        binder,
        "select baseline_early, stage, position, max(seeds) "
        "from {{ win_counts('L_im', early = [0, 1]) }} group by all order by all",
    )
    assert len(found) == 2 * len({each[1:3] for each in found}) > 2
    assert {each[3] for each in found} == {3}


def test_evaluations_become_columns_unless_that_would_be_ambiguous(binder: Binder) -> None:
    found = rows(binder, "select early, seed, L_ret from {{ pivot('L_ret', 'L_ft') }} order by 1, 2")
    assert [each[2] for each in found] == pytest.approx([value(early, seed) for early, seed, _ in found])
    assert rows(binder, "select count(L_im) from {{ pivot(stage = 'pretrain') }}") == [(9,)]
    with pytest.raises(Exception, match="measured after several stages"):
        rows(binder, "select * from {{ pivot('L_im') }}")


def test_a_frontier_is_that_of_its_group(binder: Binder) -> None:
    found = rows(binder, "select * from {{ frontier('L_ft', 'L_ret', by = ['recipe']) }} order by 2")
    assert [each[0] for each in found] == ["base"] * len(found)
    points = [(3 - early + seed / 10, value(early, seed)) for early in (0.0, 0.5, 1.0) for seed in range(3)]
    best = [p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)]
    assert [pytest.approx(each[1:]) for each in found] == sorted(best)


def test_a_mean_has_its_interval(binder: Binder) -> None:
    ((mean, low, high, within),) = rows(
        binder,
        "select {{ mean_ci('value') }}, half_width(value) from results where eval = 'L_ret' and early = 0",
    )
    assert mean == pytest.approx(2.1)
    assert (low, high) == pytest.approx((2.1 - within, 2.1 + within))
    assert within == pytest.approx(4.302652729 * 0.1 / 3**0.5)


def test_values_are_quoted_as_sql() -> None:
    assert as_literal(["a'b", 1, 0.5, True]) == "('a''b', 1, 0.5, true)"
    assert text_of("{{ identifier('a\"b') }}") == '"a""b"'


# ---- in recipes

RECIPE = """eval web_loss = loss(web.held_out) after pretrain
  seeds 0..1
  compare losses = ```sql
       select {{ mean_ci('value') }},  {%- for s in seeds -%}
                {{ s }} as s{{ s }}, {% endfor %} '{{ '{{' }}' as braces
    from   results {# all #}
  ```
  compare again = ```sql select * from {{ ref('losses') }} ```
"""


def test_a_recipe_holds_what_its_templates_give(tmp_path: Path) -> None:
    (tmp_path / "models.spec").write_text((Path(__file__).parents[3] / "specs/models.spec").read_text())
    path = tmp_path / "example.spec"
    path.write_text(framed(RECIPE))
    compiled = compile_file(path)
    assert rendered_report(compiled.report) == ""
    losses, again = compiled.experiments[0].comparisons
    assert "0 as s0, 1 as s1,  '{{' as braces" in losses.sql
    assert losses.sql in again.sql


def test_a_checkpoint_that_is_computed_is_a_stage_of_its_results(tmp_path: Path) -> None:
    (tmp_path / "models.spec").write_text((Path(__file__).parents[3] / "specs/models.spec").read_text())
    path = tmp_path / "example.spec"

    def report(stage: str) -> str:
        path.write_text(
            framed(
                "let half = lerp(pretrain, pretrain, 50%)\n"
                "eval web_loss = loss(web.held_out) after [pretrain, half]\n"
                f"compare a = ```sql from {{{{ pivot('web_loss', stage = '{stage}') }}}} ```"
            )
        )
        return rendered_report(compile_file(path).report)

    assert report("half") == report("pretrain") == ""
    assert "there is no stage `hlf`" in report("hlf")
    assert "write `'half'`" in report("hlf")


def test_what_is_shown_of_a_recipe_compiles_to_the_same_queries(tmp_path: Path) -> None:
    (tmp_path / "models.spec").write_text((Path(__file__).parents[3] / "specs/models.spec").read_text())
    path = tmp_path / "example.spec"
    path.write_text(framed(RECIPE))
    compiled = compile_file(path).experiments[0]
    shown = tmp_path / "shown.spec"
    shown.write_text(experiment_text(compiled, compiled.recipes[0]))
    assert "{%" not in shown.read_text()
    again = compile_file(shown).experiments[0]
    for one, other in zip(compiled.comparisons, again.comparisons, strict=True):
        assert one.sql.split() == other.sql.split()


def test_a_recipe_with_templates_is_formatted_as_others_are() -> None:
    once = format_text(framed(RECIPE))
    assert format_text(once) == once
    for part in (
        "{%- for s in seeds -%}",
        "{{ s }} as s{{ s }}, {% endfor %} '{{ '{{' }}' as braces",
        "{# all #}",
    ):
        assert part in once
    assert parse(once.split("```sql")[1].split("```")[0])
