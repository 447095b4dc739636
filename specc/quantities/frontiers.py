"""Functions over points {x, y}: frontiers, hulls, and curves read off at a matched value.

A list of points is made by `points(x, y)`, an aggregate. Lower is better on both axes unless
`better_x := 'higher'` or `better_y := 'higher'` says otherwise.
"""

from __future__ import annotations

from specc.quantities.lists import POINTS, finite_points, grouped, let, reduce, taking
from specc.quantities.macro import Macro, sign

_ON_BOTH = {"points": finite_points("points"), "sx": sign("better_x"), "sy": sign("better_y")}
"""Arguments of the functions on points that know what is better on both axes."""

_TURNED = (
    "list_sort(list_distinct(list_transform(q_in.points, "
    "lambda q_p: {'x': q_p.x * q_in.sx, 'y': q_p.y * q_in.sy})))"
)
"""The points, each once, both signs turned so that lower is better; sorted."""

_NONE = f"[]::{POINTS}"

_PARETO = (
    reduce(
        _TURNED,
        "CASE WHEN q_p.y < q_s.best THEN {'best': q_p.y, 'kept': list_append(q_s.kept, q_p)} ELSE q_s END",
        f"{{'best': 'inf'::DOUBLE, 'kept': {_NONE}}}",
    )
    + ".kept"
)

# `best` is the lowest y at an x lower than this one, `here` the lowest at this x and below.
_STRICT = (
    reduce(
        _TURNED,
        let(
            {"q_best": "CASE WHEN q_p.x > q_s.x THEN q_s.here ELSE q_s.best END"},
            "{'x': q_p.x, 'best': q_best, 'here': least(q_s.here, q_p.y), "
            "'kept': CASE WHEN q_p.y <= q_best THEN list_append(q_s.kept, q_p) ELSE q_s.kept END}",
        ),
        f"{{'x': '-inf'::DOUBLE, 'best': 'inf'::DOUBLE, 'here': 'inf'::DOUBLE, 'kept': {_NONE}}}",
    )
    + ".kept"
)

# `m` is the slope from the corner before. Corners that lie above the line to the new point go: slopes
# rise along the hull, so these are the last ones.
_SLOPE = "(q_p.y - q_c.y) / (q_p.x - q_c.x)"
_CORNERS = "STRUCT(x DOUBLE, y DOUBLE, m DOUBLE)[]"
_HULL = reduce(
    _PARETO,
    let(
        {
            "q_kept": f"list_filter(q_s.kept, lambda q_c: q_c.m < {_SLOPE})",
            "q_c": "q_kept[-1]",
        },
        "{'kept': list_append(q_kept, {'x': q_p.x, 'y': q_p.y, "
        f"'m': CASE WHEN q_c IS NULL THEN '-inf'::DOUBLE ELSE {_SLOPE} END}})}}",
    ),
    f"{{'kept': []::{_CORNERS}}}",
)


def _turned_back(points: str) -> str:
    """SQL of points with their own signs, sorted by x."""
    return taking(
        _ON_BOTH,
        f"list_sort(list_transform({points}, lambda q_p: {{'x': q_p.x * q_in.sx, 'y': q_p.y * q_in.sy}}))",
    )


_AREA = taking(
    {
        **_ON_BOTH,
        "rx": f"(reference_x)::DOUBLE * {sign('better_x')}",
        "ry": f"(reference_y)::DOUBLE * {sign('better_y')}",
    },
    let(
        {
            "q_last": reduce(
                f"list_filter({_PARETO}, lambda q_p: q_p.x < q_in.rx AND q_p.y < q_in.ry)",
                "{'area': q_s.area + coalesce((q_p.x - q_s.x) * (q_in.ry - q_s.y), 0), "
                "'x': q_p.x, 'y': q_p.y}",
                "{'area': 0.0::DOUBLE, 'x': NULL::DOUBLE, 'y': NULL::DOUBLE}",
            )
        },
        "CASE WHEN q_in.rx IS NOT NULL AND q_in.ry IS NOT NULL "
        "THEN q_last.area + coalesce((q_in.rx - q_last.x) * (q_in.ry - q_last.y), 0) END",
    ),
)

_VALUE_AT = taking(
    {"at": "(x)::DOUBLE", "points": finite_points("points")},
    let(
        {
            "q_x": "{'low': list_max([q_p.x FOR q_p IN q_in.points IF q_p.x <= q_in.at]), "
            "'high': list_min([q_p.x FOR q_p IN q_in.points IF q_p.x >= q_in.at])}",
            "q_y": "{'low': list_avg([q_p.y FOR q_p IN q_in.points IF q_p.x = q_x.low]), "
            "'high': list_avg([q_p.y FOR q_p IN q_in.points IF q_p.x = q_x.high])}",
        },
        "CASE WHEN q_x.low = q_x.high THEN q_y.low "
        "ELSE q_y.low + (q_y.high - q_y.low) * ((q_in.at - q_x.low) / (q_x.high - q_x.low)) END",
    ),
)

_NUMBER = "NULL::DOUBLE"


def _reached(points: str, goal: str) -> str:
    """SQL of the first x at which a curve is as good as a goal, in terms of `q_in.sign`."""

    def step(state: str, x: str, y: str) -> str:
        crossing = f"{state}.x + ({x} - {state}.x) * (({goal} - {state}.y) / ({y} - {state}.y))"
        return (
            f"{{'x': {x}, 'y': {y}, 'found': CASE WHEN {state}.found IS NOT NULL THEN {state}.found "
            f"WHEN {y} * q_in.sign > {goal} * q_in.sign THEN NULL "
            f"WHEN {state}.x IS NULL OR {y} = {goal} THEN {x} ELSE {crossing} END}}"
        )

    found = grouped(points, step, {"x": _NUMBER, "y": _NUMBER, "found": _NUMBER})
    # What is not there, or diverged, is no goal: nothing would be worse than it.
    return f"CASE WHEN NOT isnan({goal}) THEN {found}.found END"


def _best(state: str, x: str, y: str) -> str:
    return (
        f"CASE WHEN {state}.y IS NULL OR {y} * q_in.sign < {state}.y * q_in.sign "
        f"THEN {{'x': {x}, 'y': {y}}} ELSE {state} END"
    )


_MULTIPLIER = taking(
    {"base": finite_points("baseline"), "points": finite_points("points"), "sign": sign("better")},
    let(
        {
            "q_best": grouped("q_in.base", _best, {"x": _NUMBER, "y": _NUMBER}),
            "q_when": _reached("q_in.points", "q_best.y"),
        },
        "CASE WHEN q_best.x > 0 AND q_when > 0 THEN q_best.x / q_when END",
    ),
)


def _strip(state: str, x: str, y: str) -> str:
    """SQL of an integral from `q_at.low` to `q_at.high`, and the strip of a curve's next piece."""
    low, high = f"greatest({state}.x, q_at.low)", f"least({x}, q_at.high)"
    middle = f"(({low} + {high}) / 2 - {state}.x) / ({x} - {state}.x)"
    return (
        f"{{'x': {x}, 'y': {y}, 'area': {state}.area + CASE WHEN {state}.x IS NOT NULL AND {low} < {high} "
        f"THEN ({high} - {low}) * ({state}.y + ({y} - {state}.y) * {middle}) ELSE 0 END}}"
    )


def _between(wanted: str) -> str:
    """SQL of what is wanted of two curves, whose common range is `q_at.low` to `q_at.high`."""
    start = {"x": _NUMBER, "y": _NUMBER, "area": "0.0::DOUBLE"}
    area = f"({grouped('q_in.b', _strip, start)}.area - {grouped('q_in.a', _strip, start)}.area)"
    return taking(
        {"a": finite_points("a"), "b": finite_points("b")},
        let(
            {
                "q_at": "{'low': CASE WHEN len(q_in.a) > 0 AND len(q_in.b) > 0 "
                "THEN greatest(q_in.a[1].x, q_in.b[1].x) END, 'high': least(q_in.a[-1].x, q_in.b[-1].x)}"
            },
            f"CASE WHEN q_at.low < q_at.high THEN {wanted.format(area=area)} END",
        ),
    )


_POINTS = "with arms as (select arm, min(value) as a, max(value) as b from results group by arm)"

FRONTIERS: tuple[Macro, ...] = (
    Macro(
        "points(x, y)",
        "coalesce(list_sort(list({'x': (x)::DOUBLE, 'y': (y)::DOUBLE}) "
        f"FILTER (isfinite((x)::DOUBLE) AND isfinite((y)::DOUBLE))), {_NONE})",
        "list of the points {x, y} of a group, sorted; one that is null, NaN or infinite is left out: count "
        "these with `diverged`",
        example=f"{_POINTS} select points(a, b) from arms",
    ),
    Macro(
        "pareto(points, better_x := 'lower', better_y := 'lower')",
        _turned_back(_PARETO),
        "the points that no other dominates: is as good on both axes and better on one; equal ones once",
        "the usual rule",
        f"{_POINTS} select pareto(points(a, b), better_y := 'higher') from arms",
    ),
    Macro(
        "strict_pareto(points, better_x := 'lower', better_y := 'lower')",
        _turned_back(_STRICT),
        "the points that no other beats on both axes; one that ties on an axis stays; equal ones once",
        "arXiv 2605.12705, section 4.3",
        f"{_POINTS} select strict_pareto(points(a, b)) from arms",
    ),
    Macro(
        "lower_hull(points, better_x := 'lower', better_y := 'lower')",
        _turned_back(f"({_HULL}).kept"),
        "corners of the convex hull of the Pareto set on its better side: the frontier as the paper draws it",
        "arXiv 2605.12705, figure 2, measured from the drawing",
        f"{_POINTS} select lower_hull(points(a, b)) from arms",
    ),
    Macro(
        "hypervolume(points, reference_x, reference_y, better_x := 'lower', better_y := 'lower')",
        _AREA,
        "area that the points dominate up to a reference point, in the product of both units; 0 if none "
        "does, null if the reference is",
        "Zitzler and Thiele 1999",
        f"{_POINTS} select hypervolume(points(a, b), 10, 10) from arms",
    ),
    Macro(
        "value_at(points, x)",
        _VALUE_AT,
        "y of the curve through the points at an x, by straight lines; null outside of its range. Of "
        "several points at one x the mean: give it a frontier for the best",
        "L_ret at matched L_ft: arXiv 2605.12705, section 4.3",
        f"{_POINTS} select value_at(pareto(points(a, b)), 2.5) from arms",
    ),
    Macro(
        "reached_at(points, y, better := 'lower')",
        taking(
            {"points": finite_points("points"), "sign": sign("better"), "goal": "(y)::DOUBLE"},
            _reached("q_in.points", "q_in.goal"),
        ),
        "the smallest x at which the curve through the points is as good as `y`, by straight lines; the "
        "first x if it is as good there, null if it never is, or `y` is null or NaN",
        "Baek et al., arXiv 2603.16177",
        "select arm, reached_at(points(tokens, value), 2.0) from metrics where name = 'loss' group by arm",
    ),
    Macro(
        "compute_multiplier(baseline, points, better := 'lower')",
        _MULTIPLIER,
        "how many times the compute (x, above 0) the baseline needs for its own best y, of what the points "
        "need to be as good; null if they never are",
        "Baek et al., arXiv 2603.16177",
        "select compute_multiplier(points(tokens, value), points(tokens, 0.9 * value)) from metrics "
        "where name = 'loss'",
    ),
    Macro(
        "signed_area(a, b)",
        _between("{area}"),
        "area between two curves over the range of x that both have, in the product of both units: below 0 "
        "where `b` runs below `a`; null if they share no range",
        "arXiv 2605.12705, section 4.3, as a number",
        f"{_POINTS} select signed_area(pareto(points(a, b)), pareto(points(a, 0.9 * b))) from arms",
    ),
    Macro(
        "mean_gap(a, b)",
        _between("{area} / (q_at.high - q_at.low)"),
        "mean of `b` less `a` over the range of x that both curves have, in the unit of y; null if they "
        "share no range",
        "arXiv 2605.12705, section 4.3, as a number",
        f"{_POINTS} select mean_gap(pareto(points(a, b)), pareto(points(a, 0.9 * b))) from arms",
    ),
)
