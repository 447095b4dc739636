"""From a syntax tree to checked arms: names, types, allocation, checks, queries.

load         files and `use`
definition   an experiment's parts by name; recipes applied
values       quantities and other values of the language
evaluate     expressions to values, at a point of the sweep
settings     what a stage is trained with, inherited and checked
allocation   the double-entry table, solved in exact arithmetic
arms         points of the sweep
checks       `check` items
expectations `expect` items, turned into queries
compile      the passes in order
"""
