"""The parameters of the component whose arguments are being written."""

from __future__ import annotations

from lsprotocol import types

from specc.analysis.checkpoint_calls import FUNCTIONS as CHECKPOINT_FUNCTIONS
from specc.analysis.checks import FUNCTIONS
from specc.analysis.expectations import REDUCERS
from specc.analysis.values import show_argument
from specc.components import COMPONENTS, Parameter, Signature
from specc.lsp.meanings import meaning
from specc.lsp.positions import Text
from specc.lsp.scan import Block, place
from specc.lsp.vocabularies import Known, Read, in_scope


def signature_help(text: Text, offset: int, path: str, read: Read) -> types.SignatureHelp | None:
    """Signature of the innermost call around an offset, if it is one that the language knows."""
    here = place(text.text, offset)
    for block in reversed(here.blocks):
        if block.bracket == "(":
            names = in_scope(text.text, here, path, read)
            return _of_call(block, names)
        if block.bracket == "{":
            return None
    return None


def _of_call(block: Block, names: list[Known]) -> types.SignatureHelp | None:
    function = block.head[-1].text if block.head else ""
    if function == "with" and len(block.head) > 1:
        function = next((n.value for n in names if n.name == block.head[-2].text), "")
    template = next((n for n in names if n.name == function and n.parameters), None)
    if template is not None:
        return _of_template(template, block)
    if function in CHECKPOINT_FUNCTIONS and [token.text for token in block.head[:1]] != ["expect"]:
        return _one(f"{function}(...)", CHECKPOINT_FUNCTIONS[function])
    if function in REDUCERS:
        return _one(f"{function}(EVAL after STAGE given AXIS = VALUE)", meaning(function))
    if function in FUNCTIONS:
        return _one(f"{function}(STAGE or CORPUS)", meaning(function))
    signature = COMPONENTS.get(function)
    return None if signature is None else _of_component(signature, block)


def _one(label: str, text: str | None) -> types.SignatureHelp:
    return types.SignatureHelp([types.SignatureInformation(label, text)], 0)


def _of_template(template: Known, block: Block) -> types.SignatureHelp:
    names = list(template.parameters)
    words = [token.text for token in block.statement]
    named = len(words) > 1 and words[1] == "=" and words[0] in names
    active = names.index(words[0]) if named else min(len(block.earlier), len(names) - 1)
    information = types.SignatureInformation(
        f"{template.name}({', '.join(names)})",
        f"a {template.kind} with parameters",
        [types.ParameterInformation(name) for name in names],
        active,
    )
    return types.SignatureHelp([information], 0, active)


def _of_component(signature: Signature, block: Block) -> types.SignatureHelp:
    labels = [_label(parameter) for parameter in signature.parameters]
    parameters = [
        types.ParameterInformation(label, f"{parameter.doc}; {parameter.type.value}")
        for label, parameter in zip(labels, signature.parameters, strict=True)
    ]
    active = _active(signature, block)
    whole = f"{signature.name}({', '.join(labels)})"
    information = types.SignatureInformation(whole, signature.doc, parameters, active)
    return types.SignatureHelp([information], 0, active)


def _label(parameter: Parameter) -> str:
    return parameter.name if parameter.required else f"{parameter.name} = {show_argument(parameter.default)}"


def _active(signature: Signature, block: Block) -> int | None:
    """The parameter that is being given: by its name, or by its place."""
    words = [token.text for token in block.statement]
    if len(words) > 1 and words[1] == "=":
        names = [parameter.name for parameter in signature.parameters]
        return names.index(words[0]) if words[0] in names else None
    place_of_next = len(block.earlier)
    return place_of_next if place_of_next < signature.positional else None
