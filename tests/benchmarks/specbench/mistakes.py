"""Twenty mistakes in a study, and whether a tool says in which line each is.

A mistake is a replacement in the file as the tool writes it for a small grid; `§` stands where it is,
and is taken out. Peers get the mistakes that their own format has a place for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks.specbench.bench import Bench, show
from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import Grid
from tests.benchmarks.specbench.tools.tool import Place, Tool

GRID = Grid(rates=(1e-6, 2e-6), seeds=2)

NEAR = 4
"""Lines that an item of a few lines has."""

Change = tuple[str, str]
"""What is written, and what is written instead of its first occurrence."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a recipe of specc's, and the same kind of mistake for peers: tool -> change."""

    title: str
    specc: Change
    peers: Mapping[str, Change] = field(default_factory=dict)


MISTAKES = (
    Mistake(
        "a bracket is not closed",
        ("sweep rate in [0.000001000, 0.000002000]", "§sweep rate in [0.000001000, 0.000002000"),
        {
            "snakemake": ("RATES = [1e-06, 2e-06]", "§RATES = [1e-06, 2e-06"),
            "dvc": ('"deps": ["data/${item.corpus}.jsonl"]', '§"deps": ["data/${item.corpus}.jsonl"'),
            "tango": ('"of": [],', '§"of": [,'),
            "doit": ("enumerate([1e-06, 2e-06])", "§enumerate([1e-06, 2e-06)"),
        },
    ),
    Mistake(
        "a keyword is misspelt",
        ("stage sft from", "§stagee sft from"),
        {
            "snakemake": ("rule sft:", "§rul sft:"),
            "dvc": ("stages:", "§stagez:"),
            "tango": ('"steps":', '§"stepz":'),
            "doit": ("def task_all", "§de task_all"),
        },
    ),
    Mistake(
        "a setting is misspelt",
        ("optimizer = adamw()", "§optimiser = adamw()"),
        {
            "snakemake": ('input: "out/init/{seed}"', '§inputt: "out/init/{seed}"'),
            "dvc": ('"deps": ["out/init', '§"depss": ["out/init'),
            "tango": ('"words": "init/0"', '§"wordz": "init/0"'),
            "doit": ('"file_dep": inputs', '§"fil_dep": inputs'),
        },
    ),
    Mistake(
        "a component is misspelt", ("adamw()", "§adamv()"), {"tango": ('"type": "sft"', '§"type": "sfd"')}
    ),
    Mistake("an argument is misspelt", ("adamw()", "adamw(§beta_2 = 0.9)")),
    Mistake(
        "what it comes from is misspelt",
        ("sft from pretrain", "sft from §pretrian"),
        {
            "snakemake": ('input: "out/pretrain/{seed}"', '§input: "out/pretrian/{seed}"'),
            "dvc": ('"deps": ["out/pretrain/', '§"deps": ["out/pretrian/'),
            "tango": ('"ref": "pretrain-0"', '§"ref": "pretrian-0"'),
            "doit": ('[f"pretrain/{s}", "prepare/skill"]', '§[f"pretrian/{s}", "prepare/skill"]'),
        },
    ),
    Mistake("a corpus in the table is misspelt", ("    skill { sft", "    §skil { sft")),
    Mistake("a stage in the table is misspelt", ("{ sft: 512 tokens }", "{ §sfd: 512 tokens }")),
    Mistake("a unit is wrong", ("batch     = 4 sequences", "batch     = §4 epochs")),
    Mistake("a unit is missing", ("budget    = 512 tokens", "budget    = §512")),
    Mistake(
        "text stands for a number",
        ("peak = 1e-3", 'peak = §"high"'),
        {
            "tango": ('"threads": 1', '§"threads": "many"'),
            "snakemake": ("threads: 1", '§threads: "many"'),
            "dvc": ('"outs": ["out/init/${item.seed}"]', '§"outs": 5'),
            "doit": ('"targets": [out]', '§"targets": 5'),
        },
    ),
    Mistake(
        "a name is given twice",
        ("eval medium =", "eval §small ="),
        {
            "snakemake": ("rule sft:", "§rule pretrain:"),
            "dvc": ("  sft:", "§  pretrain:"),
            "tango": ('"sft-0_0": {', '§"pretrain-0": {'),
            "doit": ('(f"sft/{r}_{s}", [', '§(f"pretrain/{s}", ['),
        },
    ),
    Mistake(
        "a thing comes from itself",
        ("stage pretrain from tiny", "stage pretrain from §sft"),
        {
            "snakemake": ('input: "out/init/{seed}"', '§input: "out/sft/0_{seed}"'),
            "dvc": ('"deps": ["out/init/${item.seed}"', '§"deps": ["out/sft/0_${item.seed}"'),
            "tango": ('"ref": "init-0"', '§"ref": "sft-0_0"'),
            "doit": ('[f"init/{s}", "prepare/web"]', '§[f"sft/0_{s}", "prepare/web"]'),
        },
    ),
    Mistake(
        "a file of data does not exist",
        ('jsonl("data/web.jsonl"', 'jsonl(§"data/wep.jsonl"'),
        {
            "snakemake": ('"data/{corpus}.jsonl"', '§"date/{corpus}.jsonl"'),
            "dvc": ('"deps": ["data/', '§"deps": ["date/'),
            "doit": ('["data/" + c', '§["date/" + c'),
        },
    ),
    Mistake(
        "more is spent than there is",
        ("skill { sft: 512 tokens }", "skill 500 tokens { sft: §512 tokens }"),
    ),
    Mistake("a share is above all", ("held_out = 20%", "held_out = §120%")),
    Mistake("an evaluation is of nothing", ("loss(take(skill.train", "loss(take(§skil.train")),
    Mistake(
        "an argument is missing",
        ("llama(layers = 1, width = 16, heads", "§llama(layers = 1, heads"),
        {
            "tango": ('"of": [],', "§"),
            "dvc": ('"cmd":', '§"command":'),
            "doit": ('"actions": [action], ', "§"),
        },
    ),
    Mistake("sizes do not go together", ("heads = 1", "§heads = 3")),
    Mistake(
        "a name was never declared",
        ("constant(peak = rate)", "constant(peak = §rade)"),
        {
            "snakemake": ("TAKES[wildcards.name]", "§TAKE[wildcards.name]"),
            "dvc": ("${item.recipe.rate}", "§${item.recip.rate}"),
            "doit": ("enumerate([1e-06", "§enumerat([1e-06"),
        },
    ),
)


def make(text: str, change: Change) -> tuple[str, int]:
    """A text with a mistake, and the line of it, from 1."""
    old, new = change
    if old not in text:
        raise ValueError(f"the text has no {old!r}")
    wrong = text.replace(old, new, 1)
    line = wrong[: wrong.index("§")].count("\n") + 1
    return wrong.replace("§", ""), line


def verdict(tool: Tool, place: Place, measured: Measured, line: int) -> str:
    """Whether a tool's plan located a mistake.

    Returns:
        `located`; `near`, at most `NEAR` lines away, such as the head of the item that it is in;
        `elsewhere`, in another line; `refused`, without a line; or `taken`, if there was a plan.
    """
    if measured.code == 0:
        return "taken"
    name = re.escape(tool.file)
    if tool.name == "specc":
        found = re.findall(rf"--> \S*{name}:(\d+):", measured.output)[:1]  # what it says first
    else:
        output = re.sub(rf'File "(?![^"]*{name}")[^"]*", line \d+', "", measured.output)  # a tool's own files
        found = [a or b for a, b in re.findall(rf"line (\d+)|{name}:(\d+)", output)]
    away = min((abs(int(number) - line) for number in found), default=None)
    if away is None:
        return "refused"
    return "located" if away == 0 else "near" if away <= NEAR else "elsewhere"


def asked(bench: Bench, tool: Tool, place: Place) -> Measured:
    # Files of one size that are written in one second have the same bytecode, for Python.
    return bench.do(place, tool.plan(place), {"PYTHONDONTWRITEBYTECODE": "1"})


def mistakes(bench: Bench) -> dict[str, list[str]]:
    """Make each mistake for each tool that has it, and ask for a plan."""
    said: dict[str, list[str]] = {}
    for tool in bench.tools():
        place = bench.place(tool, "mistakes", works=True)
        tool.write(GRID, place)
        file = place.folder / tool.file
        right = file.read_text()
        said[tool.name] = []
        for mistake in MISTAKES:
            change = mistake.specc if tool.name == "specc" else mistake.peers.get(tool.name)
            if change is None:
                said[tool.name].append("-")
                continue
            wrong, line = make(right, change)
            file.write_text(wrong)
            said[tool.name].append(verdict(tool, place, asked(bench, tool, place), line))
    print("mistakes: where the tool's plan says that it is")
    rows = [
        [mistake.title, *(said[name][number] for name in said)] for number, mistake in enumerate(MISTAKES)
    ]
    rows.append(["located", *(f"{v.count('located')} of {len(v) - v.count('-')}" for v in said.values())])
    show(("", *said), rows)
    return said
