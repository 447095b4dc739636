"""Copy a checkpoint in the hub's format into the store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from specc.checkpoints import checkpoint_fingerprint, checkpoint_shape, read_config, weight_files
from specc.errors import DataError
from specc.steps import ImportExecution, ImportParams
from specc.store import Manifest
from specc_runtime.attempt import Attempt
from specc_runtime.init import shape_outputs


def import_checkpoint(attempt: Attempt) -> Manifest:
    """Copy the weights and the used part of config.json, and check that they are those compiled for.

    Raises:
        DataError: if the checkpoint can't be used, or is another one than when it was compiled.
    """
    params: ImportParams = attempt.params
    execution: ImportExecution = attempt.execution
    source = Path(execution.path)
    config = read_config(source)
    for path in weight_files(source):
        attempt.stop_if_asked()
        shutil.copyfile(path, attempt.artifact / path.name)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (attempt.artifact / "config.json").write_text(text)
    if checkpoint_fingerprint(attempt.artifact) != params.fingerprint:
        raise DataError(
            f"the checkpoint {source} has changed since the recipe was compiled", "run the recipe again"
        )
    return attempt.publish(shape_outputs(checkpoint_shape(attempt.artifact)))
