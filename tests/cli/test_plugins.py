"""Components of another package, installed as a user would and named in a recipe."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from recipe import Study

from shelf import install

SPEC = """
model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)

experiment shelf {
  corpus additions = sums(largest = 20, held_out = 10%, max_epochs = 50)
  allocate { additions 5_120 tokens { pretrain: 100% } }
  stage pretrain from tiny {
    optimizer = sign_sgd(momentum = 0.8)
    schedule  = constant(peak = 1e-3)
    batch     = 8 sequences
  }
  eval spread = entropy(additions.held_out) after pretrain every 50%
  let long = long_documents(additions.held_out, tokens = 7 tokens)
  eval flatter = entropy(long) after shrink(pretrain, by = 0.5)
}
"""


@dataclass(frozen=True)
class Shelved(Study):
    """A study beside which the package lies."""

    site: Path = Path()

    def environment(self) -> dict[str, str]:
        environment = super().environment()
        return environment | {"PYTHONPATH": f"{self.site}{os.pathsep}{environment['PYTHONPATH']}"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed."""
    return install(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def shelved(tmp_path: Path, site: Path) -> Shelved:
    study = Shelved(tmp_path, site)
    study.write(SPEC)
    return study


def test_a_recipe_runs_with_the_components_of_a_package(shelved: Shelved) -> None:
    shelved.specc("run", "small.spec")
    query = "select eval, value, n from results order by eval, position"
    flatter, half, whole = json.loads(shelved.specc("sql", "--json", query).stdout)
    assert (flatter["eval"], half["eval"], whole["eval"]) == ("flatter", "spread", "spread")
    assert 0 < whole["value"] < flatter["value"] <= math.log(257)
    assert 0 < flatter["n"] < whole["n"]
    again = shelved.specc("run", "small.spec")
    assert "all 9 steps were done before" in again.stderr


def test_the_version_of_the_package_is_in_the_keys(shelved: Shelved, tmp_path: Path) -> None:
    keys = {step["label"]: step["key"] for step in steps(shelved)}
    site = tmp_path / "newer"
    shutil.copytree(shelved.site, site)
    (metadata,) = site.glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("\nVersion: 0.1.0\n", "\nVersion: 0.2.0\n"))
    newer = {step["label"]: step["key"] for step in steps(Shelved(shelved.folder, site))}
    same = {label for label in keys if keys[label] == newer[label]}
    assert same == {"shelf/llama/seed=0"}


def steps(study: Study) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(study.specc("plan", "small.spec", "--json").stdout)[0][
        "study"
    ]["steps"]
    return found


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("sums(larges = 20", "`sums` has no parameter `larges`"),
        ('sums(largest = "20"', "`largest` needs a whole number, not a string"),
        ("sums(largest = 0", "`largest` is 0; it must be 1 to 999"),
        ("sum(largest = 20", "there is no component `sum`"),
    ],
)
def test_its_components_are_checked_like_those_of_specc(shelved: Shelved, wrong: str, message: str) -> None:
    shelved.write(SPEC.replace("sums(largest = 20", wrong))
    assert message in shelved.specc("check", "small.spec", code=1).stderr


def test_without_the_package_there_is_no_such_component(shelved: Shelved) -> None:
    alone = Study(shelved.folder)
    assert "there is no component `sums`" in alone.specc("check", "small.spec", code=1).stderr


def test_a_package_that_cannot_be_imported_is_told_with_its_name(shelved: Shelved, tmp_path: Path) -> None:
    site = tmp_path / "broken"
    shutil.copytree(shelved.site, site)
    (site / "specc_shelf" / "__init__.py").write_text("import a_module_that_is_not_there\n")
    said = Shelved(shelved.folder, site).specc("check", "small.spec", code=1).stderr
    assert "error[E0702]: `sums` of the package specc-shelf 0.1.0 can't be loaded" in said
    assert "a_module_that_is_not_there" in said


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('args["largest"] + 1):', 'args["biggest"] + 1):', "KeyError: 'biggest'"),
        ("for first in", "return len(7)\n    for first in", "TypeError: object of type 'int' has no len()"),
    ],
)
def test_a_mistake_of_the_package_is_told_as_its_own(
    shelved: Shelved, tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    site = tmp_path / "mistaken"
    shutil.copytree(shelved.site, site)
    work = site / "specc_shelf" / "documents.py"
    assert right in work.read_text()
    work.write_text(work.read_text().replace(right, wrong, 1))
    said = Shelved(shelved.folder, site).specc("check", "small.spec", code=1).stderr
    assert f"`sums` of the package specc-shelf 0.1.0 has failed: {told} ({work}:" in said
    assert "error[E0006]" in said


def test_a_mistake_of_the_package_in_a_step_is_told_as_its_own(shelved: Shelved, tmp_path: Path) -> None:
    site = tmp_path / "mistaken"
    shutil.copytree(shelved.site, site)
    work = site / "specc_shelf" / "work.py"
    work.write_text(work.read_text().replace("return SignSGD(", "return SineSGD("))
    said = Shelved(shelved.folder, site).specc("run", "small.spec", code=4).stderr
    assert "`sign_sgd` of the package specc-shelf 0.1.0 has failed: NameError" in said
    assert "met a bug" not in said


def test_a_recipe_cannot_name_a_module(shelved: Shelved) -> None:
    shelved.write(SPEC.replace("sums(", "specc_shelf.work.read_sums("))
    assert "error[E0102]" in shelved.specc("check", "small.spec", code=1).stderr


def test_its_components_are_in_the_reference(shelved: Shelved) -> None:
    page = shelved.specc("reference", "sums").stdout
    assert "largest summand; a whole number, 1 to 999" in page
    assert "package: specc-shelf 0.1.0" in page
    assert "sign_sgd" in shelved.specc("reference").stdout
