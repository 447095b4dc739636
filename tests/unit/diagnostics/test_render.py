"""Diagnostics as text."""

from __future__ import annotations

from specc.diagnostics import Label, Report, Source, Span, nearest, render

SOURCE = Source("case.spec", "let a = 1\nlet longer = a + b\nlet c = 3\n")


def span(word: str) -> Span:
    start = SOURCE.text.index(word)
    return Span(SOURCE, start, start + len(word))


def test_labels_of_one_line_stand_beside_and_below_their_marks() -> None:
    report = Report()
    report.add(
        "E0302", "title", span("longer"), "first", secondary=[Label(span("a + b"), "second")], help="do\nthis"
    )
    assert render(report) == (
        "error[E0302]: title\n"
        " --> case.spec:2:5\n"
        "  |\n"
        "2 | let longer = a + b\n"
        "  |     ^^^^^^   ----- second\n"
        "  |     |\n"
        "  |     first\n"
        "  |\n"
        "  = help: do\n"
        "          this\n"
        "\n1 error\n"
    )


def test_one_message_for_one_place_and_code() -> None:
    report = Report()
    for title in ("one", "two"):
        report.add("E0302", title, span("longer"))
    assert [diagnostic.title for diagnostic in report.diagnostics] == ["one"]


def test_mistakes_are_told_in_the_order_of_the_text() -> None:
    report = Report()
    report.add("E0302", "late", span("c = 3"))
    report.add("W0404", "early", span("a = 1"))
    report.add("E0507", "nowhere", None)
    assert [diagnostic.title for diagnostic in report.ordered()] == ["nowhere", "early", "late"]
    assert render(report).endswith("\n2 errors and 1 warning\n")


def test_colors_add_nothing_but_escapes() -> None:
    import re

    report = Report()
    report.add("E0302", "title", span("longer"), "first", secondary=[Label(span("a + b"), "second")])
    assert re.sub(r"\x1b\[[0-9;]*m", "", render(report, color=True)) == render(report)


def test_a_long_line_is_shown_around_its_mark() -> None:
    source = Source("case.spec", "x" * 3000 + " here " + "y" * 3000)
    report = Report()
    report.add("E0302", "title", Span(source, 3001, 3005))
    text = render(report)
    assert max(map(len, text.splitlines())) < 200
    line, marks = text.splitlines()[3:5]
    assert line[marks.index("^") : marks.rindex("^") + 1] == "here"


def test_the_nearest_name_is_within_a_third_of_its_length() -> None:
    assert nearest("pretrian", ["posttrain", "pretrain"]) == "pretrain"
    assert nearest("Pretrain", ["pretrain"]) == "pretrain"
    assert nearest("xyz", ["pretrain"]) is None
    assert nearest("q", ["w"]) is None
