"""The long text of a code: what it means, with a wrong and a right example.

The texts lie in `explanations/`, a file for each code; the tests compile their examples. An example
is a file, or a part of one: items of an experiment, settings of a stage, rows of `allocate`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from specc.diagnostics.codes import CODES

FOLDER = Path(__file__).parent / "explanations"

_EXAMPLE = re.compile(r"^(Wrong|Right):\n\n(`{3,})spec *(\S*)\n(.*?)\n\2$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """A piece of a recipe; `file` is the name that it must have, if that matters."""

    text: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means. Codes that no short text can show have no examples."""

    code: str
    title: str
    text: str
    wrong: Example | None
    right: Example | None


def explanation(code: str) -> Explanation:
    """The explanation of a code.

    Raises:
        KeyError: if there is no such code.
    """
    title = CODES[code]
    content = (FOLDER / f"{code}.md").read_text(encoding="utf-8")
    examples = {kind: Example(text, file) for kind, _, file, text in _EXAMPLE.findall(content)}
    prose = _EXAMPLE.sub("", content).strip()
    return Explanation(code, title, " ".join(prose.split()), examples.get("Wrong"), examples.get("Right"))
