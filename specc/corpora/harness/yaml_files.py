"""YAML files of a folder, read as plain data: no code in them is run, and none of them leaves the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from specc.corpora.contents import open_regular
from specc.errors import DataError, reason

MOST_BYTES = 1 << 20
"""Of a YAML file; tasks have a few thousand."""

MOST_VALUES = 100_000
"""Values in a definition, each counted as often as it is referred to."""

MOST_FILES = 20_000
"""Files in a folder of tasks; the harness comes with some 15,000."""

DEEPEST = 16
"""Files that include one another."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a file says by `!function`: the name of Python code, which is never looked up."""

    name: str


def yaml_files(folder: Path) -> Iterator[Path]:
    """All YAML files of a folder, those of its folders too, in the order of their paths.

    Raises:
        DataError: if there is no such folder, or it has too many files.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder", "`include` names the folder with the task's YAML and data")
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        seen += len(names)
        if seen > MOST_FILES:
            raise DataError(
                f"{folder} has more than {MOST_FILES:,} files", "name a folder that holds the task alone"
            )
        yield from (Path(place, name) for name in sorted(names) if name.endswith((".yaml", ".yml")))


def inside(folder: Path, path: Path) -> Path:
    """A path, if it stays in a folder, links followed.

    Raises:
        DataError: if it leads out of it.
    """
    try:
        stays = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # too long, with NUL, links in a circle
        what = reason(error) if isinstance(error, OSError | ValueError) else "its links go in a circle"
        raise DataError(f"{str(path)[:200]} is no path: {what}", "name a file in the folder") from error
    if not stays:
        raise DataError(
            f"{path} lies outside of the folder {folder}",
            "a task reads no file out of the folder that `include` names; move it there",
        )
    return path


def read_data(path: Path) -> bytes:
    """What is in a YAML file.

    Raises:
        DataError: if it can't be read, or is too large.
    """
    with open_regular(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MiB", "this is no definition of a task")
    return data


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, its own keys alone; `Code` stands where it asks for a function.

    Raises:
        DataError: if it can't be read, is too large, or holds something else.
    """
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # a package without types
        """Plain values, and the harness' tag for functions."""

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            if len(node.value) > MOST_VALUES:  # before mappings with these are merged again
                raise yaml.constructor.ConstructorError(None, None, "merged mappings hold too much")

    Loader.add_constructor("!function", lambda loader, node: Code(str(node.value)))
    data = read_data(path)
    try:
        found = yaml.load(data, Loader=Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise DataError(f"{path}{line} is not YAML: {what}", "mend the file") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no mapping", "a task is defined as `task: name` and more such lines")
    return found


def read_merged(path: Path, folder: Path, depth: int = 0) -> dict[str, Any]:
    """A definition with all that it includes; its own keys come before those of included files.

    Raises:
        DataError: as `read_yaml`; or if an included file lies outside of the folder, or includes this one.
    """
    if depth > DEEPEST:
        raise DataError(f"{path} includes files in a circle", "a file can't include itself")
    own = read_yaml(path)
    included = own.pop("include", [])
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        if not isinstance(name, str):
            raise DataError(f"{path} includes something that is no path", "write `include: other.yaml`")
        other = read_merged(inside(folder, path.parent / name), folder, depth + 1)
        other.pop("task_list", None)
        merged |= other
    return merged | own


def plain(value: Any, path: Path) -> Any:
    """A value as JSON has it, aliases written out.

    Raises:
        DataError: if it holds code, too much, or something that JSON doesn't have.
    """
    left = MOST_VALUES

    def copied(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > 100:
            raise DataError(f"{path} holds too much", "this is no definition of a task")
        if isinstance(value, Code):
            raise DataError(
                f"{path} needs Python code: `!function {value.name}`",
                "a recipe runs no code of a task; write it as a template of Jinja, or prepare the rows so "
                "that none is needed",
            )
        if isinstance(value, dict):
            return {_key(key, path): copied(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list):
            return [copied(each, depth + 1) for each in value]
        if isinstance(value, str):
            return _text(value, path)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise DataError(f"{path} holds a number of more than 64 bits", "put it in quotes")
        if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
            return value
        raise DataError(
            f"{path} holds a value that is neither text nor a number: {value}", "put it in quotes"
        )

    return copied(value, 0)


def _key(key: Any, path: Path) -> str:
    if not isinstance(key, str):
        raise DataError(f"{path} has a key that is no text: {key}", "put it in quotes")
    return _text(key, path)


def _text(text: str, path: Path) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{path} holds half of a character: {text!a}", "write the whole of it") from error
    return text
