"""A small study in a folder of its own, and the command line called on it as a user would."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from specc.cli.main import specc

ROOT = Path(__file__).resolve().parents[2]

SPEC = """# A study of seconds.
model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)

experiment small {
  "Does what is learned early stay?"

  sweep early in [0%, 50%]
  seeds 0..1

  corpus web   = text("web/*.txt", held_out = 20%)
  corpus skill = jsonl("skill.jsonl", prompt = "q", completion = "a", max_epochs = 10)

  allocate {
    web               { pretrain: fill }
    skill 2_560 tokens { pretrain: early, posttrain: rest }
  }

  stage pretrain from tiny {
    budget    = 5_120 tokens
    optimizer = adamw()
    schedule  = cosine(peak = 3e-3, warmup = 10%)
    batch     = 8 sequences
  }
  stage posttrain from pretrain { schedule = constant(peak = 1e-3) }

  eval web_loss  = loss(web.held_out)        after [pretrain, posttrain]
  eval skill_acc = exact_match(skill.train)  after posttrain

  check tokens(pretrain) is equal across early

  compare losses = ```sql
    select early, stage, avg(value) as loss, count(*) as n from results
    where eval = 'web_loss' group by early, stage order by early, stage
  ```

  expect mean(web_loss after pretrain given early = 0%) < 100
}
"""


@dataclass(frozen=True)
class Study:
    """A folder with a recipe and its data."""

    folder: Path

    @property
    def spec(self) -> Path:
        return self.folder / "small.spec"

    def write(self, text: str = SPEC) -> None:
        self.spec.write_text(text)

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "runtime")),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "NO_COLOR": "1",
        }

    def specc(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Call specc in the folder; the exit code must be `code`."""
        done = subprocess.run(
            [sys.executable, "-m", "specc", *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def ask(self, *arguments: str, code: int = 0) -> Result:
        """The same within this process, where it isn't the process that is looked at."""
        with contextlib.chdir(self.folder):
            done = CliRunner(env=self.environment()).invoke(specc, arguments)
        assert done.exit_code == code, done.output
        return done

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows that `specc sql --json` prints."""
        answer: list[dict[str, Any]] = json.loads(self.specc("sql", "--json", sql).stdout)
        return answer

    def todo(self) -> dict[str, int]:
        """Operation -> steps to do, by the plan."""
        (plan,) = json.loads(self.specc("plan", "small.spec", "--json").stdout)
        return {count["op"]: count["distinct"] - count["done"] for count in plan["counts"]}


def small_study(folder: Path) -> Study:
    """Write the recipe and its data into a folder."""
    (folder / "web").mkdir()
    for number in range(12):
        text = " ".join(f"{number * 7 + k} is not {k * k}" for k in range(60))
        (folder / "web" / f"{number}.txt").write_text(text)
    lines = [json.dumps({"q": f"{n}+{n}=", "a": str(2 * n)}) for n in range(40)]
    (folder / "skill.jsonl").write_text("\n".join(lines) + "\n")
    study = Study(folder)
    study.write()
    return study
