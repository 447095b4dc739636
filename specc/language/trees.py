"""The parser's own trees and refusals, for passes that work on the text itself, as the formatter does."""

from __future__ import annotations

from lark import Token, Tree
from lark.exceptions import UnexpectedInput

from specc.language.layout import TooDeep

NOT_IN_THE_LANGUAGE = (UnexpectedInput, TooDeep)
"""What `specc.language.grammar` raises for text that it can't parse."""

__all__ = ["NOT_IN_THE_LANGUAGE", "Token", "Tree"]
