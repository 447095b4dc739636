"""What can be said of a model by its name: `base.tokenizer`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from specc.analysis.values import ERROR, ComponentValue, Value, describe
from specc.diagnostics import Report
from specc.language import ast

TOKENIZER = "tokenizer"
"""The one member that models have."""

FILE = "tokenizer.json"


def tokenizer_of(value: Value, node: ast.Attribute, report: Report) -> Value:
    """Path of the tokenizer that lies beside a model's weights; what is wrong is reported.

    Of a model of the hub it is where its file lies once it is fetched.
    """
    owner = node.owner.text
    if value is ERROR:
        return ERROR
    if not isinstance(value, ComponentValue) or value.signature.name not in ("checkpoint", "hub"):
        what = describe(value) if not isinstance(value, ComponentValue) else "a model that is initialised"
        report.add(
            "E0301",
            f"`{owner}` is {what}; it has no tokenizer",
            node.span,
            help='name a file: `tokenizer = "FOLDER/tokenizer.json"`',
        )
        return ERROR
    return (
        _beside(value, node, report) if value.signature.name == "checkpoint" else _pinned(value, node, report)
    )


def _beside(value: ComponentValue, node: ast.Attribute, report: Report) -> Value:
    where = value.spans.get("path", value.span)
    path = Path(where.source.name).parent / str(value.args["path"]) / FILE
    if path.is_file():
        return str(path.absolute())
    report.add(
        "E0001",
        f"`{node.owner.text}` has no tokenizer: there is no {path}",
        node.span,
        help="save the checkpoint with its tokenizer, or name another file",
    )
    return ERROR


def _fetched(name: str, revision: str, files: Sequence[str], node: ast.Attribute, report: Report) -> bool:
    """Whether `specc lock` could fetch a pinned tokenizer, and what belongs to it, to this machine."""
    from specc.errors import SpeccError
    from specc.hub.fetch import fetch

    try:
        fetch(name, revision, files)
        return True
    except SpeccError as error:
        report.add("E0007", error.message, node.span, help=error.help)
        return False


def _pinned(value: ComponentValue, node: ast.Attribute, report: Report) -> Value:
    from specc.checkpoints import COMPANIONS
    from specc.hub import snapshot_folder
    from specc.locking import ModelWanted, current, is_locking, missing

    name, asked = str(value.args["name"]), str(value.args.get("revision", ""))
    pinned = current().model(name, asked)
    if pinned is None:
        if not missing(ModelWanted(name, asked)):
            report.add(
                "E0007",
                f"the model `{name}` is not pinned in the lock file",
                node.span,
                help="run `specc lock FILE` once, where there is a network",
            )
        return ERROR
    if FILE in pinned.files:
        folder = snapshot_folder(name, pinned.revision).absolute()
        beside = [file for file in pinned.files if file in COMPANIONS]
        if is_locking() and not all((folder / file).is_file() for file in beside):
            return str(folder / FILE) if _fetched(name, pinned.revision, beside, node, report) else ERROR
        return str(folder / FILE)
    report.add(
        "E0001",
        f"`{node.owner.text}` has no tokenizer: the model `{name}` has no {FILE}",
        node.span,
        help="name another file, or another model",
    )
    return ERROR
