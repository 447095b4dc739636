"""Results in DuckDB: an index over the files of a workspace, and every question that is asked of it.

    files -> index -> published generation -> reader -> query, comparison, verdict -> table

* `schema` documents the tables; `bind` checks a recipe's queries against them without any results.
* `index` takes in plans (`plans`), finished steps (`finished`), growing logs (`logs`) and failures
  (`failures`), lays `views` over what is stored (`storage`), lets expectations be judged (`judge`),
  and publishes a copy (`generations`).
* `reader` opens the newest copy; `query`, `compare` and `prompt` ask it; `table` writes for people.
"""
