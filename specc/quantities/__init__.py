"""The quantities of the field: SQL functions, fits, and templates of comparisons.

`macro` says what a function is, `intervals`, `frontiers` and `lineages` are the functions by
subject, and `registry` has them all. `fits` fits curves with scipy. `templates` renders `{{ ... }}`
in the queries of a recipe.
"""
