"""Recipes in colour: one table of words, and what editors and terminals read from it.

vocabulary  words by role, from the grammar and from the compiler's tables
lexer       the Pygments lexer `specc`
textmate    the TextMate grammar that editors use
"""
