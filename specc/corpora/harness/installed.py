"""Whether the harness is here, and which; it is found and never imported."""

from __future__ import annotations

from specc.errors import SpeccError

PACKAGE = "lm_eval"


def harness_version() -> str:
    """The version that is installed; results of different versions are not the same.

    Raises:
        SpeccError: if it isn't installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        raise SpeccError(
            "`lm_eval` needs the package `lm_eval`", "install it: `pip install 'specc[lm_eval]'`"
        ) from None
