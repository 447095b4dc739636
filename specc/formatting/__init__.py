"""The canonical form of a recipe: the same text for everyone, without options.

scan       words, and the comments and blank lines between them
structure  brackets, and the items in them
spacing    how words stand in one line
columns    which signs of neighbouring statements stand below each other
layout     where lines that are too long are broken
sql        SQL blocks, which move as a whole
page       lines, and the columns of comments at their ends
same       whether two texts mean the same
format     all of it: `format_text`

>>> print(format_text('let  half=0.5*(posttrain-pretrain)   # of the way'), end="")
let half = 0.5 * (posttrain - pretrain)  # of the way
"""

from specc.formatting.format import NotARecipe, format_text

__all__ = ["NotARecipe", "format_text"]
