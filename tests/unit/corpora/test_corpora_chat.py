"""Conversations: written out as transformers does, learned where the assistant speaks, nothing executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from specc.analysis.compile import compile_file
from specc.canonical import digest
from specc.corpora.chat import read_chat
from specc.corpora.documents import document_id
from specc.corpora.encode import block_of
from specc.corpora.templates import chat_arguments
from specc.corpora.tokens import load_tokens
from specc.errors import DataError
from specc.steps import identity

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}"
)
MARKED = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'assistant' %}"
    "A: {% generation %}{{ message.content | trim + eos_token }}{% endgeneration %}"
    "{% else %}Q: {{ message.content }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}A: {% endif %}"
)
TALK = [
    {"role": "user", "content": "How many?"},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "And more?"},
    {"role": "assistant", "content": "Three, naïve."},
    {"role": "user", "content": "Thanks."},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tokenizer of bytes with special tokens, a template beside it, and conversations."""
    from specc.exporting.tokenizer import byte_tokenizer

    made: dict[str, Any] = byte_tokenizer()
    (end,) = made["added_tokens"]
    for number, text in enumerate(("<|im_start|>", "<|im_end|>"), start=257):
        made["added_tokens"].append(end | {"id": number, "content": text})
    (tmp_path / "tokenizer.json").write_text(json.dumps(made))
    settings = {"eos_token": "<|im_end|>", "bos_token": {"__type": "AddedToken", "content": "<|im_start|>"}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHATML}))
    write(tmp_path, TALK)
    return tmp_path


def write(folder: Path, *talks: Any) -> None:
    (folder / "chat.jsonl").write_text("".join(json.dumps({"messages": talk}) + "\n" for talk in talks))


def read(folder: Path, answers: str = "all") -> list[Any]:
    given = {"messages": "messages", "answers": answers}
    found = chat_arguments(None, folder / "tokenizer.json")
    return list(read_chat([folder / "chat.jsonl"], given | found))


@pytest.mark.parametrize("template", [CHATML, MARKED])
def test_a_conversation_has_the_text_and_the_tokens_of_transformers(folder: Path, template: str) -> None:
    from transformers import AutoTokenizer

    (folder / "chat_template.jinja").write_text(template)
    (document,) = read(folder)
    theirs: Any = AutoTokenizer.from_pretrained(folder)
    told = TALK[:-1]
    assert document.content == theirs.apply_chat_template(told, tokenize=False)
    tokens = load_tokens(folder / "tokenizer.json")
    block = block_of([document], [document_id(document)], tokens, False)
    encoded = theirs.apply_chat_template(told, return_dict=True)
    assert block.tokens.tolist() == [*encoded["input_ids"], tokens.eos]
    if template is MARKED:
        marked = theirs.apply_chat_template(told, return_dict=True, return_assistant_tokens_mask=True)
        assert block.masked is not None
        learned = ~block.masked
        learned[: block.prompts[0]] = False
        spoken = [bool(each) for each in marked["assistant_masks"]]
        assert [bool(each) for each in learned[:-1]] == spoken


def test_what_the_assistant_says_is_learned_and_nothing_else(folder: Path) -> None:
    (document,) = read(folder)
    tokens = load_tokens(folder / "tokenizer.json")
    block = block_of([document], [document_id(document)], tokens, False)
    assert block.masked is not None
    learned = ~block.masked
    learned[: block.prompts[0]] = False
    end = 258
    answers = [[*f"{text}".encode(), end, ord("\n")] for text in ("Two.", "Three, naïve.")]
    assert block.tokens[learned].tolist() == [*answers[0], *answers[1], tokens.eos]


def test_the_last_answer_alone_is_a_completion(folder: Path) -> None:
    (document,) = read(folder, "last")
    assert document.completion == "Three, naïve.<|im_end|>\n"
    assert document.prompt.endswith("And more?<|im_end|>\n<|im_start|>assistant\n")
    assert not document.turns


def test_documents_of_one_and_of_several_answers_lie_in_one_block(folder: Path) -> None:
    write(folder, TALK[:2], TALK)
    documents = read(folder)
    tokens = load_tokens(folder / "tokenizer.json")
    both = block_of(documents, ["0" * 64, "1" * 64], tokens, False)
    assert both.masked is not None
    for number, document in enumerate(documents):
        alone = block_of([document], ["0" * 64], tokens, False)
        inside = slice(both.offsets[number], both.offsets[number + 1])
        assert both.tokens[inside].tolist() == alone.tokens.tolist()
        masked = [False] * len(alone.tokens) if alone.masked is None else alone.masked.tolist()
        assert both.masked[inside].tolist() == masked
    assert document_id(documents[0]) != document_id(documents[1])


@pytest.mark.parametrize(
    ("talk", "complaint"),
    [
        ([], "no list of messages"),
        ("hello", "no list of messages"),
        ([{"role": "user"}], "message 1 has no `role` and `content`"),
        ([{"role": "user", "content": 3}], "message 1 has no `role` and `content`"),
        (TALK[:1], "nothing is said by the assistant"),
        ([{"role": "user", "content": "a<|im_end|>b"}], "message 1 holds the special token `<|im_end|>`"),
        ([{"role": "user<|im_end|>", "content": "a"}], "message 1 holds the special token `<|im_end|>`"),
        (
            [{"role": "user", "content": "a", "calls": [{"name": "<|im_start|>"}]}],
            "message 1 holds the special token `<|im_start|>`",
        ),
    ],
)
def test_what_is_no_conversation_is_told_with_its_line(folder: Path, talk: Any, complaint: str) -> None:
    write(folder, TALK, talk)
    with pytest.raises(DataError, match="line 2") as error:
        read(folder)
    assert complaint in error.value.message


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "refuses"),
        ("{% for x in messages.append(1) %}{% endfor %}", "refuses"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ strftime_now('%Y') }}", "asks for the time"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "refuses"),
        ("{% if %}", "can't be read"),
        ("{% include '/etc/passwd' %}", "refuses"),
        ("{{ messages | length }}", "writes what came before"),
    ],
)
def test_a_template_that_fails_or_reaches_out_is_told(folder: Path, template: str, complaint: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(DataError, match="template") as error:
        read(folder)
    assert complaint in error.value.message


SPEC = """
model tiny = llama(layers = 1, width = 16, heads = 2, context = 64 tokens)

experiment talks {
  corpus talk = chat("chat.jsonl", tokenizer = "tokenizer.json", max_epochs = 50)
  allocate { talk 512 tokens { tune: 100% } }
  stage tune from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
}
"""


def test_another_template_makes_other_documents(folder: Path) -> None:
    spec = folder / "talks.spec"
    spec.write_text(SPEC)
    seen = set()
    for template in (CHATML, MARKED):
        (folder / "chat_template.jinja").write_text(template)
        found = compile_file(spec)
        assert not found.report.failed, found.report.diagnostics
        (point,) = found.experiments[0].recipes[0].points
        (reading,) = point.stages["tune"].readings
        assert reading.corpus.facts.train.tokens == len(_ids(folder))
        seen.add(digest(identity(reading.corpus.params)))
    assert len(seen) == 2


def _ids(folder: Path) -> list[int]:
    (document,) = read(folder)
    block = block_of([document], ["0" * 64], load_tokens(folder / "tokenizer.json"), False)
    return list(block.tokens)


def test_a_corpus_without_a_template_is_told(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    spec = folder / "talks.spec"
    spec.write_text(SPEC)
    (found,) = compile_file(spec).report.diagnostics
    assert found.code == "E0006"
    assert "no chat template beside the tokenizer" in found.title


def test_special_tokens_elsewhere_stay_text(folder: Path) -> None:
    tokens = load_tokens(folder / "tokenizer.json")
    (text,) = (tokens.encode_many(["a<|im_end|>"])[0].tolist(),)
    assert text == list(b"a<|im_end|>")
    assert tokens.encode_many(["a<|im_end|>"], True)[0].tolist() == [97, 258]
    assert tokens.encode_many(["a<|im_end|>"])[0].tolist() == text


def test_bytes_have_no_template_of_their_own() -> None:
    with pytest.raises(DataError, match="no chat template"):
        chat_arguments(None, None)
