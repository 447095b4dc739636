"""Functions along an axis of the sweep, over seeds: where the best is, and whether it lies inside.

Each takes the axis, the seed and the value of the rows of a group. Several rows of one axis value and
seed are taken as their mean. Seeds that lack an axis value are left out, and counted: means over
different seeds would not compare. An axis value at which a seed diverged can't be the best.
"""

from __future__ import annotations

from specc.quantities.intervals import T_TABLE, known_quantile
from specc.quantities.lists import let, reduce, taking
from specc.quantities.macro import Macro, sign

_ROWS = (
    "list_sort(list({'a': axis, 's': seed, 'v': (value)::DOUBLE}) "
    "FILTER (axis IS NOT NULL AND seed IS NOT NULL AND (value) IS NOT NULL))"
)

# Through sorted rows; one that is null ends the last group.
_CELLS = (
    reduce(
        f"list_append({_ROWS}, NULL)",
        "CASE WHEN q_s.n > 0 AND q_p.a = q_s.a AND q_p.s = q_s.s "
        "THEN {'a': q_s.a, 's': q_s.s, 'sum': q_s.sum + q_p.v, 'n': q_s.n + 1, 'kept': q_s.kept} "
        "ELSE {'a': q_p.a, 's': q_p.s, 'sum': q_p.v, 'n': 1, 'kept': CASE WHEN q_s.n > 0 THEN "
        "list_append(q_s.kept, {'a': q_s.a, 's': q_s.s, 'v': q_s.sum / q_s.n}) ELSE q_s.kept END} END",
        f"{{'a': ({_ROWS})[1].a, 's': ({_ROWS})[1].s, 'sum': 0.0::DOUBLE, 'n': 0, 'kept': ({_ROWS})[1:0]}}",
    )
    + ".kept"
)
"""The mean value {a, s, v} of each axis value and seed, sorted; empty or null if there are no rows."""

_BY_SEED = "list_sort([{'s': q_c.s, 'v': q_c.v} FOR q_c IN q_in.cells])"
_SEEDS = (
    reduce(
        f"list_append({_BY_SEED}, NULL)",
        "CASE WHEN q_s.n > 0 AND q_p.s = q_s.s THEN {'s': q_s.s, 'n': q_s.n + 1, "
        "'top': least(q_s.top, CASE WHEN isfinite(q_p.v) THEN q_p.v * q_in.sign END), 'kept': q_s.kept} "
        "ELSE {'s': q_p.s, 'n': 1, 'top': CASE WHEN isfinite(q_p.v) THEN q_p.v * q_in.sign END, "
        "'kept': CASE WHEN q_s.n > 0 THEN list_append(q_s.kept, {'s': q_s.s, 'n': q_s.n, 'top': q_s.top}) "
        "ELSE q_s.kept END} END",
        "{'s': q_in.cells[1].s, 'n': 0, 'top': NULL::DOUBLE, "
        "'kept': [{'s': q_in.cells[1].s, 'n': 0, 'top': NULL::DOUBLE}][1:0]}",
    )
    + ".kept"
)
"""The seeds {s, n, top}: how many axis values each has, and its best value."""

_PROFILE = (
    "list_transform(q_d.axis, lambda q_a: "
    + let(
        {"q_v": "[q_c FOR q_c IN q_k IF q_c.a = q_a]", "q_f": "[q_c.v FOR q_c IN q_v IF isfinite(q_c.v)]"},
        "{'at': q_a, 'mean': CASE WHEN len(q_f) < len(q_v) THEN 'nan'::DOUBLE ELSE list_avg(q_f) END, "
        "'sd': CASE WHEN len(q_f) = len(q_v) THEN list_stddev_samp(q_f) END, 'n': len(q_v), "
        "'wins': len([q_c FOR q_c IN q_v IF q_c.win]), 'diverged': len(q_v) - len(q_f)}",
    )
    + ")"
)


_AXIS = "list_sort(list_distinct([q_c.a FOR q_c IN q_in.cells]))"


def _on_axis(body: str) -> str:
    """SQL over `q_d` (axis values, number of seeds, whole seeds), `q_k` (their cells) and `q_f` (profile)."""
    whole = f"FOR q_e IN {_SEEDS} IF q_e.n = len({_AXIS})]"
    return taking(
        {"cells": f"coalesce({_CELLS}, [])", "sign": sign("better"), "t": T_TABLE},
        let(
            {
                "q_d": f"{{'axis': {_AXIS}, 'seeds': len({_SEEDS}), "
                f"'s': [q_e.s {whole}, 'top': [q_e.top {whole}}}",
                "q_k": "[{'a': q_c.a, 's': q_c.s, 'v': q_c.v, "
                "'win': coalesce(q_c.v * q_in.sign = q_d.top[list_position(q_d.s, q_c.s)], false)} "
                "FOR q_c IN q_in.cells IF list_contains(q_d.s, q_c.s)]",
                "q_f": f"CASE WHEN len(q_d.s) > 0 THEN {_PROFILE} END",
            },
            body,
        ),
    )


def _best(among: str = "true") -> str:
    """SQL of the best of the profile, of those for which a condition on `q_e` holds; null if none is."""
    ranked = (
        "[{'m': q_e.mean * q_in.sign, 'a': q_e.at, 'e': q_e} FOR q_e IN q_f "
        f"IF isfinite(q_e.mean) AND ({among})]"
    )
    return f"list_sort({ranked})[1].e"


def _margins(at: str, other: str) -> str:
    """SQL of how much worse each whole seed is at another axis value: above 0 is worse."""
    there = f"[q_c.v FOR q_c IN q_k IF q_c.a = {at}]"
    return (
        f"list_transform([q_c.v FOR q_c IN q_k IF q_c.a = {other}], "
        f"lambda q_v, q_i: (q_v - ({there})[q_i]) * q_in.sign)"
    )


def _broken(values: str) -> str:
    return f"len([q_v FOR q_v IN {values} IF NOT isfinite(q_v)]) > 0"


def _mean(values: str) -> str:
    return f"CASE WHEN {_broken(values)} THEN 'nan'::DOUBLE ELSE list_avg({values}) END"


def _half(values: str) -> str:
    """SQL of half the width of the 95% interval of a list's mean; null below two, or if one diverged."""
    finite = f"[q_v FOR q_v IN {values} IF isfinite(q_v)]"
    return (
        f"CASE WHEN len({values}) < 2 OR {_broken(values)} THEN NULL "
        f"ELSE ({known_quantile(f'(len({values}) - 1)', 'q_in.t')}) * list_stddev_samp({finite}) "
        f"/ sqrt(len({values})) END"
    )


_INSIDE = "q_e.at > q_d.axis[1] AND q_e.at < q_d.axis[-1]"
_AT_END = "len(q_d.axis) > 1 AND (q_e.at = q_d.axis[1] OR q_e.at = q_d.axis[-1])"
_SOURCE = "arXiv 2605.12705, figure 3 (the star)"

_COUNTS = (
    "'seeds': len(q_d.s), 'left_out': q_d.seeds - len(q_d.s), "
    "'diverged': len([q_c FOR q_c IN q_in.cells IF NOT isfinite(q_c.v)])"
)

_PROFILED = _on_axis("q_f")

_BEST_ON_AXIS = _on_axis(
    let(
        {"q_b": _best()},
        f"{{'at': q_b.at, 'mean': q_b.mean, 'sd': q_b.sd, 'wins': coalesce(q_b.wins, 0), {_COUNTS}}}",
    )
)

_INTERIOR = _on_axis(
    let(
        {
            "q_b": f"{{'inside': {_best(_INSIDE)}, 'end': {_best(_AT_END)}}}",
            "q_m": "CASE WHEN q_b.inside IS NOT NULL AND q_b.end IS NOT NULL THEN "
            f"{_margins('q_b.inside.at', 'q_b.end.at')} END",
            "q_g": f"{{'gain': CASE WHEN q_m IS NOT NULL THEN {_mean('q_m')} END, 'within': {_half('q_m')}}}",
        },
        "{'at': CASE WHEN q_m IS NOT NULL THEN q_b.inside.at END, "
        "'end_at': CASE WHEN q_m IS NOT NULL THEN q_b.end.at END, 'gain': q_g.gain, 'within': q_g.within, "
        f"{_COUNTS}, 'verdict': CASE WHEN q_g.gain > q_g.within THEN 'interior' "
        "WHEN q_g.gain < -q_g.within THEN 'end' ELSE 'not shown' END}",
    )
)

_TURNS = _on_axis(
    let(
        {
            "q_b": _best(),
            "q_m": f"{{'fall': CASE WHEN q_b IS NOT NULL THEN {_margins('q_b.at', 'q_d.axis[1]')} END, "
            f"'rise': CASE WHEN q_b IS NOT NULL THEN {_margins('q_b.at', 'q_d.axis[-1]')} END}}",
            "q_g": f"{{'fall': CASE WHEN q_b IS NOT NULL THEN {_mean('q_m.fall')} END, "
            f"'fall_within': {_half('q_m.fall')}, "
            f"'rise': CASE WHEN q_b IS NOT NULL THEN {_mean('q_m.rise')} END, "
            f"'rise_within': {_half('q_m.rise')}}}",
        },
        "{'at': q_b.at, 'fall': q_g.fall, 'fall_within': q_g.fall_within, 'rise': q_g.rise, "
        f"'rise_within': q_g.rise_within, {_COUNTS}, "
        "'turns': CASE WHEN q_b IS NULL THEN NULL WHEN q_b.at = q_d.axis[1] OR q_b.at = q_d.axis[-1] "
        "THEN false ELSE q_g.fall > q_g.fall_within AND q_g.rise > q_g.rise_within END}",
    )
)

AXES: tuple[Macro, ...] = (
    Macro(
        "axis_profile(axis, seed, value, better := 'lower')",
        _PROFILED,
        "list over the axis: {at, mean, sd (over seeds), n (seeds), wins (seeds whose own best is here; a "
        "tie counts at each), diverged}",
        _SOURCE,
        "select eval, unnest(axis_profile(recipe, seed, value)) from results group by eval",
    ),
    Macro(
        "best_on_axis(axis, seed, value, better := 'lower')",
        _BEST_ON_AXIS,
        "where on the axis the mean over seeds is best: {at, mean, sd, wins (seeds whose own best is there), "
        "seeds (that have all axis values), left_out (that lack one), diverged (cells that are not finite)}; "
        "of equal means the smallest axis value",
        _SOURCE,
        "select eval, best_on_axis(recipe, seed, value) as found from results group by eval",
    ),
    Macro(
        "interior_optimum(axis, seed, value, better := 'lower')",
        _INTERIOR,
        "whether the best value inside the axis beats the better end, seed by seed: {at, end_at, gain (how "
        "much better the inside is, in the value's unit), within (half-width of its 95% interval), seeds, "
        "left_out, diverged (as `best_on_axis` has them), "
        "verdict ('interior', 'end' or 'not shown')}. Both are chosen on these seeds: it favours the inside",
        "arXiv 2605.12705, section 4.2",
        "select eval, interior_optimum(position, seed, value) as found from results group by eval",
    ),
    Macro(
        "u_turn(axis, seed, value, better := 'lower')",
        _TURNS,
        "whether values get better and then worse along the axis: {at (of the best mean), fall (first less "
        "best), rise (last less best; above 0 if worse), fall_within and rise_within (half-widths of their "
        "95% intervals over seeds), seeds, left_out, diverged (as `best_on_axis` has them), "
        "turns (the best lies inside, and both are beyond their intervals; "
        "null with one seed or a diverged end)}",
        "Springer et al., arXiv 2503.19206 (inflection point)",
        "select eval, u_turn(tokens, seed, value) as found from results group by eval",
    ),
)
