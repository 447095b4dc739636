"""Functions along an axis of the sweep, over seeds: where the best is, and whether it lies inside.

Each takes the axis, the seed and the value of the rows of a group. Several rows of one axis value and
seed are taken as their mean. Seeds that lack an axis value are left out, and counted: means over
different seeds would not compare. An axis value at which a seed diverged can't be the best.
"""

from __future__ import annotations

from specc.quantities.intervals import half_width, not_finite
from specc.quantities.macro import Macro, sign

_CELLS = f"""q_rows AS (SELECT list({{'q_a': axis, 'q_s': seed, 'q_v': (value)::DOUBLE}}) AS q_l),
    q_turn AS (SELECT {sign("better")} AS q_sign),
    q_cells AS (
        SELECT q_a, q_s, avg(q_value) AS q_v, any_value(q_sign) AS q_sign
        FROM (SELECT q_r.q_a AS q_a, q_r.q_s AS q_s, q_r.q_v AS q_value
              FROM (SELECT unnest(q_l) AS q_r FROM q_rows)), q_turn
        WHERE q_a IS NOT NULL AND q_s IS NOT NULL AND q_value IS NOT NULL GROUP BY q_a, q_s),
    q_seeds AS (
        SELECT q_s, min(q_v * q_sign) FILTER (isfinite(q_v)) AS q_top,
               count(*) = (SELECT count(DISTINCT q_a) FROM q_cells) AS q_whole
        FROM q_cells GROUP BY q_s),
    q_kept AS (SELECT q_a, q_s, q_v, q_sign, q_v * q_sign = q_top AS q_win
               FROM q_cells JOIN q_seeds USING (q_s) WHERE q_whole),
    q_profile AS (
        SELECT q_a, any_value(q_sign) AS q_sign, count(*) AS q_n, {not_finite("q_v")} AS q_bad,
               CASE WHEN q_bad > 0 THEN 'nan'::DOUBLE ELSE avg(q_v) FILTER (isfinite(q_v)) END AS q_mean,
               CASE WHEN q_bad = 0 THEN stddev_samp(q_v) FILTER (isfinite(q_v)) END AS q_sd,
               count(*) FILTER (q_win) AS q_wins
        FROM q_kept GROUP BY q_a),
    q_ends AS (SELECT min(q_a) AS q_first, max(q_a) AS q_last FROM q_profile)"""

_BEST = "ORDER BY q_mean * q_sign, q_a LIMIT 1"

_SOURCE = "arXiv 2605.12705, figure 3 (the star)"

_MARGINS = f"""q_pairs AS (
        SELECT b.q_a AS q_at, o.q_a AS q_other, (o.q_v - b.q_v) * o.q_sign AS q_d
        FROM q_kept b JOIN q_chosen c ON b.q_a = c.q_a JOIN q_kept o USING (q_s)),
    q_margins AS (
        SELECT q_other, CASE WHEN {not_finite("q_d")} > 0 THEN 'nan'::DOUBLE
                             ELSE avg(q_d) FILTER (isfinite(q_d)) END AS q_m,
               {half_width("q_d")} AS q_w
        FROM q_pairs GROUP BY q_other)"""

AXES: tuple[Macro, ...] = (
    Macro(
        "axis_profile(axis, seed, value, better := 'lower')",
        f"""(WITH {_CELLS}
    SELECT list({{'at': q_a, 'mean': q_mean, 'sd': q_sd, 'n': q_n, 'wins': q_wins, 'diverged': q_bad}}
                ORDER BY q_a) FROM q_profile)""",
        "list over the axis: {at, mean, sd (over seeds), n (seeds), wins (seeds whose own best is here; a "
        "tie counts at each), diverged}",
        _SOURCE,
        "select eval, unnest(axis_profile(recipe, seed, value)) from results group by eval",
    ),
    Macro(
        "best_on_axis(axis, seed, value, better := 'lower')",
        f"""(WITH {_CELLS}
    SELECT {{'at': any_value(q_a), 'mean': any_value(q_mean), 'sd': any_value(q_sd),
             'wins': coalesce(any_value(q_wins), 0),
             'seeds': (SELECT count(*) FILTER (q_whole) FROM q_seeds),
             'left_out': (SELECT count(*) FILTER (NOT q_whole) FROM q_seeds),
             'diverged': (SELECT {not_finite("q_v")} FROM q_cells)}}
    FROM (SELECT * FROM q_profile WHERE isfinite(q_mean) {_BEST}))""",
        "where on the axis the mean over seeds is best: {at, mean, sd, wins (seeds whose own best is there), "
        "seeds (that have all axis values), left_out (that lack one), diverged (cells that are not finite)}; "
        "of equal means the smallest axis value",
        _SOURCE,
        "select eval, best_on_axis(recipe, seed, value) as found from results group by eval",
    ),
    Macro(
        "interior_optimum(axis, seed, value, better := 'lower')",
        f"""(WITH {_CELLS},
    q_end AS (SELECT q_a FROM q_profile, q_ends
              WHERE q_first < q_last AND q_a IN (q_first, q_last) AND isfinite(q_mean) {_BEST}),
    q_chosen AS (SELECT q_a FROM q_profile, q_ends
              WHERE q_first < q_a AND q_a < q_last AND isfinite(q_mean) {_BEST}),
    {_MARGINS}
    SELECT {{'at': any_value(i.q_a), 'end_at': any_value(e.q_a), 'gain': any_value(m.q_m),
             'within': any_value(m.q_w), 'seeds': (SELECT count(*) FILTER (q_whole) FROM q_seeds),
             'verdict': coalesce(any_value(CASE WHEN m.q_m > m.q_w THEN 'interior'
                                                WHEN m.q_m < -m.q_w THEN 'end' END), 'not shown')}}
    FROM q_chosen i, q_end e, q_margins m WHERE m.q_other = e.q_a)""",
        "whether the best value inside the axis beats the better end, seed by seed: {at, end_at, gain (how "
        "much better the inside is, in the value's unit), within (half-width of its 95% interval), seeds, "
        "verdict ('interior', 'end' or 'not shown')}. Both are chosen on these seeds: it favours the inside",
        "arXiv 2605.12705, section 4.2",
        "select eval, interior_optimum(position, seed, value) as found from results group by eval",
    ),
    Macro(
        "u_turn(axis, seed, value, better := 'lower')",
        f"""(WITH {_CELLS},
    q_chosen AS (SELECT q_a FROM q_profile WHERE isfinite(q_mean) {_BEST}),
    {_MARGINS}
    SELECT {{'at': any_value(b.q_a), 'fall': any_value(f.q_m), 'fall_within': any_value(f.q_w),
             'rise': any_value(l.q_m), 'rise_within': any_value(l.q_w),
             'seeds': (SELECT count(*) FILTER (q_whole) FROM q_seeds),
             'turns': any_value(CASE WHEN b.q_a IN (q_first, q_last) THEN false
                                     ELSE f.q_m > f.q_w AND l.q_m > l.q_w END)}}
    FROM q_chosen b, q_ends LEFT JOIN q_margins f ON f.q_other = q_first
    LEFT JOIN q_margins l ON l.q_other = q_last)""",
        "whether values get better and then worse along the axis: {at (of the best mean), fall (first less "
        "best), rise (last less best; above 0 if worse), fall_within and rise_within (half-widths of their "
        "95% intervals over seeds), seeds, turns (the best lies inside, and both are beyond their intervals; "
        "null with one seed or a diverged end)}",
        "Springer et al., arXiv 2503.19206 (inflection point)",
        "select eval, u_turn(tokens, seed, value) as found from results group by eval",
    ),
)
