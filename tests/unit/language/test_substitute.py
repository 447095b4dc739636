"""Arguments in place of parameters: what is replaced, what is shared, and where messages point."""

from __future__ import annotations

from specc.diagnostics import Report, Source, Span, UsedSpan, uses_of
from specc.language import ast
from specc.language.parse import parse
from specc.language.substitute import Misplaced, substitute, walk
from specc.language.write import expression, statement


def parsed(text: str) -> ast.File:
    report = Report()
    tree = parse(Source("text.spec", text), report)
    assert not report.failed
    return tree


def value_of(text: str) -> ast.Expression:
    (item,) = parsed(f"let it = {text}").items
    assert isinstance(item, ast.Declaration)
    return item.value


def substituted(text: str, **arguments: str) -> str:
    given = {name: value_of(each) for name, each in arguments.items()}
    return expression(substitute(value_of(text), given, value_of("use(1)").span))


def test_every_name_of_a_parameter_is_replaced_and_no_other() -> None:
    assert substituted("f(w, other = w * w)", w="64") == "f(64, other = 64 * 64)"
    assert substituted("f(w = v)", w="1") == "f(w = v)"


def test_an_argument_keeps_its_own_brackets() -> None:
    assert substituted("2 * w", w="1 + 2") == "2 * (1 + 2)"
    assert substituted("-w", w="a - b") == "-(a - b)"
    assert substituted("a - w", w="b - c") == "a - (b - c)"
    assert substituted("p@w", w="1 / 2") == "p@(1 / 2)"


def test_arguments_are_not_looked_into() -> None:
    assert substituted("w + v", w="v", v="w") == "v + w"


def test_parts_without_parameters_are_shared() -> None:
    body = value_of("f(a = g(1), b = w)")
    made = substitute(body, {"w": value_of("2")}, body.span)
    assert isinstance(body, ast.Call)
    assert isinstance(made, ast.Call)
    assert made.arguments[0] is body.arguments[0]
    assert made is not body
    assert substitute(body, {"other": value_of("2")}, body.span) is body


def test_a_copy_points_to_its_text_and_to_where_it_is_used() -> None:
    use = value_of("sized(2)").span
    made = substitute(value_of("w + 1"), {"w": value_of("2")}, use)
    assert isinstance(made.span, UsedSpan)
    assert made.span.text == "w + 1"
    assert uses_of(made.span) == [use]
    assert isinstance(made, ast.Arithmetic)
    assert not isinstance(made.first.span, UsedSpan)


def test_a_parameter_stands_for_the_name_of_a_corpus_or_stage() -> None:
    tree = parsed(
        "experiment e(c, s) {\n  allocate { c { s: 100% } }\n  eval x = loss(c.held_out) after s\n}"
    )
    given = {"c": value_of("web"), "s": value_of("pretrain")}
    made = substitute(tree.items[0], given, tree.span)
    assert isinstance(made, ast.Experiment)
    assert [statement(member) for member in made.members] == [
        "allocate {\nweb { pretrain: 100% }\n}",
        "eval x = loss(web.held_out) after pretrain",
    ]


def test_a_name_that_is_given_a_value_is_told() -> None:
    misplaced: list[Misplaced] = []
    substitute(value_of("c.train"), {"c": value_of("12")}, Span(Source("", ""), 0, 0), misplaced)
    assert [each.place.text for each in misplaced] == ["c"]


def test_a_thousand_substitutions_of_doubled_arguments_stay_small() -> None:
    body = value_of("x + x")
    made: ast.Expression = value_of("1")
    for _ in range(1000):
        made = substitute(body, {"x": made}, body.span)
    assert len(list(walk(made))) < 5000
    assert len(ast.parts(made)) < 5000
