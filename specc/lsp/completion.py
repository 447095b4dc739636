"""What may be written next, from what stands before; the text need not parse."""

from __future__ import annotations

import os
from collections.abc import Iterator

from lsprotocol import types

from specc.analysis.checkpoint_calls import FUNCTIONS as CHECKPOINT_FUNCTIONS
from specc.analysis.checks import FUNCTIONS
from specc.analysis.definition import SETTINGS
from specc.analysis.expectations import REDUCERS
from specc.analysis.model_members import TOKENIZER
from specc.analysis.values import SUFFIXES, UNITS, show_argument
from specc.components import COMPONENTS, Kind, Parameter, Signature, Type
from specc.language.keywords import keywords
from specc.lsp.meanings import MEMBERS, meaning
from specc.lsp.offers import (
    KINDS,
    ItemKind,
    Offer,
    checkpoints,
    components,
    computed,
    keyword_offer,
    name_offer,
    named_components,
    of_kinds,
)
from specc.lsp.path_offers import in_string
from specc.lsp.positions import Text
from specc.lsp.scan import Place, Token, heads, place
from specc.lsp.template_offers import in_template
from specc.lsp.vocabularies import Known, Read, in_scope, offered

_FILE_ITEMS = ("use", "let", "model", "corpus", "experiment")
_OVERRIDDEN = ("let", "model", "corpus", "allocate", "seeds", "sweep", "eval", "compare", "expect", "stage")
_PLURAL = tuple(unit for unit in UNITS if unit.endswith("s"))
_SETTING_VALUES = {
    "optimizer": Kind.OPTIMIZER,
    "schedule": Kind.SCHEDULE,
    "replay": Kind.REPLAY,
    "adapter": Kind.ADAPTER,
    "until": Kind.STOP,
}
_CHOICES = {"dtype": ("auto", "float32", "bfloat16"), "optimizer_state": ("fresh", "kept")}
_DECLARED_VALUES = {"model": Kind.MODEL, "corpus": Kind.CORPUS, "eval": Kind.EVALUATION}


def complete(text: Text, offset: int, path: str, read: Read, snippets: bool) -> list[types.CompletionItem]:
    """What may be written at an offset of a text."""
    here = place(text.text, offset)
    inside = here.inside
    start = inside.start if inside is not None and inside.kind == "word" else offset
    if inside is not None and inside.kind in ("comment", "number"):
        return []
    if inside is not None and inside.kind == "sql":
        offers, start = in_template(here, inside, text.text, path, read)
    elif inside is not None and inside.kind == "string":
        offers, start = in_string(here, inside, path, read)
    else:
        offers = list(_offers(here, text.text, start, path, read))
    where = types.Range(text.position(start), text.position(offset))
    seen: dict[str, types.CompletionItem] = {}
    for number, offer in enumerate(offers):
        seen.setdefault(offer.label, _item(offer, number, where, snippets))
    return list(seen.values())


def _item(offer: Offer, number: int, where: types.Range, snippets: bool) -> types.CompletionItem:
    new = offer.text or offer.label
    snippet = "$" in offer.text
    if snippet and not snippets:
        new, snippet = offer.label, False
    return types.CompletionItem(
        offer.label,
        kind=offer.kind,
        detail=offer.detail or None,
        sort_text=f"{number:04}",
        text_edit=types.TextEdit(where, new),
        insert_text_format=types.InsertTextFormat.Snippet if snippet else types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AdjustIndentation,
        data=offer.label,
    )


def documented(item: types.CompletionItem) -> types.CompletionItem:
    """The item with its documentation, which is looked up when an editor shows it."""
    known = meaning(item.label.rstrip(" ="))
    if known:
        item.documentation = types.MarkupContent(types.MarkupKind.Markdown, known)
    return item


# ---- by place


def _offers(here: Place, text: str, start: int, path: str, read: Read) -> Iterator[Offer]:
    block = here.block
    statement = block.statement
    last = statement[-1] if statement else None
    names = in_scope(text, here, path, read)
    if text[start - 1 : start] == "." and len(statement) > 1 and statement[-2].kind == "word":
        owner = next((n for n in names if n.name == statement[-2].text), None)
        if owner is None or owner.kind in ("corpus", "let", "parameter"):
            yield from (Offer(name, ItemKind.Property, text) for name, text in MEMBERS.items())
            for part in owner.parts if owner else ():
                yield Offer(part, ItemKind.Property, "a named split")
        elif owner.kind == "model":
            yield Offer(TOKENIZER, ItemKind.Property, "the tokenizer that lies beside the model's weights")
        return
    if last is not None and last.kind == "number" and not last.text.endswith("%"):
        yield from (Offer(unit, ItemKind.Unit) for unit in _PLURAL)
        if last.text[-1:].isdigit():
            yield from (Offer(last.text + suffix, ItemKind.Unit) for suffix in SUFFIXES if last.stop == start)
        yield from _clauses(here)
        return
    if last is not None and last.text == "@":
        return
    if block.bracket == "(":
        yield from _in_call(here, names)
    elif block.bracket == "[":
        yield from _values_of(here, names)
    elif not statement:
        yield from _begin(here, names, path, read)
    else:
        yield from _go_on(here, names)


def _begin(here: Place, names: list[Known], path: str, read: Read) -> Iterator[Offer]:
    """The first word of a statement."""
    block = here.block
    head = heads(block)
    given = {statement[0].text for statement in block.earlier}
    if block.bracket == "":
        yield from map(keyword_offer, _FILE_ITEMS)
    elif head == "experiment":
        yield from map(keyword_offer, (w for w in keywords().items if w not in ("use", "experiment")))
    elif head == "stage":
        for name, text in SETTINGS.items():
            if name not in given:
                yield Offer(name, ItemKind.Property, text, f"{name} = ")
    elif head == "recipe":
        yield keyword_offer("override")
    elif head == "allocate":
        for each in names:
            data = each.value in COMPONENTS and COMPONENTS[each.value].kind is Kind.DATA
            if (each.kind == "corpus" or data) and each.name not in given:
                yield Offer(each.name, KINDS["corpus"], "corpus", f"{each.name} {{ $0 }}")
    elif head == "use":
        target = next((t.text.strip('"') for t in block.head if t.kind == "string"), "")
        for each in offered(os.path.join(os.path.dirname(path), target), read):
            if each.name not in given:
                yield name_offer(each)
    elif len(here.blocks) > 1 and heads(here.blocks[-2]) == "allocate":
        for each in names:
            if each.kind == "stage" and each.name not in given:
                yield Offer(each.name, KINDS["stage"], "stage", f"{each.name}: ")


def _go_on(here: Place, names: list[Known]) -> Iterator[Offer]:
    """What goes on with a statement."""
    block = here.block
    words = [token.text for token in block.statement]
    last = words[-1]
    override = words[:1] == ["override"]
    first = words[1] if override and len(words) > 1 else words[0]
    if last == "override":
        yield from map(keyword_offer, _OVERRIDDEN)
    elif override and len(words) == 2:
        kind = "axis" if first == "sweep" else first
        yield from (name_offer(each) for each in names if each.kind == kind)
    elif block.bracket == "{" and len(here.blocks) > 1 and heads(here.blocks[-2]) == "allocate":
        yield from _cell(words, names)
    elif last in ("=", "in", "after", "from", "across", "by", "given", "extends", "every", "with", ","):
        begun = block.statement[0].start
        # A stage comes from stages above it, and nothing is made of itself.
        above = [each for each in names if each.kind != "stage" or each.start < begun]
        yield from _after_word(first, last, words, block.head, above if first == "stage" else names)
    elif last in ("+", "-", "*", "/", "<", ">", "<=", ">=", "==", "!=", "check", "expect"):
        yield from _operands(first, names)
    else:
        yield from _clauses(here)


def _after_word(
    first: str, last: str, words: list[str], head: tuple[Token, ...], names: list[Known]
) -> Iterator[Offer]:
    if last == "from":
        yield from of_kinds(names, ("stage", "model", "parameter"))
        yield from checkpoints(names)
        yield from components((Kind.MODEL, Kind.CHECKPOINT))
        yield from computed()
    elif last == "after" or (last == "," and "after" in words):
        yield from of_kinds(names, ("stage",))
        yield from checkpoints(names)
    elif last in ("across", "given") or (last == "by" and first == "sweep"):
        yield from of_kinds(names, ("axis",))
        if last == "given":
            yield Offer("seed", KINDS["axis"], "a replicate")
            yield Offer("recipe", KINDS["axis"], "a recipe, or base")
    elif last == "," and first in ("check", "except"):
        yield from of_kinds(names, ("axis",))
    elif last == "extends":
        yield from of_kinds(names, (first if first in ("recipe", "experiment") else "experiment",))
    elif last == "every":
        yield from (Offer(each, ItemKind.Value) for each in ("10%", "25%", "100 steps"))
    elif last == "=" and len(words) > 1:
        yield from _given_value(first, words[-2], names)


def _given_value(first: str, name: str, names: list[Known]) -> Iterator[Offer]:
    """A value for a setting, a declaration or an axis."""
    if first in _SETTING_VALUES:
        yield from named_components(names, _SETTING_VALUES[first])
        yield from components((_SETTING_VALUES[first],))
    elif first in _CHOICES:
        yield from (Offer(f'"{each}"', ItemKind.Value) for each in _CHOICES[first])
    elif first in _DECLARED_VALUES:
        yield from named_components(names, _DECLARED_VALUES[first])
        yield from components((_DECLARED_VALUES[first],))
    elif first == "let":
        yield from of_kinds(names, ("let", "model", "stage", "corpus", "axis", "parameter"))
        yield from components(tuple(Kind))
    elif first in ("compare", "expect"):
        yield Offer("```sql", ItemKind.Snippet, "a query", "```sql\n  select $0\n  from   results\n```")
        if first == "expect":
            yield from _operands(first, names)
    elif name == "recipe":
        yield from of_kinds(names, ("recipe",))
        yield Offer("base", KINDS["recipe"], "the experiment as written")
    elif first in SETTINGS:
        yield from of_kinds(names, ("axis", "let", "parameter"))


def _cell(words: list[str], names: list[Known]) -> Iterator[Offer]:
    """A cell of the table: its amount, then where it lies."""
    if words[-1] == ":":
        for word in ("rest", "fill"):
            yield Offer(word, ItemKind.Keyword, meaning(word) or "")
        yield from of_kinds(names, ("axis", "let", "parameter"))
    elif words[-1] in ("early", "late"):
        yield Offer("block", ItemKind.Keyword)
    elif words[-1] == "of":
        yield Offer("stage", ItemKind.Keyword)
    elif ":" in words:
        for word in ("of stage", "within", "early block", "late block", "at"):
            if word.split()[0] not in words:
                yield Offer(word, ItemKind.Keyword, meaning(word.split()[0]) or "")


def _clauses(here: Place) -> Iterator[Offer]:
    """Words that go on with the statement."""
    words = [token.text for token in here.block.statement]
    first = words[1] if words[:1] == ["override"] and len(words) > 1 else words[0]
    row = len(here.blocks) > 1 and heads(here.blocks[-2]) == "allocate"
    follow = {
        "stage": ("from",),
        "eval": ("after", "every"),
        "sweep": ("in", "by"),
        "check": ("is equal across",),
        "expect": ("by",),
        "experiment": ("extends",),
        "recipe": ("extends",),
        "let": ("with",),
    }.get(first, ())
    if row:
        yield from _cell(words, [])
        return
    for word in follow:
        if word not in words and (word not in ("after", "every", "by") or "=" in words or first != "eval"):
            yield Offer(word, ItemKind.Keyword, meaning(word.split()[0]) or "")


def _operands(first: str, names: list[Known]) -> Iterator[Offer]:
    if first == "check":
        for name, text in FUNCTIONS.items():
            yield Offer(name, ItemKind.Function, text, f"{name}($0)")
    elif first == "expect":
        for name in REDUCERS:
            yield Offer(name, ItemKind.Function, meaning(name) or "", f"{name}($1 after $0)")
    yield from of_kinds(names, ("let", "stage", "corpus", "axis", "model", "parameter"))


# ---- inside brackets


def _in_call(here: Place, names: list[Known]) -> Iterator[Offer]:
    """An argument: its name, or its value."""
    block = here.block
    words = [token.text for token in block.statement]
    function = block.head[-1].text if block.head and block.head[-1].kind == "word" else ""
    statement = [token.text for token in block.head]
    if function in REDUCERS and (statement[:1] == ["expect"] or function not in CHECKPOINT_FUNCTIONS):
        yield from _in_measure(words, names)
        return
    if function in FUNCTIONS:
        yield from of_kinds(names, ("stage", "corpus"))
        return
    template = next((n for n in names if n.name == function and n.parameters), None)
    if template is not None and not words:
        given = {statement[0].text for statement in block.earlier}
        for name in template.parameters:
            if name not in given:
                yield Offer(name, ItemKind.Property, "", f"{name} = ")
    if function in CHECKPOINT_FUNCTIONS:
        yield from of_kinds(names, ("stage",))
        yield from checkpoints(names)
        yield from of_kinds(names, ("eval", "axis") if function == "best" else ("axis",))
        return
    signature = _called(function, statement, names)
    if signature is None:
        yield from of_kinds(names, ("let", "axis", "stage", "corpus", "model", "parameter"))
    elif not words:
        yield from _arguments(here, signature, names)
    elif words[-1] == "=" and len(words) == 2:
        parameter = signature.parameter(words[0])
        if parameter is not None:
            yield from _typed(parameter, names)
    else:
        yield from of_kinds(names, ("axis", "let", "parameter"))


def _called(function: str, statement: list[str], names: list[Known]) -> Signature | None:
    """The component whose arguments are being written; `warm with (` changes those of what `warm` is."""
    if function == "with" and len(statement) > 1:
        function = next((n.value for n in names if n.name == statement[-2]), "")
    return COMPONENTS.get(function)


def _arguments(here: Place, signature: Signature, names: list[Known]) -> Iterator[Offer]:
    earlier = here.block.earlier
    named = {statement[0].text for statement in earlier if len(statement) > 1 and statement[1].text == "="}
    place_of_next = len(earlier)
    if place_of_next < signature.positional and len(named) == 0:
        yield from _typed(signature.parameters[place_of_next], names)
    positional = {parameter.name for parameter in signature.parameters[: len(earlier) - len(named)]}
    for parameter in sorted(signature.parameters, key=lambda p: not p.required):
        if parameter.name not in named | positional:
            detail = "required" if parameter.required else f"default {show_argument(parameter.default)}"
            yield Offer(parameter.name, ItemKind.Property, detail, f"{parameter.name} = ")


def _typed(parameter: Parameter, names: list[Known]) -> Iterator[Offer]:
    """Values of a parameter's type."""
    if parameter.choices:
        yield from (Offer(f'"{choice}"', ItemKind.Value) for choice in parameter.choices)
    match parameter.type:
        case Type.BOOL:
            yield from (Offer(word, ItemKind.Keyword) for word in ("true", "false"))
        case Type.DATA | Type.DOCUMENTS:
            yield from _data(names)
        case Type.CHECKPOINT:
            yield from of_kinds(names, ("stage",))
            yield from checkpoints(names)
            yield from components((Kind.CHECKPOINT,))
            yield from computed()
        case Type.EVAL:
            yield from of_kinds(names, ("eval",))
        case Type.TOKENIZER:
            yield from components((Kind.TOKENIZER,))
            for each in names:
                if each.kind in ("corpus", "model"):
                    yield Offer(f"{each.name}.tokenizer", ItemKind.Value, f"the tokenizer of `{each.name}`")
        case Type.CORPORA:
            yield from of_kinds(names, ("corpus",))
        case Type.STRING | Type.STRINGS | Type.PATH | Type.PATHS:
            pass
    yield from of_kinds(names, ("axis", "let", "parameter"))


def _data(names: list[Known]) -> Iterator[Offer]:
    for each in names:
        if each.kind == "corpus":
            for part, text in MEMBERS.items():
                yield Offer(f"{each.name}.{part}", ItemKind.Value, text)
            for part in each.parts:
                yield Offer(f"{each.name}.{part}", ItemKind.Value, "a named split")
    yield from named_components(names, Kind.DATA)
    yield from components((Kind.DATA,))


def _in_measure(words: list[str], names: list[Known]) -> Iterator[Offer]:
    """`mean(EVAL after STAGE given AXIS = VALUE)`."""
    if not words:
        yield from of_kinds(names, ("eval",))
    elif words[-1] == "after":
        yield from of_kinds(names, ("stage",))
    elif words[-1] == "given":
        yield from _after_word("expect", "given", words, (), names)
    elif words[-1] == "=" and len(words) > 1:
        yield from _given_value("", words[-2], names)
    elif "after" not in words:
        yield Offer("after", ItemKind.Keyword, meaning("after") or "")
    elif "given" not in words:
        yield Offer("given", ItemKind.Keyword, meaning("given") or "")


def _values_of(here: Place, names: list[Known]) -> Iterator[Offer]:
    """A value in a list, by what the list is for."""
    words = [token.text for token in here.block.head]
    if "after" in words:
        yield from of_kinds(names, ("stage",))
        yield from checkpoints(names)
    elif words[:1] == ["sweep"]:
        yield from of_kinds(names, ("let", "model", "stage", "parameter"))
    else:
        yield from of_kinds(names, ("axis", "let", "parameter"))
