"""Functions over replicates: mean with its interval, wins, quantiles of Student's t."""

from __future__ import annotations

from specc.quantities.macro import Macro, sign

# scipy.stats.t.ppf(0.975, df) for df 1 to 30; a test compares them.
T_975 = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
    2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776,
    2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864,
    2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972,
    2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378,
)  # fmt: skip
"""97.5% quantiles of Student's t with 1 to 30 degrees of freedom."""

T_TABLE = f"[{', '.join(map(repr, T_975))}]"
"""The same as SQL."""

_Z = 1.959963984540054


def t_quantile(df: str) -> str:
    """SQL of the 97.5% quantile of Student's t: a table up to 30 degrees of freedom, a series beyond.

    Source: Abramowitz and Stegun, 26.7.5; beyond 30 degrees its error is below 2e-7.
    """
    return f"CASE WHEN ({df}) < 1 THEN NULL ELSE {known_quantile(df, T_TABLE)} END"


def known_quantile(df: str, table: str) -> str:
    """SQL of the same for one degree of freedom or more, given SQL of a list of the first quantiles."""
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    # By Horner's rule: the text is bound anew wherever it stands.
    series = "0.0"
    for term in reversed(terms):
        series = f"({term!r} + {series}) / ({df})"
    return f"CASE WHEN ({df}) <= {len(T_975)} THEN ({table})[({df})::INTEGER] ELSE {z!r} + {series} END"


def finite(value: str) -> str:
    """SQL of a condition: the value is there, and a number."""
    return f"(({value}) IS NOT NULL AND isfinite(({value})::DOUBLE))"


def not_finite(value: str) -> str:
    """SQL of an aggregate: how many values are NaN or infinite."""
    return f"count(*) FILTER (NOT isfinite(({value})::DOUBLE))"


def mean(value: str) -> str:
    """SQL of the mean; NaN if a value is not finite."""
    return (
        f"CASE WHEN {not_finite(value)} > 0 THEN 'nan'::DOUBLE ELSE avg({value}) FILTER ({finite(value)}) END"
    )


def half_width(value: str) -> str:
    """SQL of half the width of the mean's 95% interval; null below two values, or if one diverged."""
    n = f"count({value})"
    return (
        f"CASE WHEN {n} < 2 OR {not_finite(value)} > 0 THEN NULL ELSE ({t_quantile(f'{n} - 1')}) "
        f"* stddev_samp({value}) FILTER ({finite(value)}) / sqrt({n}) END"
    )


INTERVALS: tuple[Macro, ...] = (
    Macro(
        "best_min(value)",
        "min(value) FILTER (WHERE isfinite(value))",
        "smallest value; a diverged run never wins",
        example="select eval, best_min(value) from results group by eval",
    ),
    Macro(
        "best_max(value)",
        "max(value) FILTER (WHERE isfinite(value))",
        "largest value; a diverged run never wins (plain max() calls NaN the largest)",
        example="select eval, best_max(value) from results group by eval",
    ),
    Macro(
        "diverged(value)",
        "count(*) FILTER (WHERE NOT isfinite(value))",
        "number of values that are not finite",
        example="select recipe, diverged(value) from results group by recipe",
    ),
    Macro(
        "t_quantile(df)",
        t_quantile("df"),
        "97.5% quantile of Student's t with `df` degrees of freedom: of a 95% interval",
        "Abramowitz and Stegun, 26.7.5, beyond 30 degrees",
        "select t_quantile(count(*) - 1) from results",
    ),
    Macro(
        "half_width(value)",
        half_width("value"),
        "half the width of the mean's 95% interval (Student's t), in the value's unit; null for fewer than "
        "two values, or where one is not finite",
        "Student's t",
        "select eval, avg(value) as mean, half_width(value) as within from results group by eval",
    ),
    Macro(
        "mean_ci(value)",
        "{'mean': " + mean("value") + ", 'low': avg(value) FILTER (" + finite("value") + ") - "
        f"({half_width('value')}), 'high': avg(value) FILTER ({finite('value')}) + ({half_width('value')}), "
        f"'n': count(value), 'diverged': {not_finite('value')}}}",
        "mean, `low` and `high` of its 95% interval (Student's t), `n`, and how many values are not finite: "
        "then the mean is NaN and has no interval",
        "Student's t",
        "select eval, unnest(mean_ci(value)) from results group by eval",
    ),
    Macro(
        "wins(difference, better := 'lower')",
        f"count(*) FILTER (isfinite((difference)::DOUBLE) AND (difference) * ({sign('better')}) < 0)",
        "how many differences (value less baseline) are on the better side; a tie is none, and "
        "so is what is not finite",
        example="select recipe, wins(difference) from pairs where baseline.recipe = 'base' group by recipe",
    ),
    Macro(
        "win_rate(difference, better := 'lower')",
        "avg(CASE WHEN NOT coalesce(isfinite((difference)::DOUBLE), false) THEN NULL "
        f"WHEN (difference) * ({sign('better')}) < 0 "
        "THEN 1.0 WHEN (difference) = 0 THEN 0.5 ELSE 0.0 END)",
        "share of differences on the better side, 0 to 1; a tie is half a win. What is not "
        "finite is left out: count it with `diverged`",
        "probability of improvement, Agarwal et al., arXiv 2108.13264, section 4.3, on pairs",
        "select recipe, win_rate(difference) from pairs where baseline.recipe = 'base' group by recipe",
    ),
    Macro(
        "relative_gain(value, baseline, better := 'lower')",
        f"100 * ({sign('better')}) * ((baseline)::DOUBLE - (value)) / nullif((baseline)::DOUBLE, 0)",
        "how much better a value is than the baseline, in percent of the baseline; null if that is 0",
        "R_gain, Baek et al., arXiv 2603.16177",
        "select recipe, relative_gain(value, baseline_value) from pairs where baseline.recipe = 'base'",
    ),
    Macro(
        "gap_closed(value, start, goal)",
        "((value)::DOUBLE - (start)) / nullif((goal)::DOUBLE - (start), 0)",
        "share of the way from `start` to `goal` that a value went; 1 at the goal, null if they are equal",
        "Springer et al., arXiv 2605.09995; Baek et al., arXiv 2603.16177",
        "select gap_closed(avg(value), min(value), max(value)) from results",
    ),
)
