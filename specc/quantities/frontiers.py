"""Functions over points {x, y}: frontiers, hulls, and curves read off at a matched value.

A list of points is made by `points(x, y)`, an aggregate. Lower is better on both axes unless
`better_x := 'higher'` or `better_y := 'higher'` says otherwise.
"""

from __future__ import annotations

from specc.quantities.macro import Macro, sign

_EMPTY = "[]::STRUCT(x DOUBLE, y DOUBLE)[]"
_LISTED = f"coalesce(list({{'x': q_x, 'y': q_y}} ORDER BY q_x, q_y), {_EMPTY})"
_ONE = "isfinite(q_p.x) AND isfinite(q_p.y)"

_TURNED = f"""
    q_turned AS (
        SELECT DISTINCT q_p.x::DOUBLE AS q_x, q_p.y::DOUBLE AS q_y,
               q_p.x::DOUBLE * q_sx AS q_u, q_p.y::DOUBLE * q_sy AS q_v
        FROM (SELECT unnest(points) AS q_p, {sign("better_x")} AS q_sx, {sign("better_y")} AS q_sy)
        WHERE {_ONE})"""
"""The points, each once, and their coordinates with both signs turned so that lower is better."""

_PARETO = f"""{_TURNED},
    q_pareto AS (
        SELECT q_x, q_y, q_u, q_v FROM (
            SELECT *, min(q_v) OVER (ORDER BY q_u, q_v
                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS q_before
            FROM q_turned)
        WHERE q_before IS NULL OR q_v < q_before)"""


def curve(points: str, name: str) -> str:
    """SQL of a table `name` (q_x, q_y): a list of points as a curve, one point at each x: their mean."""
    return f"""{name} AS (
        SELECT q_p.x::DOUBLE AS q_x, avg(q_p.y::DOUBLE) AS q_y
        FROM (SELECT unnest({points}) AS q_p) WHERE {_ONE} GROUP BY 1)"""


def segments(curve: str, name: str) -> str:
    """SQL of a table `name` (q_x0, q_y0, q_x, q_y): the curve's segments, and its first point alone."""
    return f"""{name} AS (
        SELECT q_x, q_y, lag(q_x) OVER (ORDER BY q_x) AS q_x0, lag(q_y) OVER (ORDER BY q_x) AS q_y0
        FROM {curve})"""


def read(segments: str, at: str) -> str:
    """SQL of a subquery: the interpolated y at an x; null outside of the curve."""
    return f"""(SELECT CASE WHEN s.q_x = {at} THEN s.q_y
                       ELSE s.q_y0 + (s.q_y - s.q_y0) * (({at} - s.q_x0) / (s.q_x - s.q_x0)) END
                FROM {segments} s
                WHERE s.q_x = {at} OR (s.q_x0 < {at} AND {at} < s.q_x))"""


_BETWEEN = f"""
    {curve("a", "q_a")}, {curve("b", "q_b")}, {segments("q_a", "q_as")}, {segments("q_b", "q_bs")},
    q_range AS (
        SELECT greatest((SELECT min(q_x) FROM q_a), (SELECT min(q_x) FROM q_b)) AS q_low,
               least((SELECT max(q_x) FROM q_a), (SELECT max(q_x) FROM q_b)) AS q_high,
               (SELECT count(*) FROM q_a) > 0 AND (SELECT count(*) FROM q_b) > 0 AS q_both),
    q_at AS (SELECT DISTINCT q_x FROM (SELECT q_x FROM q_a UNION ALL SELECT q_x FROM q_b), q_range
             WHERE q_both AND q_x BETWEEN q_low AND q_high),
    q_gaps AS (SELECT q_x, {read("q_bs", "q_at.q_x")} - {read("q_as", "q_at.q_x")} AS q_gap FROM q_at),
    q_strips AS (
        SELECT q_x - lag(q_x) OVER (ORDER BY q_x) AS q_width,
               (q_gap + lag(q_gap) OVER (ORDER BY q_x)) / 2 AS q_height
        FROM q_gaps)"""
"""Strips between two curves over their common range; both are straight between the points of both."""

_REACHED = """q_reached AS (
        SELECT CASE WHEN q_y0 IS NULL OR q_y = q_goal THEN q_x
                    ELSE q_x0 + (q_x - q_x0) * ((q_goal - q_y0) / (q_y - q_y0)) END AS q_when
        FROM q_s, q_goals WHERE q_y * q_sign <= q_goal * q_sign
        ORDER BY q_x LIMIT 1)"""

_POINTS = "with arms as (select arm, min(value) as a, max(value) as b from results group by arm)"

FRONTIERS: tuple[Macro, ...] = (
    Macro(
        "points(x, y)",
        "coalesce(list_sort(list({'x': (x)::DOUBLE, 'y': (y)::DOUBLE}) "
        f"FILTER (isfinite((x)::DOUBLE) AND isfinite((y)::DOUBLE))), {_EMPTY})",
        "list of the points {x, y} of a group, sorted; one that is null, NaN or infinite is left out",
        example=f"{_POINTS} select points(a, b) from arms",
    ),
    Macro(
        "pareto(points, better_x := 'lower', better_y := 'lower')",
        f"(WITH {_PARETO} SELECT {_LISTED} FROM q_pareto)",
        "the points that no other dominates: is as good on both axes and better on one; equal ones once",
        "the usual rule",
        f"{_POINTS} select pareto(points(a, b), better_y := 'higher') from arms",
    ),
    Macro(
        "strict_pareto(points, better_x := 'lower', better_y := 'lower')",
        f"""(WITH {_TURNED},
    q_kept AS (
        SELECT q_x, q_y FROM (
            SELECT *, min(q_v) OVER (ORDER BY q_u RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS q_before
            FROM q_turned)
        WHERE q_before IS NULL OR q_v <= q_before)
    SELECT {_LISTED} FROM q_kept)""",
        "the points that no other beats on both axes; one that ties on an axis stays; equal ones once",
        "arXiv 2605.12705, section 4.3",
        f"{_POINTS} select strict_pareto(points(a, b)) from arms",
    ),
    Macro(
        "lower_hull(points, better_x := 'lower', better_y := 'lower')",
        f"""(WITH {_PARETO},
    q_hull AS (
        SELECT q_x, q_y FROM q_pareto p
        WHERE coalesce((SELECT max((p.q_v - l.q_v) / (p.q_u - l.q_u)) FROM q_pareto l
                        WHERE l.q_u < p.q_u), '-inf'::DOUBLE)
            < coalesce((SELECT min((r.q_v - p.q_v) / (r.q_u - p.q_u)) FROM q_pareto r
                        WHERE r.q_u > p.q_u), 'inf'::DOUBLE))
    SELECT {_LISTED} FROM q_hull)""",
        "corners of the convex hull of the Pareto set on its better side: the frontier as the paper draws it",
        "arXiv 2605.12705, figure 2, measured from the drawing",
        f"{_POINTS} select lower_hull(points(a, b)) from arms",
    ),
    Macro(
        "hypervolume(points, reference_x, reference_y, better_x := 'lower', better_y := 'lower')",
        f"""(WITH q_reference AS (
        SELECT ({sign("better_x")}) * (reference_x)::DOUBLE AS q_ru,
               ({sign("better_y")}) * (reference_y)::DOUBLE AS q_rv),
    {_PARETO},
    q_inside AS (SELECT q_u, q_v, q_ru, q_rv FROM q_pareto, q_reference WHERE q_u < q_ru AND q_v < q_rv)
    SELECT coalesce(sum(q_strip), 0.0) FROM (
        SELECT (lead(q_u, 1, q_ru) OVER (ORDER BY q_u) - q_u) * (q_rv - q_v) AS q_strip FROM q_inside))""",
        "area that the points dominate up to a reference point, in the product of both units; 0 if none does",
        "Zitzler and Thiele 1999",
        f"{_POINTS} select hypervolume(points(a, b), 10, 10) from arms",
    ),
    Macro(
        "value_at(points, x)",
        f"""(WITH q_asked AS (SELECT (x)::DOUBLE AS q_t), {curve("points", "q_c")}, {segments("q_c", "q_s")}
    SELECT {read("q_s", "q_asked.q_t")} FROM q_asked)""",
        "y of the curve through the points at an x, by straight lines; null outside of its range. Of "
        "several points at one x the mean: give it a frontier for the best",
        "L_ret at matched L_ft: arXiv 2605.12705, section 4.3",
        f"{_POINTS} select value_at(pareto(points(a, b)), 2.5) from arms",
    ),
    Macro(
        "reached_at(points, y, better := 'lower')",
        f"""(WITH q_goals AS (SELECT (y)::DOUBLE AS q_goal, {sign("better")} AS q_sign),
    {curve("points", "q_c")}, {segments("q_c", "q_s")}, {_REACHED}
    SELECT max(q_when) FROM q_reached)""",
        "the smallest x at which the curve through the points is as good as `y`, by straight lines; the "
        "first x if it is as good there, null if it never is",
        "Baek et al., arXiv 2603.16177",
        "select arm, reached_at(points(tokens, value), 2.0) from metrics where name = 'loss' group by arm",
    ),
    Macro(
        "compute_multiplier(baseline, points, better := 'lower')",
        f"""(WITH {curve("baseline", "q_base")},
    q_goals AS (
        SELECT arg_min(q_y, (q_y * q_turn, q_x)) AS q_goal, arg_min(q_x, (q_y * q_turn, q_x)) AS q_spent,
               any_value(q_turn) AS q_sign
        FROM q_base, (SELECT {sign("better")} AS q_turn)),
    {curve("points", "q_c")}, {segments("q_c", "q_s")}, {_REACHED}
    SELECT max(CASE WHEN q_spent > 0 AND q_when > 0 THEN q_spent / q_when END) FROM q_reached, q_goals)""",
        "how many times the compute (x, above 0) the baseline needs for its own best y, of what the points "
        "need to be as good; null if they never are",
        "Baek et al., arXiv 2603.16177",
        "select compute_multiplier(points(tokens, value), points(tokens, 0.9 * value)) from metrics "
        "where name = 'loss'",
    ),
    Macro(
        "signed_area(a, b)",
        f"(WITH {_BETWEEN} SELECT sum(q_width * q_height) FROM q_strips)",
        "area between two curves over the range of x that both have, in the product of both units: below 0 "
        "where `b` runs below `a`; null if they share no range",
        "arXiv 2605.12705, section 4.3, as a number",
        f"{_POINTS} select signed_area(pareto(points(a, b)), pareto(points(a, 0.9 * b))) from arms",
    ),
    Macro(
        "mean_gap(a, b)",
        f"(WITH {_BETWEEN} SELECT sum(q_width * q_height) / sum(q_width) FROM q_strips)",
        "mean of `b` less `a` over the range of x that both curves have, in the unit of y; null if they "
        "share no range",
        "arXiv 2605.12705, section 4.3, as a number",
        f"{_POINTS} select mean_gap(pareto(points(a, b)), pareto(points(a, 0.9 * b))) from arms",
    ),
)
