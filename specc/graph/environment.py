"""Whether what is done was made with the versions that are installed here.

Versions are provenance and enter no key: a reused result may come from another environment, and the
plan says so.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from itertools import islice

from specc.errors import SpeccError
from specc.store import Store

READ_AT_MOST = 64
"""Manifests that are read for a comparison."""


def installed(package: str) -> str | None:
    """The version of a package, or of Python, that is installed here."""
    if package == "python":
        return platform.python_version()
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def differences(store: Store, keys: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each version that finished steps were made with and that is not the one here.

    Args:
        keys: finished steps; the first of them are looked at.
    """
    found: Counter[tuple[str, str]] = Counter()
    looked_at = 0
    for key in islice(keys, READ_AT_MOST):
        try:
            provenance = store.manifest(key).provenance
        except SpeccError:
            continue
        looked_at += 1
        # A step that was interrupted may have been begun with other versions.
        ways = ({"versions": provenance.versions}, *provenance.computed.get("earlier", ()))
        found.update({pair for way in ways for pair in way.get("versions", {}).items()})
    here = {package: installed(package) for package, _ in found}
    return tuple(
        f"{count} of {looked_at} finished steps looked at were made with {package} {made}; "
        f"here is {here[package]}"
        for (package, made), count in sorted(found.items())
        if here[package] not in (None, made)
    )
