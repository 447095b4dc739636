"""`specc fit` on the log of a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import specc
from fake_workspace import FakeWorkspace, exposure, log_line
from specc.cli.commands.fit import fit


def loss(tokens: int) -> float:
    return float(300 * tokens**-0.5 + 1.5)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = FakeWorkspace(tmp_path_factory.mktemp("fit"))
    made.plan(1, exposure())
    for arm in range(4):
        made.log(
            f"{arm}/pretrain.0", "".join(log_line(step, loss(1000 + step * 64)) for step in range(1, 11))
        )
    return made.path


def run(workspace: Path, *arguments: str) -> Result:
    return CliRunner().invoke(fit, [*arguments, "-w", str(workspace)])


QUERY = "select lineage_tokens as x, value as y from metrics where name = 'loss'"


def test_a_log_is_fitted_and_told(workspace: Path) -> None:
    done = run(workspace, "power_law", QUERY, "--hold-out", "x > 1600")
    assert done.exit_code == 0
    assert "power_law: y = a * x^-b + c" in done.stdout
    assert "held out: 4 of 4 inside" in done.stdout


def test_json_has_the_parameters(workspace: Path) -> None:
    done = run(workspace, "power_law", QUERY, "--json")
    found = {each["name"]: each["value"] for each in json.loads(done.stdout)["parameters"]}
    assert found == pytest.approx({"a": 300, "b": 0.5, "c": 1.5}, rel=1e-2)


def test_forms_are_listed_without_a_workspace() -> None:
    assert "y = a * x^-b + c" in CliRunner().invoke(fit, []).stdout
    listed = json.loads(CliRunner().invoke(fit, ["--json"]).stdout)
    assert {"power_law", "chinchilla", "half_life"} <= {each["form"] for each in listed}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("power", QUERY), "there is no form `power`"),
        (("power_law", "select 1 as x"), "needs a column `y`"),
        (("power_law", "select vale from metrics"), "there is no column `vale`"),
        (("power_law", QUERY, "--hold-out", "true"), "at 0 different"),
        (("power_law",), "is empty"),
    ],
)
def test_what_can_not_be_fitted_is_told(workspace: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(workspace, *arguments)
    assert done.exit_code != 0
    assert said in done.stderr
    assert "help" in done.stderr


def test_a_workspace_in_python_fits_too(workspace: Path) -> None:
    fitted = specc.open(workspace).fit("power_law", QUERY, hold_out="x > 1600")
    assert fitted["b"].value == pytest.approx(0.5, rel=1e-2)
    assert fitted.predict(x=[1e4]) == pytest.approx([loss(10_000)], rel=1e-3)
    assert fitted.table().columns[:2] == ("parameter", "value")
    assert len(fitted.residuals().rows) == len(fitted.points)
    assert "a * x^-b + c" in fitted._repr_html_()
