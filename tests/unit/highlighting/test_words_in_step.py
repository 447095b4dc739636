"""The grammar, the TextMate grammar and the Pygments lexer know the same words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name, guess_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, String

from specc.highlighting import textmate
from specc.highlighting.lexer import SpecLexer
from specc.highlighting.vocabulary import vocabulary
from specc.language.grammar import grammar_folder
from specc.language.keywords import keywords, read_keywords

ROOT = Path(__file__).parents[3]
EDITORS = ROOT / "grammar" / "editors"


def terminals() -> set[str]:
    """Words of the grammar, as Lark reads it."""
    from lark import Lark
    from lark.lexer import PatternStr

    grammar = (grammar_folder() / "spec.lark").read_text(encoding="utf-8")
    patterns = [terminal.pattern for terminal in Lark(grammar, parser="lalr", start="file").terminals]
    return {p.value for p in patterns if isinstance(p, PatternStr) and p.value.isidentifier()}


def test_the_table_holds_the_words_that_lark_reads() -> None:
    assert keywords().all == terminals()


def test_no_word_has_two_roles() -> None:
    words = keywords()
    in_phrases = {word for phrase in words.phrases for word in phrase}
    roles = [set(words.items), set(words.clauses), in_phrases]
    assert sum(map(len, roles)) == len(set.union(*roles))


def test_a_new_word_of_the_grammar_takes_its_role_from_where_it_stands() -> None:
    found = read_keywords(
        'item: a | b\na: "alpha" NAME ("of" | "by") _SIDE "block"\nb: "beta" "(" NAME\n_SIDE: "late"'
    )
    assert (found.items, found.clauses, found.phrases) == (
        ("alpha", "beta"),
        ("of", "by"),
        (("late", "block"),),
    )


def test_the_textmate_grammar_is_the_one_that_the_table_makes() -> None:
    written = (grammar_folder() / textmate.PLACE).read_text(encoding="utf-8")
    assert written == textmate.text(), "run `python -m specc.highlighting.textmate`"


def test_every_word_has_a_scope_in_the_textmate_grammar() -> None:
    rules = json.loads(textmate.text())["repository"]
    words = {word for rule in rules.values() for word in re.findall(r"[a-z_]{2,}", rule.get("match", ""))}
    known = vocabulary()
    assert {*known.keywords.all, *known.truths, *known.amounts, *known.units} <= words


@pytest.mark.parametrize("word", sorted(keywords().all))
def test_pygments_marks_every_word_as_a_keyword(word: str) -> None:
    words = keywords()
    text = next((" ".join(p) for p in words.phrases if word in p), word)
    text = f"{text} x {{" if word in words.items else f"eval x {text} y"
    marked = " ".join(v for kind, v in SpecLexer().get_tokens(text) if kind in Keyword)
    assert word in marked.split()


@pytest.mark.parametrize("word", sorted(keywords().all))
def test_a_word_of_the_language_may_name_a_setting(word: str) -> None:
    """What stands before `=` is an argument, whatever it is called."""
    tokens = [(v, kind) for kind, v in SpecLexer().get_tokens(f"let x = adamw({word} = 1)")]
    assert (word, Name.Attribute) in tokens


def test_pygments_reads_every_recipe_without_an_error() -> None:
    paths = [*ROOT.glob("specs/**/*.spec"), *ROOT.glob("tests/golden/*.spec")]
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        tokens = list(SpecLexer(stripnl=False, ensurenl=False).get_tokens(text))
        assert not [value for kind, value in tokens if kind in Error], path
        assert "".join(value for _, value in tokens) == text


def test_pygments_tells_the_parts_of_a_recipe_apart() -> None:
    text = 'experiment e {  # why\n  corpus web = text("a.txt")\n  seeds 0..2\n'
    text += "  stage s from m {\n    batch = 64 sequences\n  }\n"
    text += "  compare c = ```sql\n    select 1\n  ```\n}\n"
    tokens = {value: kind for kind, value in SpecLexer().get_tokens(text)}
    assert tokens["experiment"] is Keyword.Declaration
    assert tokens["# why"] is Comment.Single
    assert tokens["web"] is Name.Class
    assert tokens["text"] is Name.Function
    assert tokens['"a.txt"'] is String.Double
    assert tokens["from"] is Keyword
    assert tokens["batch"] is Name.Attribute
    assert tokens["64"] is Number
    assert tokens["sequences"] is Keyword.Type
    assert tokens["select"] is Keyword


def test_pygments_finds_the_lexer_by_its_name() -> None:
    assert isinstance(get_lexer_by_name("specc"), SpecLexer)


@pytest.mark.parametrize(
    ("text", "ours"),
    [("experiment e {\n}\n", True), ("%description\nA package\n%files\n", False)],
)
def test_a_file_of_another_program_that_ends_with_spec_is_not_ours(text: str, ours: bool) -> None:
    assert isinstance(guess_lexer_for_filename("a.spec", text), SpecLexer) is ours


def test_the_extension_names_files_that_are_there() -> None:
    package = json.loads((EDITORS / "vscode/package.json").read_text(encoding="utf-8"))
    contributes = package["contributes"]
    paths = [
        package["main"],
        contributes["grammars"][0]["path"],
        contributes["languages"][0]["configuration"],
    ]
    assert all((EDITORS / "vscode" / path).is_file() for path in paths)
    assert contributes["grammars"][0]["scopeName"] == textmate.textmate(vocabulary())["scopeName"]
    configuration = json.loads((EDITORS / "vscode/language-configuration.json").read_text(encoding="utf-8"))
    assert configuration["comments"] == {"lineComment": "#"}
    for pattern in configuration["indentationRules"].values():
        re.compile(pattern)


def test_the_editor_indents_after_an_open_brace_and_not_after_a_closed_one() -> None:
    configuration = json.loads((EDITORS / "vscode/language-configuration.json").read_text(encoding="utf-8"))
    more = re.compile(configuration["indentationRules"]["increaseIndentPattern"])
    less = re.compile(configuration["indentationRules"]["decreaseIndentPattern"])
    assert more.search("  stage pretrain from tiny {")
    assert more.search("  allocate {  # who reads what")
    assert not more.search("  web { pretrain: fill }")
    assert not more.search("  # {")
    assert less.search("  }")
    assert not less.search("  web { a: 1% }")
