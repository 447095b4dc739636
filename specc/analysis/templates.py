"""Declarations with parameters, and the arguments that their uses give them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from specc.analysis.scope import TEMPLATE, Binding, Scope
from specc.components import COMPONENTS
from specc.diagnostics import Label, Report, Span, parameter_meant
from specc.language import ast
from specc.language.substitute import Misplaced, substitute, walk

DEEPEST = 64
"""Uses of templates inside each other, and extensions of extensions' arguments."""

UNKNOWN_SAMPLE = "VALUE"
"""Stands in an example for a value of which nothing is known."""

SETTING_SAMPLES = {
    "budget": "8M tokens",
    "optimizer": "adamw()",
    "schedule": "constant(peak = 1e-3)",
    "batch": "64 sequences",
    "sequence": "512 tokens",
    "clip": "1.0",
    "dropout": "0.1",
    "dtype": '"bfloat16"',
}
"""Sample values of settings that a parameter may be given to."""


def declared(item: ast.Declaration, scope: Scope, report: Report) -> Binding:
    """What a `let`, `model` or `corpus` declares: a value, or a template if it has parameters."""
    if not item.parameters:
        return Binding(item.keyword, item.name.text, item.name.span, scope, item.value)
    if item.keyword == "let":
        first, last = item.parameters[0].span, item.parameters[-1].span
        report.add(
            "E0102",
            "a `let` has no parameters: it names one value, and the language has no functions",
            first.to(last),
            notes=["`model`, `corpus`, `recipe` and `experiment` may have parameters"],
            help="write the value where it is needed, or sweep over what differs",
        )
        return Binding("failed", item.name.text, item.name.span, scope)
    if item.name.text in COMPONENTS:
        report.add(
            "E0207",
            f"`{item.name.text}` can't name a template: it is a component",
            item.name.span,
            help="give the template another name",
        )
        return Binding("failed", item.name.text, item.name.span, scope)
    check_parameters(item.parameters, scope, report)
    return Binding(TEMPLATE, item.name.text, item.name.span, scope, node=item)


def check_parameters(parameters: Sequence[ast.Parameter], scope: Scope, report: Report) -> None:
    """Report parameters of one name, and those that hide a name that is declared already."""
    seen: dict[str, ast.Identifier] = {}
    for parameter in parameters:
        name = parameter.name
        around = scope.find(name.text, name.span)
        other = seen[name.text].span if name.text in seen else around.span if around else None
        if other is not None and (name.text in seen or (around and around.kind != "experiment")):
            report.add(
                "E0202",
                f"`{name.text}` is declared twice",
                name.span,
                "here again, as a parameter",
                secondary=[Label(other, "first here")],
                help="give one of them another name",
            )
        seen.setdefault(name.text, name)


def matched(
    name: str,
    parameters: Sequence[ast.Parameter],
    arguments: Sequence[ast.Argument],
    at: Span,
    body: Iterable[ast.Node],
    report: Report,
) -> dict[str, ast.Expression] | None:
    """The expression of each parameter in a use; None if the arguments are wrong, and were reported.

    Arguments are given by name; the only parameter of a template needs none. A default may use the
    parameters before it.

    Args:
        name: of the template, for messages. at: the use of it. body: what the parameters stand in.
    """
    known = {parameter.name.text: parameter for parameter in parameters}
    named = {argument.name.text for argument in arguments if argument.name is not None}
    given: dict[str, ast.Argument] = {}
    good = True
    for argument in arguments:
        key = _parameter(name, known, argument, named, report)
        if key is None:
            good = False
        elif key in given:
            first = given[key].name or given[key]
            report.add(
                "E0206",
                f"`{key}` is given twice",
                (argument.name or argument).span,
                secondary=[Label(first.span, "first here")],
                help="keep one",
            )
            good = False
        else:
            given[key] = argument
    missing = [p for p in parameters if p.default is None and p.name.text not in given]
    if missing and good:
        listed = ", ".join(f"`{p.name.text}`" for p in missing)
        report.add(
            "E0205",
            f"`{name}` needs the parameter{'s' if len(missing) > 1 else ''} {listed}",
            at,
            secondary=[Label(missing[0].span, "declared here")],
            help=example_help(name, parameters, body),
        )
    if missing or not good:
        return None
    found: dict[str, ast.Expression] = {}
    for parameter in parameters:
        key = parameter.name.text
        if key in given:
            found[key] = given[key].value
        elif parameter.default is not None:
            found[key] = substitute(parameter.default, found, at)
    return found


def _parameter(
    name: str,
    known: Mapping[str, ast.Parameter],
    argument: ast.Argument,
    named: Collection[str],
    report: Report,
) -> str | None:
    """The parameter that an argument is for; None if there is none, and that was reported.

    Args:
        named: the names that this use gives; they are not what was meant by another name.
    """
    free = [key for key in known if key not in named]
    listed = ", ".join(f"`{key}`" for key in known)
    takes = [f"`{name}` takes {listed}" if known else f"`{name}` has no parameters"]
    if argument.name is None:
        if len(known) == 1:
            return next(iter(known))
        likely = next(iter(free), None)
        report.add(
            "E0204",
            f"this argument of `{name}` needs a name" if known else f"`{name}` takes no argument",
            argument.span,
            notes=takes if known else [],
            help=f"write `{likely} = {argument.span.text}`" if likely is not None else "remove it",
        )
        return None
    if argument.name.text not in known:
        report.add(
            "E0204",
            f"`{name}` has no parameter `{argument.name.text}`",
            argument.name.span,
            notes=takes if known else [],
            help=parameter_meant(argument.name.text, known, named),
        )
        return None
    return argument.name.text


def report_misplaced(misplaced: Iterable[Misplaced], report: Report) -> None:
    """Report parameters that stand where only a name can, and were given something else."""
    for each in misplaced:
        report.add(
            "E0301",
            f"`{each.place.text}` stands for a name, and can't be given a value",
            each.argument.span,
            secondary=[Label(each.place.span, "a name must stand here")],
            help="declare it, and give its name",
        )


def example_help(name: str, parameters: Sequence[ast.Parameter], body: Iterable[ast.Node]) -> str:
    """How to use a template, with sample values of the parameters that must be given."""
    example = _example_use(name, parameters, body)
    return f"give it a value: `{example}`" if UNKNOWN_SAMPLE in example else f"write `{example}`"


def _example_use(name: str, parameters: Sequence[ast.Parameter], body: Iterable[ast.Node]) -> str:
    """A use of a template with sample values of the parameters that must be given."""
    needed = [p.name.text for p in parameters if p.default is None]
    samples = _samples(set(needed), body)
    listed = ", ".join(f"{key} = {samples.get(key, UNKNOWN_SAMPLE)}" for key in needed)
    return f"{name}({listed})"


def _samples(names: set[str], body: Iterable[ast.Node]) -> dict[str, str]:
    """Sample values by what the parameters are given to in the body."""
    found: dict[str, str] = {}
    for node in (node for root in body for node in walk(root)):
        match node:
            case ast.Call():
                given = _call_samples(node)
            case ast.Setting(value=ast.Name() as value):
                given = [(value.text, SETTING_SAMPLES.get(node.name.text))]
            case ast.Cell(value=ast.Name() as value):
                given = [(value.text, "50%")]
            case ast.Row(total=ast.Name() as value):
                given = [(value.text, "1M tokens")]
            case _:
                continue
        for key, sample in given:
            if key in names and sample is not None:
                found.setdefault(key, sample)
    return found


def _call_samples(call: ast.Call) -> list[tuple[str, str | None]]:
    """Sample values of the names that a component is given."""
    from specc.analysis.arguments import SAMPLES

    signature = COMPONENTS.get(call.function.text) if call.function.text in COMPONENTS else None
    found: list[tuple[str, str | None]] = []
    for place, argument in enumerate(call.arguments):
        if signature is None or not isinstance(argument.value, ast.Name):
            continue
        own = (
            signature.parameter(argument.name.text)
            if argument.name
            else next(iter(signature.parameters[place : place + 1]), None)
        )
        if own is not None:
            found.append((argument.value.text, "64" if own.name == "width" else SAMPLES[own.type]))
    return found
