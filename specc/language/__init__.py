"""From text to syntax tree.

grammar   the LALR parser of grammar/spec.lark
layout    which newlines end something
ast       the tree
build     from lark's tree to ours
parse     a whole file, or, if it is broken, its pieces
pieces    cutting a broken text into items
mistakes  what to say about text that the parser refuses
"""
