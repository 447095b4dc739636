"""Records with named fields, made into documents: what JSON lines and Parquet have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from specc.corpora.documents import Document
from specc.errors import DataError


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the fields that hold the parts of a document; "" for parts that are not read.

    Attributes:
        noun: what a field is called in messages: "field" or "column".
    """

    noun: str
    text: str
    prompt: str
    completion: str
    options: str

    @property
    def names(self) -> tuple[str, ...]:
        """Fields that a record must have."""
        return tuple(filter(None, (self.text, self.prompt, self.completion, self.options)))

    def document(self, record: Mapping[str, Any], where: str) -> Document:
        """The document that a record holds.

        Args:
            where: file and place of the record, for messages.
        Raises:
            DataError: if a field is missing or of another type, or the options lack the completion or
                one is empty.
        """
        self.require(record, where)
        if self.text:
            return Document(text=self._string(record, self.text, where))
        completion = self._string(record, self.completion, where)
        options: tuple[str, ...] = ()
        if self.options:
            options = self._strings(record, self.options, where)
            if completion not in options:
                raise DataError(
                    f"{where}: the options in `{self.options}` lack the completion `{_short(completion)}`",
                    f"`{self.options}` lists every option, the one in `{self.completion}` among them",
                )
            if "" in options:
                raise DataError(
                    f"{where}: an option in `{self.options}` is empty",
                    "nothing has no likelihood to compare; write a text for every option",
                )
        return Document(
            prompt=self._string(record, self.prompt, where), completion=completion, options=options
        )

    def require(self, present: Collection[str], where: str) -> None:
        """Check that every field that is read is there.

        Raises:
            DataError: for the first that is missing; it names those that are there.
        """
        missing = next((name for name in self.names if name not in present), None)
        if missing is None:
            return
        import difflib

        close = difflib.get_close_matches(missing, list(present), n=1)
        listed = ", ".join(f"`{other}`" for other in list(present)[:12]) or "none"
        more = f" and {len(present) - 12} more" if len(present) > 12 else ""
        there = f"{self.noun}s that are there: {listed}{more}"
        raise DataError(
            f"{where}: there is no {self.noun} `{missing}`",
            f"write `{close[0]}`; {there}" if close else there,
        )

    def _string(self, record: Mapping[str, Any], name: str, where: str) -> str:
        value = record[name]
        if not isinstance(value, str):
            raise self._other_type(name, where, _kind(value), "a string")
        return self._encodable(value, name, where)

    def _strings(self, record: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
        values = record[name]
        if not isinstance(values, list):
            raise self._other_type(name, where, _kind(values), "a list of strings")
        for value in values:
            if not isinstance(value, str):
                raise self._other_type(name, where, f"a list with {_kind(value)} in it", "a list of strings")
        return tuple(self._encodable(value, name, where) for value in values)

    def _other_type(self, name: str, where: str, found: str, expected: str) -> DataError:
        return DataError(
            f"{where}: {self.noun} `{name}` is {found}, not {expected}",
            f"write {expected} in every record, or name another {self.noun}",
        )

    def _encodable(self, value: str, name: str, where: str) -> str:
        """Refuse half of a surrogate pair, which JSON can escape and UTF-8 can't hold."""
        try:
            value.isascii() or value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{where}: {self.noun} `{name}` holds half of a surrogate pair",
                f"alone, \\u{ord(value[error.start]):04x} stands for no character; mend what wrote it",
            ) from error
        return value


def fields(args: Mapping[str, Any], component: str, noun: str) -> Fields:
    """The fields that a corpus is read from, out of its arguments.

    Raises:
        DataError: unless there is `text`, or `prompt` and `completion`; `options` needs those.
    """
    found = Fields(noun, args["text"], args["prompt"], args["completion"], args["options"])
    pair = bool(found.prompt) + bool(found.completion)
    form = f'write `text = "..."`, or `prompt = "..."` and `completion = "..."`, with names of {noun}s'
    if found.text and pair:
        raise DataError(f"`{component}` has both `text` and a prompt or completion", form)
    if not found.text and not pair:
        raise DataError(f"`{component}` doesn't say which {noun} holds the text", form)
    if pair == 1:
        given, lacking = ("prompt", "completion") if found.prompt else ("completion", "prompt")
        raise DataError(f"`{component}` has `{given}` but no `{lacking}`", form)
    if found.options and found.text:
        raise DataError(f"`{component}` has `options` but no `prompt` and `completion`", form)
    return found


def _kind(value: Any) -> str:
    """What a value is, in the words of JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
