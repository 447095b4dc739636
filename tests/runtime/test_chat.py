"""Conversations on disk: what is given in later turns is masked, and targets are counted without it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specc.corpora.documents import document_id
from specc.corpora.encode import block_of
from specc.corpora.readers import read_documents
from specc.corpora.templates import chat_arguments
from specc.corpora.tokens import load_tokens
from specc.steps import Component
from specc_runtime.prepared import Split, open_split
from workshop import Workshop

TEMPLATE = (
    "{% for each in messages %}{{ each.role[0] }}:{{ each.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)


def talk(number: int, answers: int) -> str:
    messages = []
    for turn in range(answers):
        messages.append({"role": "user", "content": f"what is {number} + {turn}?"})
        messages.append({"role": "assistant", "content": str(number + turn)})
    return json.dumps({"messages": messages}) + "\n"


def test_prepared_conversations_are_learned_where_the_assistant_speaks(
    workshop: Workshop, tmp_path: Path
) -> None:
    file = tmp_path / "talks.jsonl"
    file.write_text("".join(talk(number, number % 3 + 1) for number in range(20)))
    (tmp_path / "t.jinja").write_text(TEMPLATE)
    reader = Component(name="chat", args=chat_arguments(tmp_path / "t.jinja", None))
    step = workshop.step("prepare", {"reader": reader}, execution={"files": (str(file),)})
    manifest = workshop.do(step)

    documents = list(read_documents(reader, [file]))
    whole = block_of(documents, [document_id(each) for each in documents], load_tokens(None), False)
    split = open_split(workshop.store.path(step.key), "train")
    assert split.masked is not None
    assert whole.masked is not None
    assert np.array_equal(split.tokens, whole.tokens)
    assert np.array_equal(split.masked, whole.masked)

    learned = [token for document in documents for token in "".join(document.turns[1::2]).encode() + b"$"]
    spoken = [chr(token) if token < 256 else "$" for token in split.tokens[_learned(split)]]
    assert spoken == [chr(token) for token in learned]
    assert manifest.outputs["train"]["targets"] == len(learned)


def _learned(split: Split) -> NDArray[np.bool_]:
    lengths = np.diff(split.offsets)
    place = np.arange(len(split.tokens)) - np.repeat(split.offsets[:-1], lengths)
    learned: NDArray[np.bool_] = (place >= np.repeat(split.prompts, lengths)) & ~np.asarray(split.masked)
    return learned
