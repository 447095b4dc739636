"""Snakemake: a rule for each kind of step, with wildcards. A task is the file that it makes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import (
    DATA,
    EVALS,
    Chain,
    Fan,
    Grid,
    Ladder,
    Shape,
    write_data,
    write_file,
)
from tests.benchmarks.specbench.tools.tool import TASK, Place, logged

ALL = """\
rule all:
    default_target: True
    input: {targets}
"""


class Snakemake:
    name = "snakemake"
    file = "Snakefile"
    plan_is = "snakemake -n --quiet rules"

    def version(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "snakemake"), "--version"]

    def write(self, shape: Shape | None, place: Place, file: str = "", content: str = "skill") -> None:
        write_data(place.folder, content)
        write_file(place.folder / "task.sh", TASK)
        match shape:
            case Grid():
                text = grid_text(shape, place)
            case Chain():
                text = chain_text(shape, place)
            case Ladder():
                text = ladder_text(shape, place)
            case Fan():
                text = fan_text(shape, place)
            case None:
                text = ALL.format(targets="[]")
        (place.folder / (file or self.file)).write_text(text)

    def plan(self, place: Place, file: str = "") -> Sequence[str]:
        return [*self._command(place, file), "-n", "--quiet", "rules"]

    def run(self, place: Place) -> Sequence[str]:
        return [*self._command(place), "-c2", "--quiet", "rules"]

    def tell(self, shape: Shape, place: Place, file: str = "") -> Sequence[str]:
        return [*self._command(place, file), "-n"]

    def finished(self, place: Place) -> list[str]:
        return logged(place, "end")

    def begun(self, place: Place) -> list[str]:
        return logged(place, "start")

    def told(self, shape: Shape, place: Place, measured: Measured) -> frozenset[str]:
        return frozenset(re.findall(r"^ +output: out/(\S+)$", measured.output, re.MULTILINE))

    def _command(self, place: Place, file: str = "") -> Sequence[str]:
        return [str(place.programs / "snakemake"), "-s", file or self.file]


def rule(place: Place, name: str, output: str, inputs: str = "", words: str = "", **more: str) -> str:
    """A rule of the usual four lines; `words` are what else its output depends on."""
    lines = [f"rule {name}:", f'    output: "out/{output}"']
    lines += [f"    input: {inputs}"] if inputs else []
    lines += [f"    {keyword}: {value}" for keyword, value in more.items()]
    lines.append(f'    shell: "{place.action("{output}", words, "{input}")}"')
    return "\n".join(lines) + "\n"


def grid_text(shape: Grid, place: Place) -> str:
    takes = dict(zip(EVALS, shape.takes, strict=True))
    rules = [
        ALL.format(
            targets='expand("out/eval/{recipe}_{seed}_{name}", recipe=range(len(RATES)), '
            f"seed=range({shape.seeds}), name=TAKES)"
        ),
        rule(place, "prepare", "prepare/{corpus}", '"data/{corpus}.jsonl"'),
        rule(place, "init", "init/{seed}", words="width {params.width}", params="width=16"),
        rule(place, "pretrain", "pretrain/{seed}", '"out/init/{seed}", "out/prepare/web"'),
        rule(
            place,
            "sft",
            "sft/{recipe}_{seed}",
            '"out/pretrain/{seed}", "out/prepare/skill"',
            "rate {params.rate}",
            params="rate=lambda wildcards: RATES[int(wildcards.recipe)]",
        ),
        rule(
            place,
            "evaluate",
            "eval/{recipe}_{seed}_{name}",
            '"out/sft/{recipe}_{seed}", "out/prepare/skill"',
            f"take {{params.take}} version {shape.version}",
            params="take=lambda wildcards: TAKES[wildcards.name]",
            threads=str(shape.threads),
        ),
    ]
    if shape.turned:
        rules = rules[::-1]
    remark = "# A remark that changes nothing.\n" if shape.comment else ""
    limits = f'wildcard_constraints: corpus="{"|".join(DATA)}", recipe=r"\\d+", seed=r"\\d+"\n'
    return f"{remark}RATES = {list(shape.rates)}\nTAKES = {takes}\n{limits}" + "\n".join(rules)


def chain_text(shape: Chain, place: Place) -> str:
    return "\n".join(
        [
            ALL.format(targets=f'expand("out/eval/{{n}}", n=range(1, {shape.depth} + 1))'),
            rule(place, "prepare", "prepare/web"),
            rule(place, "init", "init/0"),
            rule(
                place,
                "state",
                "state/{n}",
                'lambda w: ["out/init/0", "out/prepare/web"]'
                ' + ([f"out/state/{int(w.n) - 1}"] if int(w.n) > 1 else [])',
            ),
            rule(place, "evaluate", "eval/{n}", '"out/state/{n}", "out/prepare/web"'),
        ]
    )


def ladder_text(shape: Ladder, place: Place) -> str:
    before = 'f"out/end/{int(w.n) - 1}" if int(w.n) > 1 else "out/init/0"'
    return "\n".join(
        [
            ALL.format(
                targets='expand("out/eval/{place}_{n}", place=["middle", "end"], '
                f"n=range(1, {shape.depth} + 1))"
            ),
            rule(place, "prepare", "prepare/web"),
            rule(place, "init", "init/0"),
            rule(place, "middle", "middle/{n}", f'lambda w: [{before}, "out/prepare/web"]'),
            rule(
                place,
                "end",
                "end/{n}",
                f'lambda w: [{before}, f"out/middle/{{w.n}}", "out/prepare/web"]',
            ),
            rule(place, "evaluate", "eval/{place}_{n}", '"out/{place}/{n}", "out/prepare/web"'),
        ]
    )


def fan_text(shape: Fan, place: Place) -> str:
    corpora = f'expand("out/prepare/{{n}}", n=range({shape.width}))'
    return "\n".join(
        [
            ALL.format(targets=f'expand("out/eval/{{n}}", n=range({shape.width}))'),
            rule(place, "prepare", "prepare/{n}"),
            rule(place, "init", "init/0"),
            rule(place, "train", "train/{n}", f'"out/init/0", {corpora}'),
            rule(place, "evaluate", "eval/{n}", '"out/train/{n}", "out/prepare/0"'),
        ]
    )
