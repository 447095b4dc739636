"""Whole recipes from the pieces that explanations and documentation show.

A piece is put into what it leaves out: settings into a stage, rows into `allocate`, items into an
experiment. Names that it uses and doesn't declare are declared around it.
"""

from __future__ import annotations

import re

MODEL = "model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)"
CORPORA = {
    "web": "corpus web = markov(tokens = 40K tokens, held_out = 5%)",
    "skill": "corpus skill = facts(count = 200, held_out = 10%)",
    "drift": "corpus drift = markov(tokens = 40K tokens, seed = 1, held_out = 5%)",
}
SETTINGS = """\
  optimizer = adamw()
  schedule  = constant(peak = 1e-3)
  batch     = 8 sequences"""
STAGES = {
    "pretrain": f"stage pretrain from tiny {{\n{SETTINGS}\n}}",
    "posttrain": "stage posttrain from pretrain {}",
    "finetune": "stage finetune from posttrain {}",
}
ITEMS = frozenset(
    {"let", "model", "corpus", "sweep", "except", "seeds", "allocate", "stage", "eval", "check", "compare"}
    | {"expect", "recipe", "override"}
)


def framed(piece: str) -> str:
    """A recipe that holds a piece of one."""
    word = re.match(r'\s*(?:#[^\n]*\n\s*)*(\w+|")', piece)
    first = word[1] if word else ""
    if re.search(r"^(experiment|use)\b", piece, re.MULTILINE):
        return _file(piece)
    if first not in ITEMS and first != '"':
        if re.match(r"\s*\w+\s*=", piece):
            piece = f"stage pretrain from tiny {{\n{piece}\n}}"
        else:
            piece = f"allocate {{\n{piece}\n}}"
    return f"{MODEL}\n\nexperiment example {{\n{_members(piece)}\n}}\n"


def _file(piece: str) -> str:
    """A file as it is, with a model and an experiment if it has none and is not a library."""
    needs_model = re.search(r"\btiny\b", piece) and not re.search(
        r"^(model tiny\b|use .*\btiny\b)", piece, re.M
    )
    head = f"{MODEL}\n\n" if needs_model else ""
    return f"{head}{piece}\n"


def _members(piece: str) -> str:
    def declared(kind: str, name: str) -> bool:
        return bool(re.search(rf"^\s*{kind} {name}\b", piece, re.MULTILINE))

    def mentioned(name: str) -> bool:
        return bool(re.search(rf"\b{name}\b", piece))

    stages = [n for n in STAGES if n == "pretrain" or mentioned(n)]
    if re.search(r"^\s*stage \w+ from (?!pretrain|posttrain|finetune)", piece, re.MULTILINE):
        stages = [n for n in stages if mentioned(n)]
    if "finetune" in stages and not declared("stage", "finetune") and "posttrain" not in stages:
        stages.insert(1, "posttrain")
    parts = [CORPORA[n] for n in CORPORA if (n == "web" or mentioned(n)) and not declared("corpus", n)]
    if not re.search(r"^\s*allocate\b", piece, re.MULTILINE):
        each = [f"{stage}: 10_240 tokens" for stage in dict.fromkeys(stages)]
        parts.append(f"allocate {{\n  web {{ {', '.join(each)} }}\n}}")
    before = [STAGES[n] for n in stages if not declared("stage", n)]
    own = re.search(r"^\s*stage\b", piece, re.MULTILINE)
    if own and any(declared("stage", n) for n in stages if n == "pretrain"):
        return "\n".join([*parts, piece, *before])
    return "\n".join([*parts, *before, piece])
