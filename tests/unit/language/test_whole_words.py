"""A word of the language is a word, not the beginning of one."""

from __future__ import annotations

import pytest

from specc.diagnostics import Report, Source
from specc.language.parse import parse


@pytest.mark.parametrize(
    "text",
    [
        "letx = 1\n",
        "modelx = tiny\n",
        'useful "models.spec" { tiny }\n',
        "experiment e {\n  stages a from b {}\n}\n",
        "experiment e {\n  seeds0..2\n}\n",
        "experiment e {\n  stage a fromb {}\n}\n",
        "experiment e {\n  evaluate fit = loss(web) after a\n}\n",
    ],
)
def test_a_word_does_not_begin_another(text: str) -> None:
    report = Report()
    parse(Source("case.spec", text), report)
    assert [found.code[:3] for found in report.diagnostics] == ["E01"]


@pytest.mark.parametrize("name", ["models", "stage_one", "letter", "fromage", "at1", "early_", "equally"])
def test_a_name_may_begin_with_a_word(name: str) -> None:
    report = Report()
    parse(Source("case.spec", f"let {name} = 1\nlet b = {name} + {name}.train\n"), report)
    assert not report.diagnostics
