"""A virtual environment for each peer, with exact versions, made when it is first needed.

`requirements/NAME.txt` holds all packages of an environment, as `pip freeze` gave them. An
environment is kept under a name that holds the digest of that file and Python's version.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"


def default_folder() -> Path:
    """Where environments are kept: below the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "specbench"


def programs(name: str, folder: Path) -> Path:
    """Folder of the executables of a peer's environment, which is made if need be.

    Raises:
        RuntimeError: if it can't be made, with the last line of what pip said.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    pinned = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    environment = folder / f"{name}-{pinned}-{platform.python_version()}"
    if not (environment / "complete").exists():
        print(f"making an environment for {name} in {environment}", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(environment)],
            [str(environment / "bin" / "pip"), "install", "-q", "--no-deps", "-r", str(requirements)],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr or done.stdout).strip().splitlines()[-1:]
                raise RuntimeError(f"no environment for {name}: {' '.join(last)}")
        (environment / "complete").touch()
    return environment / "bin"
