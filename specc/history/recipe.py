"""The recipe of a run: the text of its file and of the files that it uses, kept beside the plan."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from specc.files import write_atomic
from specc.steps import Frozen

FILE = "recipe.json"


class KeptRecipe(Frozen):
    """Texts of a recipe's files by name, as they were read; the first is the recipe itself."""

    format: int = 1
    files: dict[str, str]

    @property
    def name(self) -> str:
        return next(iter(self.files), "")

    @property
    def text(self) -> str:
        return self.files.get(self.name, "")


def write_recipe(folder: Path, recipe: KeptRecipe) -> None:
    """Keep a recipe in the folder of a run.

    Raises:
        OSError: if it can't be written.
    """
    write_atomic(folder / FILE, recipe.model_dump_json() + "\n")


def read_recipe(folder: Path) -> KeptRecipe | None:
    """The recipe of a run; None if none was kept, as of runs by an older specc."""
    try:
        return KeptRecipe.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
