"""The tutorial, followed to the letter: its commands print what it says that they print.

Numbers with a decimal point (losses, seconds) may differ from machine to machine and are compared
as such; all else is compared word for word. `--bless` writes what was printed into the tutorial.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from recipe import ROOT

TUTORIAL = ROOT / "specs" / "TUTORIAL.md"
BLOCK = re.compile(r"```(?P<kind>console|spec add to (?P<file>\S+))\n(?P<text>.*?)```\n", re.DOTALL)


@dataclass
class Reader:
    """Somebody who follows the tutorial: where they are, and what they have on their path."""

    folder: Path
    environment: dict[str, str]

    def follow(self, command: str) -> str:
        """Type a command; returns what it prints to standard output, or else to standard error."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            return ""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout or (done.stderr if done.returncode else "")

    def add(self, name: str, text: str) -> None:
        """Put text before the last brace of a file."""
        path = self.folder / name
        before, _, _ = path.read_text().rpartition("}")
        inside = "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())
        path.write_text(f"{before}\n{inside}}}\n")


def reader(folder: Path) -> Reader:
    """A reader with `specc` on their path, in an empty directory."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "specc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m specc "$@"\n')
    (programs / "specc").chmod(0o755)
    place = folder / "empty"
    place.mkdir()
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "runtime")),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "NO_COLOR": "1",
    }
    return Reader(place, environment)


def followed(text: str, reader: Reader) -> str:
    """The tutorial with what its commands really print."""

    def block(match: re.Match[str]) -> str:
        if match["file"]:
            reader.add(match["file"], match["text"])
            return match[0]
        commands = [line[2:] for line in match["text"].splitlines() if line.startswith("$ ")]
        printed = "".join(f"$ {command}\n{reader.follow(command)}" for command in commands)
        return f"```console\n{printed}{'' if printed.endswith(chr(10)) else chr(10)}```\n"

    return BLOCK.sub(block, text)


def comparable(text: str) -> list[str]:
    """Lines without what may differ: decimals, seconds, and the widths that come of them."""
    text = re.sub(r"\d+\.\d+(?:e[+-]?\d+)?", "N", text)
    text = re.sub(r"\b(?:N|\d+) (?:min|s|h)\b(?: \d+ s)?", "TIME", text)
    text = re.sub(r"─+", "─", text)
    text = re.sub(r"with \d+ workers?", "with W workers", text)
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.conformance
def test_every_command_prints_what_the_tutorial_says(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    real = followed(text, reader(tmp_path))
    if request.config.getoption("--bless"):
        TUTORIAL.write_text(real, encoding="utf-8")
    assert comparable(real) == comparable(text)
