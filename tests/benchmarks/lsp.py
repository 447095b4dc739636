"""How soon the language server answers a change in a file of 1,000 lines.

    python tests/benchmarks/lsp.py [--lines 1000] [--edits 60]

An answer is the diagnostics of the version that was sent, from a full compilation. Two files: one
of several experiments, as people write them, and one of a single experiment, the worst case.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lsp"))

from editor import Editor, edit

STAGES = 12
"""Stages of an experiment in the file of several."""


def stage(number: int, parent: str) -> str:
    return f"""  stage s{number} from {parent} {{
    optimizer = warm with (beta1 = 0.9)      # as the others
    batch     = 4 sequences
    sequence  = 64 tokens
    schedule  = cosine(peak = {number + 1}e-3, warmup = 5%, floor = 10%)
  }}
"""


def experiment(name: str, stages: int) -> str:
    """An experiment of five arms; its stages form a chain."""
    share = f"{80 // stages}%" if stages <= 80 else "0.5%"
    cells = ", ".join(f"s{n}: {share}" for n in range(1, stages))
    evals = "\n".join(f"  eval loss_{n} = loss(skill.held_out) after s{n}" for n in range(stages))
    body = "\n".join(stage(n, "tiny" if n == 0 else f"s{n - 1}") for n in range(stages))
    return f"""experiment {name} {{
  "What does an early share do?"
  sweep early in [0%, 25%, 50%, 75%, 100%]
  seeds 0..2

  corpus web   = markov(tokens = 2M tokens, held_out = 5%)
  corpus skill = markov(tokens = 100K tokens, seed = 1, held_out = 5%)

  allocate {{
    web 1_536K tokens {{ s0: rest, {cells} }}
    skill 64K tokens  {{ s0: early, s1: rest }}
  }}

{body}
{evals}

  check tokens(s0) + tokens(s1) is equal across early

  compare losses = ```sql
    select early, avg(value) as loss from results where eval = 'loss_0' group by early
  ```
  expect mean(loss_0 after s0 given early = 0%) > mean(loss_0 after s0 given early = 100%)
}}
"""


def recipe(lines: int, single: bool) -> str:
    text = "model tiny = llama(layers = 2, width = 64, heads = 2, context = 128 tokens)\n"
    text += "let warm = adamw(beta2 = 0.95)\n\n"
    if single:
        return text + experiment("one", (lines - 30) // 8)
    number = 0
    while text.count("\n") < lines:
        text += experiment(f"study_{number}", STAGES) + "\n"
        number += 1
    return text


def quartiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    high = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"median {statistics.median(ordered) * 1e3:6.1f} ms   95% {high * 1e3:6.1f} ms"


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(lines: int, edits: int, single: bool) -> None:
    text = recipe(lines, single)
    rows = text.split("\n")
    places = [n for n, row in enumerate(rows) if "peak = " in row]
    with tempfile.TemporaryDirectory() as folder:
        editor = Editor(Path(folder).resolve())
        first = timed(lambda: (editor.open("a.spec", text), editor.checked("a.spec")))
        wrong = [each["message"] for each in editor.diagnostics[editor.uri("a.spec")]]
        print(f"{'one experiment' if single else 'experiments'}: {len(rows)} lines, {len(places)} stages")
        print(f"  opened                  {first * 1e3:6.1f} ms, {len(wrong)} diagnostics")
        version = 1

        def change(where: int, start: int, stop: int, new: str) -> None:
            nonlocal version
            version += 1
            editor.change("a.spec", version, edit((where, start), (where, stop), new))

        # Each digit differs from the one before it: a text that is put in again is known already.
        def typed(number: int) -> None:
            where = places[number * 7 % len(places)]
            column = rows[where].index("peak = ") + 7
            new = str(int(rows[where][column]) % 9 + 1)
            rows[where] = rows[where][:column] + new + rows[where][column + 1 :]
            change(where, column, column + 1, new)
            editor.checked("a.spec", version)

        before = processor_seconds(editor)
        digits = [timed(lambda n=n: typed(n)) for n in range(edits)]
        used = (processor_seconds(editor) - before) / edits
        print(f"  a digit of a setting    {quartiles(digits)}   processor {used * 1e3:.1f} ms")

        def inserted(number: int) -> None:
            if number % 2:
                change(3, 0, 0, "# a comment\n")
            else:
                editor.change("a.spec", version + 1, edit((3, 0), (4, 0), ""))
                bump()
            editor.checked("a.spec", version)

        def bump() -> None:
            nonlocal version
            version += 1

        put_in = [timed(lambda n=n: inserted(n + 1)) for n in range(edits // 2 * 2)]
        print(f"  a line put in above all {quartiles(put_in)}")
        document = {"textDocument": {"uri": editor.uri("a.spec")}}
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": len(rows), "character": 0}}
        middle = places[len(places) // 2]
        for name, method, params in (
            ("hover", "textDocument/hover", editor.at("a.spec", middle, rows[middle].index("peak") + 1)),
            (
                "completion",
                "textDocument/completion",
                editor.at("a.spec", middle, rows[middle].index("peak")),
            ),
            ("semantic tokens", "textDocument/semanticTokens/full", document),
            ("inlay hints", "textDocument/inlayHint", document | {"range": whole}),
            ("symbols", "textDocument/documentSymbol", document),
        ):
            seconds = [timed(lambda m=method, p=params: editor.ask(m, p)) for _ in range(max(5, edits // 4))]
            print(f"  {name:23} {quartiles(seconds)}")

        late, before = 0, processor_seconds(editor)
        begun = time.perf_counter()
        for number in range(edits):
            due = begun + number / 5
            time.sleep(max(0.0, due - time.perf_counter()))
            typed(number)
            late += time.perf_counter() > due + 1 / 5
        wall = time.perf_counter() - begun
        used = processor_seconds(editor) - before
        print(f"  5 edits a second        {late} of {edits} late; {used / wall:.0%} of a processor, ", end="")
        print(f"{resident(editor):.0f} MB")
        editor.close()


def processor_seconds(editor: Editor) -> float:
    """Processor time that the server has used."""
    fields = Path(f"/proc/{editor.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident(editor: Editor) -> float:
    pages = int(Path(f"/proc/{editor.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--edits", type=int, default=60)
    options = parser.parse_args()
    for one in (False, True):
        measure(options.lines, options.edits, one)
