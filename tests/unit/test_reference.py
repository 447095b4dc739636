"""The reference speaks of every word of the language, and its examples compile."""

from __future__ import annotations

from pathlib import Path

import pytest

from framing import framed
from specc.analysis import checkpoint_calls, checks
from specc.analysis.arguments import SAMPLES
from specc.analysis.compile import compile_file
from specc.analysis.definition import SETTINGS
from specc.components import COMPONENTS, Type
from specc.diagnostics import render
from specc.language.keywords import keywords
from specc.quantities.fits.forms import FORMS
from specc.quantities.templates.functions import FUNCTIONS as TEMPLATE_FUNCTIONS
from specc.reference.definitions import FOLDER, FUNCTIONS, FUNCTIONS_FOLDER, ORDER
from specc.reference.pages import listing, markdown, page, page_text, pages, speaking_of
from specc.results import schema
from specc.workspace import Workspace

ROOT = Path(__file__).parents[2]
NEEDS_FILES = {"chat", "checkpoint", "hub", "jsonl", "lm_eval", "parquet", "choice", "token_files", "hf"}
"""Components whose examples name files of the reader's own."""

SETTINGS_AROUND = """
  optimizer = adamw()
  schedule  = constant(peak = 1e-3)
  batch     = 8 sequences
"""
FRAMES = {
    "model": "stage pretrain from {} {{" + SETTINGS_AROUND + "}}",
    "optimizer": "optimizer = {}\nschedule = constant(peak = 1e-3)\nbatch = 8 sequences",
    "schedule": "optimizer = adamw()\nschedule = {}\nbatch = 8 sequences",
    "corpus": "corpus read = {}\nallocate {{ read {{ pretrain: 2_560 tokens }} }}",
    "tokenizer": 'corpus read = text("stdlib:email/*.py", tokenizer = {})\n'
    "allocate {{ read {{ pretrain: 2_560 tokens }} }}",
    "evaluation": "eval measured = {} after pretrain",
    "checkpoint transform": "eval measured = loss(web.held_out) after {}",
    "adapter": "stage posttrain from pretrain {{\n  adapter = {}\n}}",
    "replay": "stage posttrain from pretrain {{\n  replay = {}\n}}",
    "stop": "stage posttrain from pretrain {{\n  until = {}\n}}\n"
    "eval skill_loss = loss(web.held_out) after posttrain",
    "data transform": "eval measured = loss({}) after pretrain",
}
"""Where a component of each kind stands in a recipe."""


def check(text: str, folder: Path) -> str:
    """What is printed of a piece of a recipe; "" if it is good."""
    (folder / "models.spec").write_text((ROOT / "specs/models.spec").read_text())
    path = folder / "example.spec"
    path.write_text(framed(text))
    report = compile_file(path, library=True).report
    # A part of a recipe may declare what the rest would use.
    said = [found for found in report.diagnostics if found.code != "W0201"]
    return path.read_text() + render(report) if said else ""


def test_there_is_a_page_for_each_item_of_the_grammar() -> None:
    assert set(ORDER) == set(keywords().items) == {path.stem for path in FOLDER.glob("*.md")}


def test_there_is_a_page_for_each_function() -> None:
    known = [*checkpoint_calls.FUNCTIONS, *checks.FUNCTIONS]
    assert sorted(FUNCTIONS) == sorted(known) == sorted(path.stem for path in FUNCTIONS_FOLDER.glob("*.md"))


@pytest.mark.parametrize(
    ("word", "pages"),
    [
        ("rest", ["allocate"]),
        ("within", ["allocate"]),
        ("peak", ["schedule", "constant", "linear", "cosine", "wsd"]),
        ("every", ["eval", "early_stop"]),
        ("given", ["expect"]),
        ("tokens_counted", ["allocations"]),
        ("a word of no recipe", []),
        ("", []),
    ],
)
def test_a_word_without_a_page_is_looked_up_in_the_pages(word: str, pages: list[str]) -> None:
    assert speaking_of(word) == pages


def test_there_is_a_page_for_each_setting_and_component() -> None:
    names = [found.name for found in pages()]
    assert set(names) >= set(SETTINGS) | set(COMPONENTS)
    assert len(names) == len(set(names))


def test_the_pages_on_queries_speak_of_every_template_and_curve(tmp_path: Path) -> None:
    templates, fits = page("sql_templates"), page("fits")
    assert templates is not None
    assert fits is not None
    assert not check(templates.example, tmp_path)
    for name in (*TEMPLATE_FUNCTIONS, "ref"):
        assert f"\n{name}: " in page_text(templates)
    for form in FORMS.values():
        assert form.formula in " ".join(page_text(fits).split())
    assert "### sql_templates" in markdown()


def test_every_type_has_a_sample_for_help_texts() -> None:
    assert set(SAMPLES) == set(Type)


@pytest.mark.parametrize("name", [*ORDER, *FUNCTIONS])
def test_the_example_of_an_item_or_function_compiles(name: str, tmp_path: Path) -> None:
    found = page(name)
    assert found is not None
    assert name in found.example
    assert not check(found.example, tmp_path)


@pytest.mark.parametrize("name", sorted(set(COMPONENTS.builtin) - NEEDS_FILES))
def test_the_example_of_a_component_compiles(name: str, tmp_path: Path) -> None:
    found = page(name)
    assert found is not None
    frame = FRAMES[COMPONENTS[name].kind.value]
    assert not check(frame.format(found.example), tmp_path)


def test_a_page_shows_types_defaults_units_and_source() -> None:
    found = page("cosine")
    assert found is not None
    text = page_text(found)
    for part in ("peak", "required", "default 0%", "steps, tokens or a percentage", "arXiv 1608.03983"):
        assert part in text


def test_the_whole_reference_holds_every_page() -> None:
    text = markdown()
    assert all(f"### {found.name}\n" in text and found.name in listing() for found in pages())


def test_there_is_a_page_for_each_table_of_the_results_with_all_of_its_columns() -> None:
    overview = page("schema")
    assert overview is not None
    assert f"version {schema.VERSION}" in page_text(overview)
    assert "raised with every change" in " ".join(page_text(overview).split())
    for table in (*schema.TABLES, schema.WIDE):
        found = page("steps_table" if table.name == "steps" else table.name)
        assert found is not None
        assert found.group == "results"
        assert table.name in overview.forms
        text, marked = " ".join(page_text(found).split()), markdown()
        for column in table.columns:
            assert f"{column.name} {column.type} {column.doc}" in text
            assert f"| `{column.name}` | {column.type} | {column.unit} |" in marked
        assert " ".join(table.example.split()) in text


def test_the_page_on_functions_of_queries_has_all_of_them() -> None:
    found = page("sql_functions")
    assert found is not None
    text = page_text(found)
    for macro in schema.ALL_MACROS:
        assert f"\n{macro.name}: " in text
        assert " ".join(macro.example.split()) in text


def test_the_page_on_python_has_all_that_a_workspace_offers() -> None:
    found = page("python")
    assert found is not None
    for name in ("specc.open", "ws.sql", "ws.compare", "ws.fit", "ws.report", "answer.df", "answer.arrow"):
        assert any(form.startswith(name) for form in found.forms)
        assert dict(found.facts)[name]
    public = [name for name in dir(Workspace) if not name.startswith("_")]
    assert {f"ws.{name}" for name in public} <= {name for name, _ in found.facts}
    assert "```python" in markdown()
