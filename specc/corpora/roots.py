"""The folder that a pattern of files is read from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from specc.corpora.globs import WILDCARD
from specc.errors import DataError


@dataclass(frozen=True, slots=True)
class Root:
    """A folder, the pattern below it, and names of folders that are never entered there."""

    folder: Path
    pattern: str
    skipped: frozenset[str] = frozenset()


def root_of(pattern: str, base: Path) -> Root:
    """Split a pattern into its root and what is below it.

    Raises:
        DataError: if the pattern is empty, names an unknown package, or leaves its root.
    """
    prefix, colon, rest = pattern.partition(":")
    if colon and prefix == "stdlib":
        import sysconfig

        skipped = frozenset({"site-packages", "dist-packages", "__pycache__"})
        return Root(Path(sysconfig.get_path("stdlib")), _inside(pattern, rest), skipped)
    if colon and prefix == "package":
        name, _, below = rest.partition("/")
        return Root(_package_folder(name), _inside(pattern, below), frozenset({"__pycache__"}))
    path = _plain(pattern)
    if not path:
        raise DataError(f"`{pattern}` names no file", 'give a path or a glob, for instance "data/*.txt"')
    if not pattern.startswith("/"):
        return Root(base, path)
    names = path.split("/")
    depth = next((i for i, name in enumerate(names) if WILDCARD.search(name)), len(names) - 1)
    return Root(Path("/", *names[:depth]), "/".join(names[depth:]))


def _plain(pattern: str) -> str:
    """A pattern without empty names and single dots."""
    return "/".join(name for name in pattern.split("/") if name not in ("", "."))


def _inside(pattern: str, below: str) -> str:
    """What is below a named root.

    Raises:
        DataError: if nothing is named, or a name is `..`.
    """
    below = _plain(below)
    if not below:
        raise DataError(
            f"`{pattern}` names no file", f'name the files in it: "{pattern.rstrip("/")}/**/*.py"'
        )
    if ".." in below.split("/"):
        raise DataError(f"`{pattern}` leaves its root", "write a path from the spec's folder instead")
    return below


def _package_folder(name: str) -> Path:
    """Folder of an installed package, found without running any of its code.

    Raises:
        DataError: if there is no such package, or it has no folder of its own.
    """
    from importlib.util import find_spec

    # Finding `a.b` would import `a`, so only top-level names are looked up.
    if not name.isidentifier():
        raise DataError(
            f"`{name}` is not the name of a package",
            "write the top-level import name, then a path: `package:torch/include/**/*.h`",
        )
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise DataError(f"no installed package is named `{name}`", _nearest_package(name))
    folders = list(spec.submodule_search_locations or ())
    if len(folders) != 1:
        kind = "is a single module" if not folders else f"is spread over {len(folders)} folders"
        raise DataError(
            f"the package `{name}` {kind}", "name a package that has one folder, or give a path to the files"
        )
    return Path(folders[0])


def _nearest_package(name: str) -> str:
    """What to do about a package that is not there."""
    import difflib
    import pkgutil

    names = [module.name for module in pkgutil.iter_modules()]
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"a package `{close[0]}` is installed"
    return "install it where specc runs; the import name counts, not the name on the package index"
