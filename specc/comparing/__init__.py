"""Recipes compared: groups of arms, paired over the seeds that they share.

* `model`: questions and answers as data.
* `questions`, `frontiers`: what a reader of an experiment wants to see first.
* `compare`, `frontier`: the answers. `compare_sources`, `frontier_of`: over several workspaces.

`rows` reads the results, `groups` makes groups of them, `effects` pairs these and judges them by
`specc.statistics`, `items` looks at evaluated documents, `budgets` at what training costs, and
`sentences` puts it into words.
"""

from specc.comparing.answer import compare, compare_sources
from specc.comparing.first_questions import questions
from specc.comparing.model import Compared, Frontier, Question
from specc.comparing.rows import Source
from specc.comparing.two_results import frontier, frontier_of, frontiers

__all__ = [
    "Compared",
    "Frontier",
    "Question",
    "Source",
    "compare",
    "compare_sources",
    "frontier",
    "frontier_of",
    "frontiers",
    "questions",
]
