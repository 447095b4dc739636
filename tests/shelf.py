"""The example package of another author, installed as a user would."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "plugin"


def install(folder: Path, version: str = "0.1.0") -> Path:
    """Install the package below a folder, without network; returns where it lies then."""
    source, site = folder / "source", folder / "site"
    shutil.copytree(PACKAGE, source)
    project = source / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', f'version = "{version}"'))
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index"]
    command += ["--quiet", "--disable-pip-version-check", "--target", str(site), str(source)]
    subprocess.run(command, check=True)
    return site
