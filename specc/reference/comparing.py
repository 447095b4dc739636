"""The page on the statistics of comparisons: what is computed, why, and where it comes from."""

from __future__ import annotations

STATISTICS_FORMS = (
    "specc compare",
    "specc compare BASELINE GROUP",
    "specc compare --by AXIS --metric EVAL",
    "specc compare --frontier EVAL EVAL",
)

STATISTICS = (
    "What `specc compare`, the report and the page of `specc ui` compute, with "
    "`specc.statistics`. There are two sources of chance, and neither alone supports that a "
    "recipe is better: over seeds, what training again would give on these documents; over "
    "documents, what other documents would give with these very models. Seeds are replicates, "
    "never a factor: arms of one seed share initialisation and data order, so recipes are "
    "compared seed by seed, over arms that are equal in everything else; where groups leave "
    "axes out, a seed's value is the mean over the arms that both have. Seeds that diverged, "
    "failed or are missing are counted and named, never left out silently. Results pair only if "
    "what was measured is the same: evaluator, arguments, data, window."
)

STATISTICS_FACTS: tuple[tuple[str, str], ...] = (
    (
        "interval over seeds",
        (
            "Student's t, of paired differences. For normal noise its coverage is exact, also "
            "for three seeds; a percentile bootstrap over seeds, nominally 95%, covers 75% with "
            "three and 85% with five, so there is none. Fewer than two seeds, or differences "
            "that are all equal (but for rounding), have no interval"
        ),
    ),
    (
        "sign-flip test",
        (
            "as a check without normality: the share of all 2^n signs of the differences whose "
            "mean is as far from 0 (Fisher, The Design of Experiments, 1935, section 21), exact "
            "up to 20 pairs, else from 99,999 random signs with a fixed seed. It can't give "
            "less than 2^(1 - n): with five seeds 0.0625, so that six are the fewest for 0.05"
        ),
    ),
    (
        "verdict",
        (
            "`better` or `worse` if Holm's p is at most 0.05 (1 less the level) and there are seeds "
            "enough for the sign-flip test to be able to say so, six or more. Else `not resolvable` "
            "if up to 100 seeds would resolve a difference of this size, with how many, and `no "
            "difference shown` if it takes more. Where fewer than six seeds have an interval without "
            "0, it is said that this rests on normal noise"
        ),
    ),
    (
        "seeds needed",
        (
            "the fewest pairs with which the paired t test finds a difference of this size and "
            "spread with probability 0.8 (Cohen, Statistical Power Analysis, 1988, chapter 2), "
            "at 0.05 over the number of comparisons, and at least as many as the sign-flip test "
            "needs. From few seeds it is a rough guess"
        ),
    ),
    (
        "several groups",
        (
            "p values against one baseline are adjusted by Holm's step-down rule (Scandinavian "
            "Journal of Statistics 6, 1979): the chance of any false difference among them "
            "stays below 0.05. Intervals are not adjusted"
        ),
    ),
    (
        "selected",
        (
            "a group that is best of more than two, or whose settings `best` chose, is called "
            "so: its mean is too good (the winner's curse). Of ten equal recipes the best looks "
            "better than the baseline at 5% in 11% of studies. Fresh seeds tell. A group of which an "
            "arm diverged is never the best: its mean is over what is left"
        ),
    ),
    (
        "unpaired",
        ("where fewer than two seeds are shared: Welch's t (Biometrika 34, 1947), and it is said"),
    ),
    (
        "interval over documents",
        (
            "the mean difference weighted by target tokens, with standard errors clustered by "
            "document, whose seeds go together (Miller, arXiv 2411.00640), and Student's t; up "
            "to 2,000 documents (and from ten on) also a BCa bootstrap of 9,999 resamples (Efron, "
            "Journal of the American Statistical Association 82, 1987). It is taken of comparisons "
            "of up to 24 groups with the baseline, and resampled up to 12. For right or wrong "
            "answers McNemar's exact test (Psychometrika 12, 1947), over documents that one side got "
            "right at more seeds. Not for results that are no mean over documents, a perplexity"
        ),
    ),
    (
        "probability of improvement",
        (
            "that a seed of the group, drawn at random, is better than one of the baseline; "
            "ties count half (Agarwal et al., arXiv 2108.13264, section 4)"
        ),
    ),
    (
        "frontier",
        (
            "means over seeds that have both results; a point is dominated if another of its "
            "series is no worse in both and better in one, strictly if better in both (arXiv "
            "2605.12705). The hypervolume's reference lies a tenth of the range beyond the "
            "worst; areas between frontiers are over the range that both have, never beyond"
        ),
    ),
    (
        "budgets",
        (
            "a group whose training reads or computes over 0.5% more or less than the "
            "baseline's is told as such"
        ),
    ),
    (
        "interquartile mean",
        ("of a group's seeds: the mean of the middle half, from four seeds on (Agarwal et al., section 4.3)"),
    ),
    (
        "as data",
        (
            "`--json` is a list of comparisons: `question`, `title`, `headline`, `groups` (name, "
            "values, seeds with their states, mean, sd, interval), `effects` (pairs, mean, interval, "
            "p values, verdict, n_needed, over_items, sentence), `best`, `notes` and `sql`; alone, "
            "`specc compare --json` has them as `answers` beside `comparisons`, `expectations` and "
            "`frontiers`. `--csv` has a row for each group. In Python `ws.compare(...)` and "
            "`ws.frontier(...)` give the same with `.table().df()`; fields are documented in "
            "specc/comparing/model.py"
        ),
    ),
    (
        "checked",
        (
            "against scipy and definitions on random data, and by simulation: coverage of the "
            "t, clustered and BCa intervals, errors of the sign-flip test and of Holm's rule "
            "(tests/unit/statistics)"
        ),
    ),
)
"""What is computed, by its name, with its source."""
