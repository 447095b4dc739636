"""Components of other packages, found by the name under which a recipe speaks of them.

A package offers a component by an entry point of the group `specc.components`: its name is the
component's, its object a `Plugin`. Only installed packages are looked at, and a package is imported
only when a recipe names what it offers; a recipe can't name a module. The package's version is in
the keys of the steps that use it. A name that specc itself has stays specc's.

    [project.entry-points."specc.components"]
    lion = "specc_lion:LION"

    LION = Plugin(
        Signature(
            "lion",
            Kind.OPTIMIZER,
            "Moves by the sign of an interpolated momentum.",
            (Parameter("beta", Type.FLOAT, "decay of the momentum", 0.99, low=0, high=1),),
        ),
        "specc_lion.work:build_lion",
    )

`Signature`, `Kind`, `Parameter` and `Type` are in `specc.components`; `tests/plugin` of the sources is a
whole package. Corpora, evaluations and transforms get the parameters that all of their kind have, such
as `held_out` or `data`. The module that holds the `Plugin` is imported by `specc check`, and so is what
reads and transforms documents, to count them: torch belongs into another module, which only the
runtime imports. Implementations are, by kind, with the values of parameters by name as `arguments`:

    corpus                (files, arguments) -> iterator of `specc.corpora.documents.Document`
    optimizer             (model, arguments) -> torch.optim.Optimizer; the loop sets its rate
    evaluation            (task: specc_runtime.evaluate.measured.Task) -> Measured
    checkpoint transform  see `specc_runtime.transform`
    data transform        (blocks, arguments, tokens) -> iterator of blocks; see `specc.corpora.transforms`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from specc.components.blame import blamed
from specc.components.builtin import CHECKPOINT_PARAMETER, DATA_PARAMETER
from specc.components.builtin_data import CORPUS_PARAMETERS, DOCUMENTS_PARAMETER
from specc.components.signature import Kind, Signature, Type
from specc.errors import PluginError
from specc.steps import Component

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "specc.components"
CLOSED = (Kind.MODEL, Kind.SCHEDULE, Kind.REPLAY, Kind.STOP, Kind.TOKENIZER, Kind.ADAPTER)
"""Kinds that only specc itself has components of: the plan must know their shapes, curves and tokens."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A component and where it is implemented, as "package.module:function"."""

    signature: Signature
    implementation: str


def installed() -> list[str]:
    """Names of the components that installed packages offer, sorted; nothing is imported."""
    return sorted(_entries())


@cache
def _entries() -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        known = found.setdefault(entry.name, [])
        if entry not in known:
            known.append(entry)
    return found


@cache
def plugin(name: str) -> Plugin | None:
    """The plugin of a name, its signature completed and marked with its package and version.

    Raises:
        PluginError: if it can't be loaded, or several packages offer the name.
    """
    entries = _entries().get(name, [])
    if not entries:
        return None
    packages = [_package(entry) for entry in entries]
    if len(entries) > 1:
        listed = " and ".join(packages)
        raise PluginError(f"`{name}` is offered by {listed}", "uninstall one of them")
    try:
        loaded = entries[0].load()
    except Exception as error:
        raise PluginError(
            f"`{name}` of the package {packages[0]} can't be loaded: {type(error).__name__}: {error}",
            "install a version of the package that fits, or uninstall it",
        ) from error
    wrong = _what_is_wrong(name, loaded)
    if wrong:
        raise PluginError(f"`{name}` of the package {packages[0]} {wrong}", "tell its authors")
    signature = replace(_completed(loaded.signature), plugin=packages[0])
    return Plugin(signature, loaded.implementation)


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"


def _what_is_wrong(name: str, loaded: object) -> str:
    if not isinstance(loaded, Plugin):
        return "is no `specc.components.plugins.Plugin`"
    if loaded.signature.name != name:
        return f"calls itself `{loaded.signature.name}`"
    if loaded.signature.kind in CLOSED:
        return f"is a {loaded.signature.kind.value}, which packages can't add"
    if loaded.signature.better not in ("", "lower", "higher"):
        return 'has a `better` that is neither "lower" nor "higher"'
    if loaded.implementation.count(":") != 1:
        return 'has no implementation of the form "package.module:function"'
    return ""


def _completed(signature: Signature) -> Signature:
    """With the parameters that every component of its kind has, where it doesn't declare them."""
    declared = {parameter.name for parameter in signature.parameters}
    if signature.kind is Kind.CORPUS:
        missing = tuple(p for p in CORPUS_PARAMETERS if p.name not in declared)
        traits = signature.traits if "files" in declared else signature.traits | {"generated"}
        return replace(signature, parameters=signature.parameters + missing, traits=traits)
    if signature.kind is Kind.EVALUATION and DATA_PARAMETER.name not in declared:
        parameters = (DATA_PARAMETER, *signature.parameters)
        return replace(signature, parameters=parameters, positional=signature.positional + 1)
    if signature.kind is Kind.CHECKPOINT and not any(p.type is Type.CHECKPOINT for p in signature.parameters):
        parameters = (CHECKPOINT_PARAMETER, *signature.parameters)
        return replace(signature, parameters=parameters, positional=signature.positional + 1)
    if signature.kind is Kind.DATA and DOCUMENTS_PARAMETER.name not in declared:
        parameters = (DOCUMENTS_PARAMETER, *signature.parameters)
        return replace(signature, parameters=parameters, positional=signature.positional + 1)
    return signature


def implementation(component: Component) -> Any:
    """What does the work of a plugin's component; its mistakes are told as those of its package.

    Raises:
        PluginError: if its package is not installed, is of another version than the step was planned
            with, or has no such implementation.
    """
    found = plugin(component.name)
    if found is None or found.signature.plugin != component.plugin:
        have = found.signature.plugin if found else "no such package"
        raise PluginError(
            f"`{component.name}` was planned with {component.plugin or 'specc itself'}; "
            f"installed here is {have}",
            "install that version, or run the recipe again",
        )
    module, _, name = found.implementation.partition(":")
    try:
        work = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"`{component.name}` of the package {component.plugin} can't be loaded: {error}",
            "install a version of the package that fits",
        ) from error
    return blamed(work, component.name, component.plugin)


class Registry(Mapping[str, Signature]):
    """Signatures by name: those of specc, then those of installed packages.

    Looking a name of specc up loads nothing. Iterating leaves out plugins that can't be loaded.
    """

    def __init__(self, builtin: tuple[Signature, ...]) -> None:
        self.builtin = {signature.name: signature for signature in builtin}

    def __getitem__(self, name: str) -> Signature:
        found = self.builtin.get(name)
        if found is not None:
            return found
        other = plugin(name)
        if other is None:
            raise KeyError(name)
        return other.signature

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in _entries()

    def __iter__(self) -> Iterator[str]:
        yield from self.builtin
        for name in installed():
            if name not in self.builtin:
                try:
                    plugin(name)
                except PluginError:
                    continue
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)
