"""What is offered for completion: words of the language, names of a recipe, and components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lsprotocol import types

from specc.analysis.checkpoint_calls import FUNCTIONS as CHECKPOINT_FUNCTIONS
from specc.components import COMPONENTS, Kind
from specc.lsp.meanings import meaning
from specc.lsp.vocabularies import Known

ItemKind = types.CompletionItemKind

_SNIPPETS = {
    "use": 'use "$1.spec" { $2 }',
    "let": "let ${1:name} = $0",
    "model": "model ${1:name} = $0",
    "corpus": "corpus ${1:name} = $0",
    "experiment": 'experiment ${1:name} {\n  "$2"\n\n  $0\n}',
    "sweep": "sweep ${1:axis} in [$0]",
    "seeds": "seeds 0..${1:2}",
    "allocate": "allocate {\n  $0\n}",
    "stage": "stage ${1:name} from ${2:parent} {\n  $0\n}",
    "eval": "eval ${1:name} = $2 after $0",
    "compare": "compare ${1:name} = ```sql\n  select $0\n  from   results\n```",
    "recipe": "recipe ${1:name} {\n  override $0\n}",
}
KINDS = {
    "stage": ItemKind.Event,
    "corpus": ItemKind.Struct,
    "model": ItemKind.Class,
    "axis": ItemKind.EnumMember,
    "eval": ItemKind.Field,
    "recipe": ItemKind.Module,
    "experiment": ItemKind.Module,
    "let": ItemKind.Constant,
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to write: `text`, a snippet if it has `$`, or the label."""

    label: str
    kind: ItemKind
    detail: str = ""
    text: str = ""


def keyword_offer(word: str) -> Offer:
    known = (meaning(word) or "").partition("\n\n")[2].split("\n\n")[0]
    return Offer(word, ItemKind.Keyword, known[:120], _SNIPPETS.get(word, f"{word} "))


def name_offer(each: Known) -> Offer:
    detail = f"{each.kind} = {each.value}(...)" if each.value in COMPONENTS else each.kind
    return Offer(each.name, KINDS.get(each.kind, ItemKind.Variable), detail)


def of_kinds(names: Iterable[Known], kinds: tuple[str, ...]) -> Iterator[Offer]:
    for kind in kinds:
        yield from (name_offer(each) for each in names if each.kind == kind)


def named_components(names: Iterable[Known], kind: Kind) -> Iterator[Offer]:
    """Names for components of a kind."""
    for each in names:
        signature = COMPONENTS.get(each.value)
        if each.kind in ("let", "model", "corpus") and signature is not None and signature.kind is kind:
            yield name_offer(each)


def checkpoints(names: Iterable[Known]) -> Iterator[Offer]:
    """Names that may stand for checkpoints: those of other components can't."""
    for each in names:
        signature = COMPONENTS.get(each.value)
        if each.kind == "let" and (signature is None or signature.kind is Kind.CHECKPOINT):
            yield name_offer(each)


def computed() -> Iterator[Offer]:
    """Functions that make a checkpoint of others."""
    for name, text in CHECKPOINT_FUNCTIONS.items():
        yield Offer(name, ItemKind.Function, text, f"{name}($0)")


def components(kinds: tuple[Kind, ...]) -> Iterator[Offer]:
    for signature in COMPONENTS.values():
        if signature.kind in kinds:
            yield Offer(signature.name, ItemKind.Function, signature.doc, f"{signature.name}($0)")
