"""Arguments of components, checked against their signatures."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from specc.analysis.data_calls import PARTS, as_data, needs_data, open_leaf, refuse_corpus
from specc.analysis.values import (
    ERROR,
    Amount,
    ComponentValue,
    CorpusValue,
    DataValue,
    EvalValue,
    Unit,
    Value,
    describe,
    read_number,
    show_number,
)
from specc.analysis.weights import as_checkpoint
from specc.components import Kind, Parameter, Signature, Type
from specc.diagnostics import Label, Report, Span, nearest, parameter_meant
from specc.language import ast
from specc.steps import DATA_SPLIT

_SPLIT_NAME = re.compile(r"[A-Za-z_]\w{0,62}", re.ASCII)
"""What can stand behind the point in `skill.probe`."""

Given = tuple[ast.Identifier | None, Value, Span]
"""Name if there is one, value, and where it is written."""


class Arguments:
    """Checks the arguments of calls; mistakes go to the report."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def check(
        self, signature: Signature, given: Sequence[Given], span: Span, base: ComponentValue | None = None
    ) -> tuple[dict[str, Any] | None, Mapping[str, Span]]:
        """Arguments by name, as JSON-like values; None if any is wrong.

        Args:
            base: a component whose arguments are kept where they aren't given (`with`).
        """
        args: dict[str, Any] = dict(base.args) if base else {}
        spans: dict[str, Span] = dict(base.spans) if base else {}
        seen: dict[str, Span] = {}
        several: list[Any] = []
        named = {name.text for name, _, _ in given if name is not None}
        good = True
        for place, (name, value, where) in enumerate(given):
            parameter = self._parameter(signature, name, place, where, named)
            if parameter is None:
                good = False
                continue
            at = name.span if name else where
            if "several" in signature.traits and name is None:
                several.append(self.convert(parameter, value, where, signature.name))
                spans.setdefault(parameter.name, where)
                good &= several[-1] is not ERROR
                continue
            if parameter.name in seen:
                first = Label(seen[parameter.name], "first here")
                self.report.add(
                    "E0206", f"`{parameter.name}` is given twice", at, secondary=[first], help="keep one"
                )
                good = False
                continue
            seen[parameter.name] = at
            converted = self.convert(parameter, value, where, signature.name)
            if converted is ERROR:
                good = False
                continue
            args[parameter.name] = converted
            spans[parameter.name] = where
        if several:
            args[signature.parameters[0].name] = tuple(several)
        missing = [
            p for p in signature.parameters if p.required and p.name not in args and p.name not in seen
        ]
        if missing and good:
            names = ", ".join(f"`{p.name}`" for p in missing)
            word = "parameter" if len(missing) == 1 else "parameters"
            self.report.add(
                "E0205",
                f"`{signature.name}` needs the {word} {names}",
                span,
                notes=[f"`{p.name}`: {p.doc}" for p in missing],
                help=f"write `{example_call(signature, missing, given)}`",
            )
            good = False
        return (args if good else None), spans

    def _parameter(
        self,
        signature: Signature,
        name: ast.Identifier | None,
        place: int,
        span: Span,
        named: Collection[str],
    ) -> Parameter | None:
        """The parameter that an argument is for; `named` are the names that the call gives."""
        if name is None:
            if place < signature.positional:
                return signature.parameters[place]
            if "several" in signature.traits:
                return signature.parameters[0]
            names = ", ".join(f"`{p.name}`" for p in signature.parameters)
            free = [p for p in signature.parameters[place:] if p.name not in named]
            likely = free[0] if free else signature.parameters[-1]
            self.report.add(
                "E0204",
                f"this argument of `{signature.name}` needs a name",
                span,
                notes=[f"`{signature.name}` takes {names}"],
                help=f"write `{likely.name} = {span.text}`",
            )
            return None
        parameter = signature.parameter(name.text)
        if parameter is None:
            known = [p.name for p in signature.parameters]
            self.report.add(
                "E0204",
                f"`{signature.name}` has no parameter `{name.text}`",
                name.span,
                notes=[f"it takes {', '.join(f'`{k}`' for k in known)}"],
                help=_elsewhere(signature, name.text) or parameter_meant(name.text, known, named),
            )
        return parameter

    def convert(self, parameter: Parameter, value: Value, span: Span, owner: str) -> Any:
        """The value as a component, the `owner`, receives it; `ERROR` if it has another type or range."""
        if value is ERROR:
            return ERROR
        kind = parameter.type
        match kind:
            case Type.INT | Type.FLOAT:
                return self._number(parameter, value, span)
            case Type.SHARE:
                if isinstance(value, Amount) and value.unit is Unit.SHARE:
                    if not 0 <= value.value <= 1:
                        return self._out_of_range(parameter, value, span, "0% to 100%")
                    return f"{value.value.numerator}/{value.value.denominator}"
                help = None
                if isinstance(value, Amount) and value.unit is Unit.NUMBER and 0 <= value.value <= 1:
                    help = f"write `{show_number(value.value * 100)}%`"
                return self._wrong(parameter, value, span, help)
            case Type.TOKENS:
                if isinstance(value, Amount) and value.unit is Unit.TOKENS:
                    if not self._bounded(parameter, value.value):
                        return self._out_of_range(parameter, value, span, _bounds(parameter))
                    return int(value.value)
                help = None
                if isinstance(value, Amount) and value.unit is Unit.NUMBER:
                    help = f"write `{span.text} tokens`" if self._bounded(parameter, value.value) else None
                return self._wrong(parameter, value, span, help)
            case Type.LENGTH:
                if isinstance(value, Amount) and value.unit in (Unit.STEPS, Unit.TOKENS, Unit.SHARE):
                    if value.value < 0:
                        return self._out_of_range(parameter, value, span, "not below 0")
                    return value
                bare = isinstance(value, Amount) and value.unit is Unit.NUMBER
                return self._wrong(
                    parameter, value, span, f"write `{span.text} steps`, or a percentage" if bare else None
                )
            case Type.RATE:
                if isinstance(value, Amount) and value.unit in (Unit.NUMBER, Unit.SHARE):
                    if value.value < 0:
                        return self._out_of_range(parameter, value, span, "not below 0")
                    return value
                return self._wrong(parameter, value, span)
            case Type.BOOL:
                return value if isinstance(value, bool) else self._wrong(parameter, value, span)
            case Type.STRING | Type.PATH:
                return self._string(parameter, value, span)
            case Type.TOKENIZER:
                made = isinstance(value, ComponentValue) and value.signature.kind is Kind.TOKENIZER
                if made or isinstance(value, str):
                    return value
                forms = 'write `"tokenizer.json"`, `bpe(vocab = 4_096)`, or that of a corpus, `web.tokenizer`'
                return self._wrong(parameter, value, span, forms)
            case Type.CORPORA:
                items = value if isinstance(value, tuple) and value else (value,)
                if all(_is_corpus(item) for item in items):
                    return items
                return self._wrong(parameter, value, span)
            case Type.STRINGS | Type.PATHS:
                if isinstance(value, str):
                    return (value,)
                if isinstance(value, tuple) and value and all(isinstance(item, str) for item in value):
                    return value
                return self._wrong(parameter, value, span)
            case Type.FLOATS:
                if isinstance(value, tuple) and all(
                    isinstance(v, Amount) and v.unit is Unit.NUMBER for v in value
                ):
                    return tuple(float(item.value) for item in value)
                return self._wrong(parameter, value, span)
            case Type.DATA | Type.DOCUMENTS:
                return self._data(parameter, value, span, owner)
            case Type.SPLITS:
                return self._splits(parameter, value, span)
            case Type.EVAL:
                if isinstance(value, EvalValue):
                    return value
                return self._wrong(parameter, value, span, "declare an `eval`, and name it here", owner)
            case Type.CHECKPOINT:
                checkpoint = as_checkpoint(value)
                return self._wrong(parameter, value, span, None, owner) if checkpoint is None else checkpoint

    def _data(self, parameter: Parameter, value: Value, span: Span, owner: str) -> Any:
        data = as_data(value)
        if data is None:
            needs_data(self.report, owner, value, span)
            return ERROR
        if isinstance(data, DataValue) and not data.split:
            data = replace(data, span=span)
        if parameter.type is Type.DATA and open_leaf(data) is not None:
            refuse_corpus(self.report, owner, data, span)
            return ERROR
        return data

    def _splits(self, parameter: Parameter, value: Value, span: Span) -> Any:
        if not isinstance(value, tuple) or not all(
            isinstance(item, tuple)
            and len(item) == 2
            and isinstance(item[0], str)
            and isinstance(item[1], Amount)
            and item[1].unit is Unit.SHARE
            for item in value
        ):
            given = "" if isinstance(value, tuple) else f", not {describe(value)}"
            self.report.add(
                "E0301",
                f"`{parameter.name}` needs pairs of a name and a percentage{given}",
                span,
                help='write `[("probe", 5%)]`',
            )
            return ERROR
        found: dict[str, str] = {}
        for name, share in value:
            if not _SPLIT_NAME.fullmatch(name) or name in (*PARTS, DATA_SPLIT):
                why = "a corpus has that part already" if name in PARTS else "it is written behind a point"
                self.report.add("E0207", f'"{name}" can\'t name a part of a corpus: {why}', span)
                return ERROR
            if name in found:
                self.report.add("E0206", f'"{name}" names two parts of the corpus', span, help="rename one")
                return ERROR
            if not 0 < share.value < 1:
                return self._out_of_range(parameter, share, span, "above 0% and below 100%")
            found[name] = f"{share.value.numerator}/{share.value.denominator}"
        return tuple(found.items())

    def _number(self, parameter: Parameter, value: Value, span: Span) -> Any:
        if not isinstance(value, Amount) or value.unit is not Unit.NUMBER:
            help = None
            if isinstance(value, Amount) and value.unit is Unit.SHARE and parameter.type is Type.FLOAT:
                help = f"write `{show_number(value.value)}`"
            elif isinstance(value, str):
                quoted = span.text == f'"{value}"' and not isinstance(read_number(value), str)
                help = f"write `{value}`" if quoted else "numbers are written without quotes"
            return self._wrong(parameter, value, span, help)
        if parameter.type is Type.INT and value.value.denominator != 1:
            return self._wrong(parameter, value, span)
        if not self._bounded(parameter, value.value):
            return self._out_of_range(parameter, value, span, _bounds(parameter))
        return int(value.value) if parameter.type is Type.INT else float(value.value)

    def _string(self, parameter: Parameter, value: Value, span: Span) -> Any:
        if not isinstance(value, str):
            return self._wrong(
                parameter, value, span, f'write `"{span.text}"`' if span.text.isidentifier() else None
            )
        if parameter.choices and value not in parameter.choices:
            close = nearest(value, parameter.choices)
            self.report.add(
                "E0303",
                f'`{parameter.name}` can\'t be "{value}"',
                span,
                notes=["it is one of " + ", ".join(f'"{choice}"' for choice in parameter.choices)],
                help=f'write `"{close or parameter.choices[0]}"`',
            )
            return ERROR
        return value

    def _bounded(self, parameter: Parameter, value: Fraction) -> bool:
        return (
            (parameter.low is None or value >= Fraction(parameter.low))
            and (parameter.high is None or value <= Fraction(parameter.high))
            and (parameter.above is None or value > Fraction(parameter.above))
        )

    def _wrong(
        self, parameter: Parameter, value: Value, span: Span, help: str | None = None, owner: str = ""
    ) -> Any:
        """Report a value of another type; of a parameter that is written without its name, by its `owner`."""
        needed, _, _ = parameter.type.value.partition(", for instance")
        number = isinstance(value, Amount) and value.unit is Unit.NUMBER and parameter.type is Type.INT
        self.report.add(
            "E0301",
            f"`{owner or parameter.name}` needs {needed}, not {value if number else describe(value)}",
            span,
            help=help,
        )
        return ERROR

    def _out_of_range(self, parameter: Parameter, value: Value, span: Span, bounds: str) -> Any:
        self.report.add(
            "E0303",
            f"`{parameter.name}` is {value}; it must be {bounds}",
            span,
            notes=[f"`{parameter.name}`: {parameter.doc}"],
        )
        return ERROR


def _is_corpus(value: object) -> bool:
    return isinstance(value, CorpusValue) or (
        isinstance(value, ComponentValue) and value.signature.kind is Kind.CORPUS
    )


def _bounds(parameter: Parameter) -> str:
    if parameter.above is not None:
        return f"above {parameter.above:g}"
    if parameter.low is not None and parameter.high is not None:
        return f"{parameter.low:g} to {parameter.high:g}"
    if parameter.low is not None:
        return f"at least {parameter.low:g}"
    return f"at most {parameter.high:g}"


SAMPLES = {
    Type.INT: "4",
    Type.FLOAT: "1e-3",
    Type.SHARE: "5%",
    Type.BOOL: "true",
    Type.STRING: '"..."',
    Type.STRINGS: '["..."]',
    Type.FLOATS: "[0.9, 0.95]",
    Type.TOKENS: "512 tokens",
    Type.LENGTH: "100 steps",
    Type.RATE: "10%",
    Type.PATHS: '"data/*.txt"',
    Type.PATH: '"folder"',
    Type.TOKENIZER: '"tokenizer.json"',
    Type.CORPORA: "web",
    Type.DATA: "web.held_out",
    Type.DOCUMENTS: "web.train",
    Type.SPLITS: '[("probe", 5%)]',
    Type.EVAL: "skill_loss",
    Type.CHECKPOINT: "pretrain",
}


def example_call(signature: Signature, missing: Sequence[Parameter], given: Sequence[Given] = ()) -> str:
    """A call of a component with the arguments that are given, and sample values of some parameters."""
    positional = signature.parameters[: signature.positional]
    texts = [(name, " ".join(span.text.split())) for name, _, span in given]
    parts = [text for name, text in texts if name is None]
    parts += [_sample(p) for p in missing if p in positional]
    parts += [f"{name.text} = {text}" for name, text in texts if name is not None]
    parts += [f"{p.name} = {_sample(p)}" for p in missing if p not in positional]
    return f"{signature.name}({', '.join(parts)})"


def _sample(parameter: Parameter) -> str:
    return f'"{parameter.choices[0]}"' if parameter.choices else SAMPLES[parameter.type]


def _elsewhere(signature: Signature, name: str) -> str | None:
    if name in ("lr", "learning_rate") and signature.kind.value == "optimizer":
        return "the learning rate belongs to the schedule: `schedule = constant(peak = 1e-3)`"
    if name in ("lr", "learning_rate") and signature.kind.value == "schedule":
        return "write `peak`"
    if name == "betas":
        return "write `beta1 = 0.9, beta2 = 0.95`"
    return None
