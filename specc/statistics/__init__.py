"""Statistics of comparisons: pure functions on numbers, with nothing of recipes in them.

* `interval`: Student's t over seeds, paired or not (Welch).
* `sign_flip`: the exact test of paired differences.
* `power`: how many pairs would resolve a difference.
* `several`: Holm's correction for several comparisons with one baseline.
* `items`: differences over evaluated documents: clustered errors, McNemar's test, BCa bootstrap.
* `aggregates`: interquartile mean, probability of improvement.

Over a handful of seeds nothing here is a percentile bootstrap: at a nominal 95% it covers 75% with three
seeds and 85% with five, where Student's t covers 95%; tests/unit/statistics/test_coverage_of_intervals.py
shows it.

Numbers that go in are finite; a NaN or an infinity is a ValueError, for what it means (a training that
diverged) is the caller's to say. numpy and scipy are imported inside functions, for a quick start.
"""
