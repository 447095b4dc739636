"""Documents of a corpus: where they lie, what they say, how they are split and counted.

The way of a corpus through this package:

1. `locate` turns the patterns of a recipe into files (`globs`, `roots`, `nearest`).
2. `readers` turns files into documents, in an order that depends on their content alone: `text`,
   `docstrings`, `jsonl`, `chat` and `parquet` (which share `records`), `token_files`; `facts` and
   `markov` need no files. They open and decode through `contents`, and unpack with `compressed`.
3. `documents` gives each document its id and its split; `tokens` makes token ids of it, `encode` of
   batches of documents, on several threads. `bpe` trains tokenizers.
4. `measure` counts all of that for the checker, and remembers it.
5. `datasets` describes what is made of corpora, and counts it; `transforms` makes it, of `blocks` of
   documents as arrays, with random numbers (`draws`) that belong to the documents.
"""
