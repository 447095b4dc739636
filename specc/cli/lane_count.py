"""The argument of `--lanes`: off, auto, or how many."""

from __future__ import annotations

from typing import Literal

import click


class LaneCount(click.ParamType[int | Literal["auto", "off"]]):
    """`off`, `auto` or a number from 1."""

    name = "lanes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["auto", "off"]:
        if value == "auto":
            return "auto"
        if value == "off":
            return "off"
        text = str(value)
        if text.isdecimal() and text.isascii() and int(text) > 0:
            return int(text)
        self.fail(f"{text!r} is none of `off`, `auto` and a number from 1", param, ctx)
