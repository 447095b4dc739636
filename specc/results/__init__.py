"""Results in DuckDB: an index over the files of a workspace, and every question that is asked of it.

    files -> index -> published generation -> reader -> query, comparison, verdict -> table

* `tables` documents the public tables, `schema` names and types their columns, `comments` puts what
  they mean into the published file; `bind` checks a recipe's queries against them without any results.
* `index` takes in plans (`plans`, with what was `measured`, resolved `settings` and the columns of the
  `wide` view), finished steps (`finished`), growing logs (`logs`, `numbers`), `failures`, `outcomes` and
  `runs`, lays `views` over what is stored (`storage`), lets expectations be judged (`judge`), and
  publishes a copy (`generations`).
* `reader` opens the newest copy, `as_of` an earlier run's; `query` and `compare` ask it; an `answer` is
  written as a `table` or in another form (`formats`, `written`).
* `session` does scripts of `statements` and dot-commands, `describing` and `completion` tell it what there
  is to ask for, `prompt` reads lines for it.
"""
