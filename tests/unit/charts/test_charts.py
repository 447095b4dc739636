"""Pictures as SVG: marks lie where the numbers are, names are text, and equal data gives equal bytes."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specc import charts
from specc.charts.lettering import cut, signed, width
from specc.charts.scale import decimals, labels, span, ticks
from specc.charts.style import DARK, LIGHT
from specc.comparing.model import Compared, Effect, Frontier, FrontierPoint, Group, Interval, Pair, Question

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "</title><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "x" * 5000,
    "\u202egnol\u202c שלום",
    "two\nlines\x00\x1b[31m",
    "👩‍🔬🧪",
    "\ud800",
    "]]>--><!--",
)


def question(**more: object) -> Question:
    asked = Question(
        experiments=("e",),
        eval="L_ret",
        metric="loss",
        stage="finetune",
        better="lower",
        by=("early",),
        baseline="early = 0%",
    )
    return asked.model_copy(update=more)


def compared(differences: dict[str, list[float]], baseline: str = "early = 0%") -> Compared:
    groups = [
        Group(name=baseline, values={"early": 0.0}, arms=1, seeds=(), n=3, mean=2.0, sd=0.1, interval=None)
    ]
    effects = []
    for name, each in differences.items():
        mean = sum(each) / len(each)
        groups.append(
            Group(
                name=name, values={"early": name}, arms=1, seeds=(), n=3, mean=2 + mean, sd=0.1, interval=None
            )
        )
        effects.append(
            Effect(
                group=name,
                baseline=baseline,
                pairs=tuple(
                    Pair(seed=n, value=2 + value, baseline=2.0, difference=value)
                    for n, value in enumerate(each)
                ),
                mean=mean,
                interval=Interval(low=mean - 0.05, high=mean + 0.05, level=0.95, method="paired t"),
                verdict="better" if mean < -0.05 else "no difference shown",
                sentence=f"{name} differs by {mean:.3f}.",
            )
        )
    return Compared(
        question=question(baseline=baseline),
        title="L_ret after finetune",
        headline="Something came out.",
        groups=tuple(groups),
        effects=tuple(effects),
        sql="select 1",
    )


def frontier(names: tuple[str, ...]) -> Frontier:
    points = tuple(
        FrontierPoint(
            name=name,
            series=f"series {name}",
            values={"early": name},
            n=2,
            x=float(number),
            y=float(len(names) - number) + (number == 2),
            x_interval=Interval(low=number - 0.2, high=number + 0.2, level=0.95, method="t"),
            y_interval=None,
            dominated=number == 2,
            strictly=False,
            on_hull=number != 2,
        )
        for number, name in enumerate(names)
    )
    return Frontier(x=question(eval="L_ft"), y=question(), title="t", headline="h", points=points, sql="s")


def lines(names: tuple[str, ...]) -> charts.Curves:
    series = tuple(
        charts.Series(
            name,
            n,
            (0.0, 10.0, 20.0),
            (3.0, None, 1.0),
            (2.5, None, 0.5),
            (3.5, None, 1.5),
            3,
            {"a": name},
            (20.0,),
        )
        for n, name in enumerate(names)
    )
    return charts.Curves(
        "loss", "tokens", "nats", (charts.Panel(names[0], series), charts.Panel("b", series))
    )


def allocated(names: tuple[str, ...]) -> charts.Bars:
    rows = tuple(
        charts.BarRow(
            name,
            (charts.Part("one", names[0], 300, 150), charts.Part("two", names[-1], 100 * n, None)),
            {"a": name},
        )
        for n, name in enumerate(names)
    )
    return charts.Bars("tokens", ("one", "two"), tuple(dict.fromkeys((names[0], names[-1]))), rows)


def coordinates(names: tuple[str, ...]) -> charts.Parallel:
    return charts.Parallel(
        "p",
        (
            charts.Coordinate("name", names, names=tuple(dict.fromkeys(names))),
            charts.Coordinate("early", tuple(n / 10 for n in range(len(names))), kind="fraction"),
            charts.Coordinate(
                "loss", tuple(math.nan if n == 1 else float(n) for n in range(len(names))), result=True
            ),
        ),
        tuple(charts.Line(name, n, {"a": name}) for n, name in enumerate(names)),
    )


PICTURES: dict[str, Callable[[tuple[str, ...]], str]] = {
    "forest": lambda names: charts.forest(
        compared({name: [-0.1 - n / 100, -0.2] for n, name in enumerate(names)}, names[0] + " base")
    ),
    "frontier": lambda names: charts.frontier(frontier(names)),
    "curves": lambda names: charts.curves(lines(names)),
    "bars": lambda names: charts.bars(allocated(names)),
    "parallel": lambda names: charts.parallel(coordinates(names)),
    "sparkline": lambda names: charts.sparkline([3.0, None, math.nan, 1.0], names[0]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_hostile_name_is_text_and_equal_data_gives_equal_bytes(name: str) -> None:
    svg = PICTURES[name](HOSTILE)
    assert svg == PICTURES[name](HOSTILE)
    root = ElementTree.fromstring(charts.standalone(svg, white=True))
    allowed = {"svg", "g", "title", "desc", "path", "circle", "rect", "text", "pattern", "style"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    for element in root.iter():
        assert not [attribute for attribute in element.attrib if attribute.startswith("on")]
    for each in ("\u202e", "\x1b", "\x00", "<script", "<img"):
        assert each not in svg
    svg.encode("utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_nothing_are_pictures(name: str) -> None:
    empty = {
        "forest": lambda: charts.forest(compared({})),
        "frontier": lambda: charts.frontier(frontier(())),
        "curves": lambda: charts.curves(charts.Curves("c", "x", "y", ())),
        "bars": lambda: charts.bars(charts.Bars("b", (), (), ())),
        "parallel": lambda: charts.parallel(charts.Parallel("p", (), ())),
        "sparkline": lambda: charts.sparkline([]),
    }[name]()
    ElementTree.fromstring(empty)
    assert not re.search(r"\bnan\b", empty)


def marks(svg: str, shape: str, classes: str) -> list[dict[str, str]]:
    root = ElementTree.fromstring(svg)
    return [each.attrib for each in root.iter(f"{SVG}{shape}") if each.get("class") == classes]


def test_a_forest_s_rings_lie_at_the_differences() -> None:
    seeds = [-0.3, -0.1, 0.05]
    svg = charts.forest(compared({"early = 50%": seeds}))
    rings = [float(each["cx"]) for each in marks(svg, "circle", "dot") if "cx" in each]
    zero = float(re.findall(r'class="zero" d="M([\d.]+)', svg)[0])
    per_unit = (rings[2] - zero) / 0.05
    assert [(x - zero) / per_unit for x in rings] == pytest.approx(seeds, abs=0.003)
    low, high = re.findall(r'class="whisker" d="M([\d.]+) [\d.]+v8M[\d. ]+H([\d.]+)', svg)[0]
    mean = sum(seeds) / 3
    ends = [(float(x) - zero) / per_unit for x in (low, high)]
    assert ends == pytest.approx([mean - 0.05, mean + 0.05], abs=0.003)


def test_a_forest_s_axis_agrees_with_its_marks() -> None:
    svg = charts.forest(compared({"a": [-0.4], "b": [0.4]}))
    told = {
        text.replace("−", "-"): float(x)
        for x, text in re.findall(r'<text class="soft middle"[^>]* x="([\d.]+)"[^>]*>([−\d.]+)</text>', svg)
    }
    at = [float(each["cx"]) for each in marks(svg, "circle", "dot") if "cx" in each]
    assert told["-0.4"] == pytest.approx(at[0], abs=0.1)
    assert told["0.4"] == pytest.approx(at[1], abs=0.1)


def test_of_many_groups_a_forest_draws_the_best_and_the_worst_and_says_so() -> None:
    svg = charts.forest(compared({f"g{n}": [n / 1000] for n in range(500)}), most=10)
    drawn = re.findall(r">(g\d+)</text>", svg)
    assert drawn == [f"g{n}" for n in (*range(5), *range(495, 500))]
    assert "490 groups between the best and the worst are not drawn" in svg


def test_a_dominated_point_is_grey_and_others_are_joined_in_order() -> None:
    svg = charts.frontier(frontier(("a", "b", "c", "d")))
    assert svg.count('class="grey"') >= 1
    assert re.findall(r"<title>([^<]*, dominated)</title>", svg) == ["c (series c): 2, 3, n=2, dominated"]


def test_bars_are_as_wide_as_their_tokens_in_all_stages() -> None:
    svg = charts.bars(allocated(("a", "b", "c", "d")))
    rectangles = [each.attrib for each in ElementTree.fromstring(svg).iter(f"{SVG}rect")]
    outlines = [float(each["width"]) for each in rectangles if each.get("class", "").startswith("outline")]
    planned = [300, 0, 300, 100, 300, 200, 300, 300]
    per_token = outlines[0] / 300
    assert outlines == pytest.approx([per_token * each for each in planned], abs=0.11)
    filled = [
        float(each["width"]) for each in rectangles if "url" in each.get("fill", "") and "class" not in each
    ]
    assert filled == pytest.approx([per_token * 150] * 4, abs=0.11)


def test_a_curve_has_a_gap_where_a_mean_is_missing() -> None:
    svg = charts.curves(lines(("a",)))
    panel = svg[: svg.index(">b<")]
    assert len(re.findall(r'class="line l0"[^>]* d="M[\d. ]+"', panel)) == 2
    assert panel.count("×") == 1


def test_a_line_ends_where_a_result_is_not_a_number() -> None:
    svg = charts.parallel(coordinates(("a", "b", "c")))
    first, second, _ = re.findall(r'class="line fine l\d"[^>]* d="([^"]*)"', svg)
    assert first.count("L") == 2
    assert second.count("L") == 1


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=4), st.floats(), st.floats())
def test_no_number_is_too_large_for_a_picture(values: list[float], low: float, high: float) -> None:
    both = compared({"b": values})
    effect = both.effects[0].model_copy(
        update={"interval": Interval(low=low, high=high, level=0.95, method="t")}
    )
    svg = charts.forest(both.model_copy(update={"effects": (effect,)}))
    series = charts.Series("a", 0, (0.0, 1.0), (low, high), (low, low), (high, high), 2, {}, ())
    svg += charts.curves(charts.Curves("c", "x", "y", (charts.Panel("p", (series,)),)))
    point = frontier(("a",)).points[0].model_copy(update={"x": low, "y": high})
    svg += charts.frontier(frontier(("a",)).model_copy(update={"points": (point,)}))
    places = re.findall(r' (?:d|x|y|cx|cy|width)="([^"]*)"', svg)
    assert not [each for each in places if "nan" in each or "inf" in each or "e+" in each]
    sizes = [abs(float(number)) for each in places for number in re.findall(r"-?\d*\.?\d+", each)]
    assert max(sizes) < 5000


@given(
    st.floats(-1e9, 1e9, allow_nan=False),
    st.floats(1e-6, 1e9, allow_nan=False),
    st.integers(2, 12),
)
def test_ticks_are_round_few_and_inside(low: float, room: float, most: int) -> None:
    high = low + room
    found = ticks(low, high, most)
    assert len(found) <= most
    slack = 1e-6 * room + 1e-9 * max(abs(low), abs(high))
    assert all(low - slack <= each <= high + slack for each in found)
    assert len(set(labels(found))) == len(found) or room < 1e-3 * abs(low)


def test_labels_of_ticks_are_exact() -> None:
    assert labels(ticks(0.0, 1.0, 6), "fraction") == ("0%", "20%", "40%", "60%", "80%", "100%")
    assert labels((0.0, 0.25, 0.5)) == ("0.00", "0.25", "0.50")
    assert labels((0.0, 200_000.0, 1_200_000.0), "count") == ("0", "200K", "1.2M")
    assert decimals((0.1, 0.15)) == 2


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=20))
def test_a_span_holds_what_is_finite_and_is_never_empty(values: list[float | None]) -> None:
    low, high = span(values)
    assert low < high
    for value in values:
        if value is not None and math.isfinite(value) and abs(value) < 1e150:
            assert low <= value <= high


def test_texts_are_cut_to_their_room() -> None:
    for text in ("short", "x" * 100, "漢字" * 40, ""):
        assert width(cut(text, 80.0)) <= 80.0 or text == "short"
    assert signed(-0.00001, 3) == "0.000"


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_contrast_is_enough(colours: dict[str, str]) -> None:
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what must be seen to understand a picture."""
    paper = _luminance(colours["paper"])
    for name, colour in colours.items():
        if name in ("paper", "grid"):
            continue
        light, dark = sorted((_luminance(colour), paper), reverse=True)
        ratio = (light + 0.05) / (dark + 0.05)
        assert ratio >= (4.5 if name in ("ink", "faint", "mark") else 3.0), name


def test_a_file_of_its_own_has_no_variable_left_and_fonts_are_no_markup() -> None:
    svg = charts.standalone(PICTURES["forest"](("a", "b")), fonts='Times"</style><script>{}')
    assert "var(" not in svg
    ElementTree.fromstring(svg)
    assert "<script" not in svg
