"""Conversations as JSON lines, written out by the chat template of a model.

A line holds a list of messages, each with a `role` and a `content`. The template is a program that
comes with a model, so it runs in jinja's sandbox, and can read nothing but the messages. What the
assistant says is learned; all else is context. A conversation is written out up to each answer as it
would be when the model is asked, and the answer as what the template adds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.corpora.documents import Document
from specc.corpora.jsonl import read_records
from specc.errors import DataError

if TYPE_CHECKING:
    from jinja2 import Template


def read_chat(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each line that holds a conversation with an answer.

    Args:
        args: `messages`, the field that holds them; `template`, as `specc.corpora.templates` finds it;
            `answers`, "all" or "last".
    Raises:
        DataError: as `read_jsonl`; if a line holds no conversation, one without an answer, or one that
            the template refuses; or if a message holds a special token.
    """
    given = args["template"]
    if not isinstance(given, Mapping):
        raise DataError(
            "conversations are no text before a chat template has written them",
            "name a tokenizer that has a template beside it",
        )
    template = compiled(given["text"])
    words: Mapping[str, str] = given["words"]
    reserved = tuple(given["reserved"])
    for record, where in read_records(files):
        messages = _messages(record, args["messages"], where, reserved)
        yield conversation(template, words, messages, args["answers"], where)


def conversation(
    template: Template, words: Mapping[str, str], messages: list[dict[str, Any]], answers: str, where: str
) -> Document:
    """A conversation as a document; of `answers` "last" a prompt and its completion.

    What follows the last answer is left out.

    Raises:
        DataError: if there is no answer, or the template writes what was said otherwise later on.
    """
    places = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    if not places:
        raise DataError(f"{where}: nothing is said by the assistant", "leave this conversation out")
    pieces: list[str] = []
    written = ""
    for place in places if answers == "all" else places[-1:]:
        asked = render(template, words, messages[:place], True, where)
        told = render(template, words, messages[: place + 1], False, where)
        if not (asked.startswith(written) and told.startswith(asked)):
            raise DataError(
                f"{where}: the template writes what came before message {place + 1} otherwise because of it",
                'learn the last answer of each conversation alone: `answers = "last"`'
                if answers == "all"
                else "use another template",
            )
        pieces += [asked[len(written) :], told[len(asked) :]]
        written = told
    if answers == "last":
        return Document(prompt=pieces[0], completion=pieces[1], markup=True)
    return Document(turns=tuple(pieces), markup=True)


def render(
    template: Template, words: Mapping[str, str], messages: list[dict[str, Any]], asking: bool, where: str
) -> str:
    """Messages as the template writes them; with `asking`, up to where the answer begins.

    Raises:
        DataError: if the template fails, or refuses them.
    """
    try:
        return template.render(messages=messages, add_generation_prompt=asking, **words)
    except Exception as error:  # a template may fail in any way
        raise DataError(
            f"{where}: the chat template refuses the conversation: {_first_line(error)}",
            "change the conversation as the template wants it, or use another template",
        ) from error


@lru_cache(maxsize=8)
def compiled(template: str) -> Template:
    """A chat template, ready to be rendered in a sandbox.

    The environment is that of `apply_chat_template` in transformers: blocks are trimmed, `break` and
    `continue` are known, and so are `raise_exception`, `tojson` and `generation` blocks. The clock is not.

    Raises:
        DataError: if it can't be read as a template.
    """
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks answers for others; here it stands for what it holds."""

        tags = {"generation"}  # noqa: RUF012 - as the base class declares it

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _no_clock
    try:
        return environment.from_string(template)
    except jinja2.TemplateError as error:
        raise DataError(
            f"the chat template can't be read: {_first_line(error)}", "name the template of a model"
        ) from error


def _to_json(value: Any, indent: int | None = None, **how: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, **how)


def _refuse(message: str) -> str:
    raise ValueError(message)


def _no_clock(form: str) -> str:
    raise ValueError("it asks for the time, which is another one whenever it is read")


def _messages(
    record: Mapping[str, Any], field: str, where: str, reserved: tuple[str, ...]
) -> list[dict[str, Any]]:
    messages = record.get(field)
    if not isinstance(messages, list) or not messages:
        raise DataError(
            f"{where}: `{field}` is no list of messages",
            'a line looks like {"messages": [{"role": "user", "content": "..."}, ...]}',
        )
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, dict) or not all(
            isinstance(message.get(name), str) for name in ("role", "content")
        ):
            raise DataError(
                f"{where}: message {number} has no `role` and `content` that are strings",
                'a message looks like {"role": "user", "content": "..."}',
            )
        found = next((word for text in _texts(message) for word in reserved if word in text), None)
        if found is not None:
            raise DataError(
                f"{where}: message {number} holds the special token `{found}`",
                "take it out: in a conversation it would end a turn, or begin one",
            )
    return messages


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value: a template may write any of them."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                waiting += [*members, *members.values()]
            case list() as items:
                waiting += items


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
