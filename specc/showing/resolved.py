"""An experiment as items of one file: templates, extensions and names of other files are put in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from specc.analysis.definition import Definition, axis_names
from specc.analysis.evaluate import Evaluator
from specc.analysis.scope import TEMPLATE, Binding, Scope
from specc.components import COMPONENTS, Type
from specc.diagnostics import Span
from specc.errors import SpeccError
from specc.language import ast
from specc.language.substitute import REFERENCES

_VALUES = ("let", "model", "corpus")
_INSTALLED = ("stdlib:", "package:")


@dataclass(slots=True)
class _Declared:
    """A declaration that goes into the text: its name there, and those that it uses."""

    binding: Binding
    name: str
    value: ast.Expression | None = None
    uses: dict[int, None] = field(default_factory=dict)


class Resolver:
    """Rewrites expressions and items of one experiment so that they need no other text.

    Args:
        folder: where paths of the new text begin.
        fixed: expressions of axes that have one value.
        everything: whether declarations of the experiment are kept that nothing uses.
    """

    def __init__(
        self,
        definition: Definition,
        evaluator: Evaluator,
        folder: Path,
        fixed: Mapping[str, ast.Expression],
        everything: bool,
    ) -> None:
        self.definition = definition
        self.evaluator = evaluator
        self.folder = folder
        self.fixed = fixed
        self.axis_folders: dict[str, Path] = {}
        self._declared: dict[int, _Declared] = {}
        self._waiting: list[_Declared] = []
        self._current: _Declared | None = None
        self._memo: dict[tuple[int, int, int], Any] = {}
        self._kept: list[Any] = []
        self._taken = set(definition.scope.bindings) - set(fixed)
        if everything:
            for binding in definition.scope.bindings.values():
                if binding.kind in _VALUES and binding.value is not None:
                    self._name(binding)

    # ---- declarations

    def _name(self, binding: Binding) -> str:
        """The name of a declaration in the new text; it is noted that the current one uses it."""
        assert binding.value is not None
        key = id(binding.value)
        if self._current is not None:
            self._current.uses[key] = None
        if key not in self._declared:
            name = binding.name
            own = self.definition.scope.bindings.get(name)
            if own is None or own.value is not binding.value:
                number = 2
                while name in self._taken:
                    name = f"{binding.name}_{number}"
                    number += 1
                self._taken.add(name)
            self._declared[key] = _Declared(binding, name)
            self._waiting.append(self._declared[key])
        return self._declared[key].name

    def declarations(self) -> list[ast.Declaration]:
        """What the items asked for so far use, each after what it uses itself."""
        while self._waiting:
            declared = self._current = self._waiting.pop()
            assert declared.binding.value is not None
            declared.value = self.expression(declared.binding.value, declared.binding.scope)
        self._current = None
        ordered: dict[int, None] = {}
        for start in sorted(self._declared, key=self._place):
            open_ones = [(start, False)]
            while open_ones:
                key, ready = open_ones.pop()
                if key in ordered:
                    continue
                if ready:
                    ordered[key] = None
                    continue
                open_ones.append((key, True))
                open_ones.extend((used, False) for used in reversed(self._declared[key].uses))
        found = (self._declared[key] for key in ordered)
        return [
            ast.Declaration(
                each.binding.span,
                each.binding.kind,
                ast.Identifier(each.binding.span, each.name),
                (),
                each.value,
            )
            for each in found
            if each.value is not None
        ]

    def _place(self, key: int) -> tuple[bool, int]:
        binding = self._declared[key].binding
        own = self.definition.scope.bindings.get(binding.name)
        return own is not None and own.value is binding.value, binding.order

    # ---- expressions and items

    def expression(self, node: Any, scope: Scope | None = None) -> Any:
        """An expression, or an item, with all names meaning what they mean in the new text."""
        scope = scope or self.definition.scope
        # Of each declaration it is noted what it uses, so none may take what another has asked for.
        key = (id(node), id(scope), id(self._current))
        if key not in self._memo:
            self._kept += [node, scope]
            self._memo[key] = self._rewritten(node, scope)
        return self._memo[key]

    def _rewritten(self, node: Any, scope: Scope) -> Any:
        match node:
            case ast.Name():
                return self._of_name(node, scope)
            case ast.Call():
                instance = self.evaluator.instance(node, scope)
                if instance is not None:
                    return self.expression(instance[1], instance[2])
                return self._call(node, scope)
            case ast.With():
                value = self.expression(node.value, scope)
                changed = [self._argument(each, self._type_of(node, each), scope) for each in node.arguments]
                return ast.With(node.span, value, tuple(changed))
        return self._parts(node, lambda part: self.expression(part, scope), scope)

    def _parts(self, node: Any, change: Callable[[Any], Any], scope: Scope) -> Any:
        """A node with its parts changed."""
        if isinstance(node, tuple):
            return tuple(self._parts(item, change, scope) for item in node)
        if not isinstance(node, ast.Node):
            return node
        values: dict[str, Any] = {}
        for each in fields(node):
            value = getattr(node, each.name)
            if each.name == "span":
                values["span"] = value
            elif (type(node), each.name) in REFERENCES:
                values[each.name] = self._reference(value, scope)
            elif isinstance(value, ast.Node):
                values[each.name] = change(value)
            elif isinstance(value, tuple):
                values[each.name] = tuple(
                    change(item) if isinstance(item, ast.Node) else self._pair(item, change) for item in value
                )
            else:
                values[each.name] = value
        return type(node)(**values)

    def _pair(self, item: Any, change: Callable[[Any], Any]) -> Any:
        return tuple(change(part) for part in item) if isinstance(item, tuple) else item

    def _reference(self, value: Any, scope: Scope) -> Any:
        """A name of something that is declared elsewhere, as the new text calls it."""
        if isinstance(value, tuple):
            return tuple(self._reference(item, scope) for item in value)
        if value.text in self.fixed:
            return ast.Identifier(value.span, self._fixed_name(value.text, scope))
        binding = scope.find(value.text, value.span)
        if binding is not None and binding.kind in _VALUES and binding.value is not None:
            return ast.Identifier(value.span, self._name(binding))
        return value

    def _fixed_name(self, axis: str, scope: Scope) -> str:
        """A name for the value of an axis, where only a name can stand."""
        value = self.fixed[axis]
        if isinstance(value, ast.Name):
            changed = self.expression(value, scope)
            if isinstance(changed, ast.Name):
                return changed.text
        return self._name(Binding("let", axis, value.span, self.definition.scope, value))

    def _of_name(self, node: ast.Name, scope: Scope) -> ast.Expression:
        binding = scope.find(node.text, node.span)
        if binding is None:
            return node
        if binding.kind == "axis" and node.text in self.fixed:
            return self.expression(self.fixed[node.text])  # type: ignore[no-any-return]  # stays one
        if binding.kind in _VALUES and binding.value is not None:
            return ast.Name(node.span, self._name(binding))
        return node

    # ---- paths

    def _call(self, node: ast.Call, scope: Scope) -> ast.Call:
        arguments = []
        signature = COMPONENTS.get(node.function.text) if node.function.text in COMPONENTS else None
        for place, each in enumerate(node.arguments):
            kind = None
            if signature is not None:
                named = signature.parameter(each.name.text) if each.name is not None else None
                found = named or next(iter(signature.parameters[place : place + 1]), None)
                kind = found.type if found is not None and (named or each.name is None) else None
            arguments.append(self._argument(each, kind, scope))
        return ast.Call(node.span, node.function, tuple(arguments))

    def _type_of(self, node: ast.With, argument: ast.Argument) -> Type | None:
        """Type of an argument of `with`: paths are known by their names, which corpora share."""
        paths = ("files", "exclude", "tokenizer", "path")
        return Type.PATHS if argument.name is not None and argument.name.text in paths else None

    def _argument(self, node: ast.Argument, kind: Type | None, scope: Scope) -> ast.Argument:
        value = node.value
        folder = Path(value.span.source.name).parent
        moves = kind in (Type.PATH, Type.PATHS, Type.TOKENIZER) and not _same(folder, self.folder)
        changed = self._moved(value, folder, scope) if moves else self.expression(value, scope)
        return ast.Argument(node.span, node.name, changed)

    def _moved(self, node: ast.Expression, folder: Path, scope: Scope) -> ast.Expression:
        """Paths that begin in another folder, written from the folder of the new text."""
        match node:
            case ast.String():
                return ast.String(node.span, moved(node.value, folder, self.folder))
            case ast.ListOf():
                return ast.ListOf(node.span, tuple(self._moved(item, folder, scope) for item in node.items))
            case ast.Name():
                binding = scope.find(node.text, node.span)
                if binding is not None and binding.value is not None:
                    return self._moved(binding.value, folder, binding.scope)
                if binding is not None and binding.kind == "axis":
                    if node.text in self.fixed:
                        return self._moved(self.fixed[node.text], folder, scope)
                    self.axis_folders[node.text] = folder
        return self.expression(node, scope)  # type: ignore[no-any-return]  # an expression stays one

    def axis_values(self, node: ast.Expression, names: tuple[str, ...]) -> ast.Expression:
        """The values of an axis, whose paths may begin in another folder."""
        folders = [self.axis_folders[name] for name in names if name in self.axis_folders]
        if folders:
            return self._moved(node, folders[0], self.definition.scope)
        return self.expression(node)  # type: ignore[no-any-return]  # an expression stays one

    def overrides_a_template(self) -> Span | None:
        """Where a recipe replaces a template, which has no name in the new text."""
        for recipe in self.definition.recipes.values():
            for each in recipe.overrides:
                if isinstance(each, ast.Override) and isinstance(each.item, ast.Declaration):
                    binding = self.definition.scope.bindings.get(each.item.name.text)
                    if binding is not None and binding.kind == TEMPLATE:
                        return each.item.name.span
        return None


def moved(path: str, old: Path, new: Path) -> str:
    """A path or glob that begins in one folder, written from another.

    >>> moved("data/*.txt", Path("shared"), Path("mine"))
    '../shared/data/*.txt'
    """
    if path.startswith(_INSTALLED) or os.path.isabs(path):
        return path
    return os.path.relpath(os.path.join(old, path), new)


def _same(one: Path, other: Path) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)


def items_of(node: ast.Expression, scope: Scope) -> tuple[ast.Expression, ...]:
    """The values in a list, or a name of one.

    Raises:
        SpeccError: if they are not written as a list.
    """
    while isinstance(node, ast.Name):
        binding = scope.find(node.text, node.span)
        if binding is None or binding.value is None:
            break
        node, scope = binding.value, binding.scope
    if isinstance(node, ast.ListOf | ast.TupleOf):
        return node.items
    raise SpeccError(f"the values of `{' '.join(node.span.text.split())}` are not written as a list")


def fixed_axes(
    definition: Definition, evaluator: Evaluator, point: Mapping[str, Any]
) -> dict[str, ast.Expression]:
    """The expressions that give the axes their values at a point of the sweep."""
    scope = definition.scope
    found: dict[str, ast.Expression] = {}
    for sweep in definition.sweeps:
        if isinstance(sweep, ast.SweepTable):
            wanted = tuple(point[name.text] for name in sweep.by)
            for entry in sweep.entries:
                key = evaluator.value(entry.key, {})
                if (key if isinstance(key, tuple) else (key,)) != wanted:
                    continue
                listed = isinstance(evaluator.value(entry.value, {}), tuple)
                items = items_of(entry.value, scope) if listed else (entry.value,)
                for item in items:
                    if evaluator.value(item, {}) == point[sweep.name.text]:
                        found[sweep.name.text] = item
            continue
        names = [name.text for name in axis_names(sweep)]
        for item in items_of(sweep.values, scope):
            parts = items_of(item, scope) if sweep.zipped else (item,)
            if all(evaluator.value(part, {}) == point[name] for part, name in zip(parts, names, strict=True)):
                found |= dict(zip(names, parts, strict=True))
    return found
