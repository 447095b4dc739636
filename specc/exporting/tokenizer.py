"""A tokenizer in the hub's format, for checkpoints whose corpora were read with one of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

END = "<|endoftext|>"
"""The end token of byte-level models."""


def byte_tokenizer() -> dict[str, Any]:
    """A tokenizer.json under which the bytes of UTF-8 are the tokens 0 to 255, and 256 ends a text.

    Byte-level pieces without merges; the letters that stand for bytes are those of GPT-2 (Radford et
    al. 2019), bytes that print as themselves and the others from U+0100 on.
    """
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    letters = {byte: chr(byte) for byte in printed} | {
        byte: chr(256 + place) for place, byte in enumerate(others)
    }
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": 256,
                "content": END,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {letters[byte]: byte for byte in range(256)},
            "merges": [],
        },
    }


def special_token(tokenizer: dict[str, Any], number: int) -> str | None:
    """The text of a special token by its id; None if the tokenizer doesn't declare it."""
    for token in tokenizer.get("added_tokens") or ():
        if token.get("id") == number and token.get("special"):
            return str(token["content"])
    return None


def write_tokenizer(folder: Path, tokenizer: dict[str, Any], eos: int, context: int) -> None:
    """Write tokenizer.json and what AutoTokenizer needs beside it.

    Args:
        eos: id of the end token. context: longest sequence, in tokens.
    """
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    end = special_token(tokenizer, eos)
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    if end is not None:
        settings |= {"eos_token": end, "pad_token": end}
    _write_json(folder / "tokenizer_config.json", settings)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )
