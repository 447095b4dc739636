"""Where the numbers of a run come from, if specc has not done its steps itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from specc.steps import Frozen

FILE = "imported.json"

Kind = Literal["mlflow", "wandb", "tensorboard", "lm_eval", "table"]

KINDS: dict[Kind, str] = {
    "mlflow": "MLflow",
    "wandb": "W&B",
    "tensorboard": "TensorBoard",
    "lm_eval": "lm-evaluation-harness",
    "table": "a table",
}
"""What results are imported from, in words."""


class Origin(Frozen):
    """What was imported.

    Attributes:
        path: as it was given. digest: SHA-256 over the names and contents of the files that were read.
        mapping: how it was read, as the options of the command say it. time: UTC, ISO 8601.
        runs: names of the imported runs by their arm's label. notes: what was left out, in words.
    """

    format: int = 1
    kind: Kind
    path: str
    digest: str
    mapping: dict[str, list[str]] = Field(default_factory=dict)
    time: str
    runs: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The origin in a few words."""
        return f"{self.path} ({KINDS[self.kind]})"


def read_origin(folder: Path) -> Origin | None:
    """Where a run was imported from; None for one that specc has done."""
    try:
        return Origin.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
