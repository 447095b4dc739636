"""Large models as JSON, piece by piece: as one text, a large plan would take its memory once more."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

ROWS = 1_000
"""Members of a tuple that are written in one piece."""


def json_pieces(model: BaseModel) -> Iterator[str]:
    """Pieces that together are `model.model_dump_json()`; models inside of it are cut up too."""
    opening = "{"
    for name in type(model).model_fields:
        value = getattr(model, name)
        yield f'{opening}"{name}":'
        opening = ","
        if isinstance(value, BaseModel):
            yield from json_pieces(value)
        elif isinstance(value, tuple) and len(value) > ROWS:
            bracket = "["
            for start in range(0, len(value), ROWS):
                part = model.model_copy(update={name: value[start : start + ROWS]})
                yield bracket + _value(part, name)[1:-1]
                bracket = ","
            yield "]"
        else:
            yield _value(model, name)
    yield "}"


def _value(model: BaseModel, name: str) -> str:
    """One field of a model as JSON."""
    return model.model_dump_json(include={name})[len(f'{{"{name}":') : -1]
