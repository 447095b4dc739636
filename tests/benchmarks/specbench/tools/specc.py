"""specc: a recipe with a sweep, marks, stages or corpora. Its steps are real: nothing stands for training."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import DATA, EVALS, Chain, Fan, Grid, Ladder, Shape, write_data
from tests.benchmarks.specbench.tools.tool import Place

MODEL = "model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)"
CORPUS = 'corpus {name} = jsonl("data/{name}.jsonl", text = "body", held_out = 20%, max_epochs = 100)'

WITH_VERSION = (
    "import specc.steps; specc.steps.VERSIONS['eval'] += {version} - 1; "
    "from specc.cli.main import main; main()"
)
"""specc, in which the operation `eval` has another version, as in a release that changes what it computes."""


class Specc:
    """This compiler. The version of an operation is no part of a recipe: it is set as a release would."""

    name = "specc"
    file = "study.spec"
    plan_is = "specc plan"

    def version(self, place: Place) -> Sequence[str]:
        return [sys.executable, "-m", "specc", "--version"]

    def write(self, shape: Shape | None, place: Place, file: str = "", content: str = "skill") -> None:
        write_data(place.folder, content)
        match shape:
            case Grid():
                text = grid_text(shape)
            case Chain():
                text = chain_text(shape)
            case Ladder():
                text = ladder_text(shape)
            case Fan():
                text = fan_text(shape)
            case None:
                text = chain_text(Chain(1))
        (place.folder / (file or self.file)).write_text(text)

    def plan(self, place: Place, file: str = "") -> Sequence[str]:
        return [sys.executable, "-m", "specc", "plan", file or self.file]

    def run(self, place: Place) -> Sequence[str]:
        if place.works:
            return [sys.executable, "-m", "specc", "run", self.file]
        return [sys.executable, "-m", "tests.benchmarks.specbench.tools.nothing", self.file]

    def tell(self, shape: Shape, place: Place, file: str = "") -> Sequence[str]:
        assert isinstance(shape, Grid)
        options = ["plan", file or self.file, "--json", "--workers", str(shape.threads)]
        return [sys.executable, "-c", WITH_VERSION.format(version=shape.version), *options]

    def finished(self, place: Place) -> list[str]:
        return self._events(place, "finished")

    def begun(self, place: Place) -> list[str]:
        return self._events(place, "started")

    def _events(self, place: Place, kind: str) -> list[str]:
        """Labels of the steps of the latest run that something happened to."""
        logs = sorted(place.folder.glob(".specc/runs/*/events.jsonl"))
        lines = logs[-1].read_text().splitlines(keepends=True) if logs else []
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event["label"] for event in events if event["event"] == kind]

    def told(self, shape: Shape, place: Place, measured: Measured) -> frozenset[str]:
        assert isinstance(shape, Grid)
        (plan,) = json.loads(measured.output[measured.output.index("[") :])
        names = grid_names(shape, plan["study"]["steps"])
        return frozenset(names[state["key"]] for state in plan["states"] if state["state"] == "to do")


def grid_names(shape: Grid, steps: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The task that each step of a grid is, by its key, from what the step does."""
    names: dict[str, str] = {}
    rates = {rate: number for number, rate in enumerate(shape.rates)}
    takes = dict(zip(shape.takes, EVALS, strict=True))
    for op in ("prepare", "init", "train", "eval"):  # each names those after it
        for step in steps:
            params, inputs = step["params"], step["inputs"]
            if step["op"] != op:
                continue
            if op == "prepare":
                name = f"prepare/{step['label'].rsplit('/', 1)[1]}"
            elif op == "init":
                name = f"init/{params['seed']}"
            elif op == "eval":
                name = f"eval/{names[inputs['checkpoint']].split('/')[1]}_{takes[params['data']['tokens']]}"
            elif names.get(inputs["parent"], "").startswith("init/"):
                name = f"pretrain/{params['seed']}"
            else:
                name = f"sft/{rates[params['phases'][0]['first']]}_{params['seed']}"
            names[step["key"]] = name
    return names


def grid_text(shape: Grid) -> str:
    rates = [f"{rate:.9f}" for rate in shape.rates]
    corpora = [CORPUS.format(name=name) for name in DATA]
    evals = [
        f"eval {name} = loss(take(skill.train, {tokens} tokens)) after sft"
        for name, tokens in zip(EVALS, shape.takes, strict=True)
    ]
    if shape.turned:
        rates, corpora, evals = rates[::-1], corpora[::-1], evals[::-1]
    head = "# A remark that changes nothing.\n" if shape.comment else ""
    return f"""{head}{MODEL}
experiment grid {{
  sweep rate in [{", ".join(rates)}]
  seeds 0..{shape.seeds - 1}
  {chr(10).join(corpora)}
  allocate {{
    web   {{ pretrain: fill }}
    skill {{ sft: 512 tokens }}
  }}
  stage pretrain from tiny {{
    budget    = 512 tokens
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }}
  stage sft from pretrain {{ schedule = constant(peak = rate) }}
  {chr(10).join(evals)}
}}
"""


def chain_text(shape: Chain) -> str:
    """`every` makes a state, and an evaluation of it, at each training step."""
    return f"""{MODEL}
experiment chain {{
  corpus web = markov(tokens = {max(50_000, shape.depth * 25)} tokens, held_out = 5%, max_epochs = 10)
  allocate {{ web {{ pretrain: {shape.depth * 128} tokens }} }}
  stage pretrain from tiny {{
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }}
  eval fit = loss(take(web.held_out, 1_000 tokens)) after pretrain every 1 step
}}
"""


def ladder_text(shape: Ladder) -> str:
    """A stage on a stage on a stage, each with a state in its middle."""
    names = [f"level{n}" for n in range(1, shape.depth + 1)]
    cells = ", ".join(f"{name}: 256 tokens" for name in names)
    stages = [f"  stage {name} from {parent}" for name, parent in zip(names, ["tiny", *names], strict=False)]
    stages[0] += (
        " {\n    optimizer = adamw()\n    schedule = constant(peak = 1e-3)\n    batch = 4 sequences\n  }"
    )
    stages[1:] = [f"{stage} {{ }}" for stage in stages[1:]]
    return "\n".join(
        [
            MODEL,
            "experiment ladder {",
            "  corpus web = markov(tokens = 100K tokens, held_out = 5%, max_epochs = 10)",
            f"  allocate {{ web {{ {cells} }} }}",
            *stages,
            f"  eval fit = loss(take(web.held_out, 1_000 tokens)) after [{', '.join(names)}] every 50%",
            "}\n",
        ]
    )


def fan_text(shape: Fan) -> str:
    """A stage that reads every corpus, in as many arms as there are corpora."""
    corpora = [f"c{n}" for n in range(shape.width)]
    rates = ", ".join(f"{(n + 1) * 1e-6:.6f}" for n in range(shape.width))
    batch = max(4, shape.width)
    return "\n".join(
        [
            MODEL,
            "experiment fan {",
            f"  sweep rate in [{rates}]",
            *(
                f"  corpus {name} = markov(tokens = 4K tokens, seed = {n}, held_out = 20%)"
                for n, name in enumerate(corpora)
            ),
            "  allocate {",
            *(f"    {name} {{ train: 32 tokens }}" for name in corpora),
            "  }",
            "  stage train from tiny {",
            f"    optimizer = adamw()\n    schedule = constant(peak = rate)\n    batch = {batch} sequences",
            "  }",
            "  eval fit = loss(take(c0.held_out, 100 tokens)) after train",
            "}\n",
        ]
    )
