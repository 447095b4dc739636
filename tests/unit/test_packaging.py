"""The wheel and the sdist hold what they must, and work where a user's own folders have our names."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an sdist, and a wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as pip lays it out; dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def test_the_wheel_holds_grammar_and_recipes_and_nothing_generic_at_top_level(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"specc", "specc_runtime"}
    assert (installed / "specc" / "grammar" / "spec.lark").is_file()
    assert (installed / "specc" / "py.typed").is_file()
    shipped = {path.relative_to(ROOT / "specs") for path in (ROOT / "specs").rglob("*.spec")}
    assert shipped
    specs = installed / "specc" / "specs"
    assert {path.relative_to(specs) for path in specs.rglob("*.spec")} == shipped
    assert (installed / "specc" / "starting" / "first.spec").is_file()
    page = {path.name for path in (ROOT / "specc" / "serving" / "page").iterdir()}
    assert {path.name for path in (installed / "specc" / "serving" / "page").iterdir()} == page


def test_the_sdist_holds_recipes_and_tests(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"grammar/spec.lark", "specs/early_exposure/text.spec", "constraints.txt"} <= names
    assert "tests/unit/test_packaging.py" in names


def test_no_python_file_lies_in_the_data_folders() -> None:
    """One would break the editable install."""
    assert not [*(ROOT / "grammar").rglob("*.py"), *(ROOT / "specs").rglob("*.py")]


def test_installed_specc_ignores_folders_of_the_user_with_our_names(installed: Path, tmp_path: Path) -> None:
    for name in ("runtime", "grammar", "specs", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            "raise RuntimeError('imported the folder of the user')\n"
        )
    (tmp_path / "r.spec").write_text(
        """experiment small {
  corpus web = markov(tokens = 20K tokens)
  allocate { web 10_240 tokens { pretrain: 100% } }
  stage pretrain from llama(layers = 1, width = 16, heads = 1, context = 32 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 16 sequences
  }
  eval web_loss = loss(take(web.train, 2K tokens)) after pretrain
}
"""
    )
    environment = os.environ | {"PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def specc(*arguments: str) -> str:
        run = subprocess.run(
            [sys.executable, "-m", "specc", *arguments],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout

    assert "small: ok" in specc("check", "r.spec")
    specc("run", "r.spec", "-j", "1")
    assert '"web_loss"' in specc("sql", "--json", "select eval, value from results")
    assert "specc:early_exposure/text.spec" in specc("specs")
