"""Tasks of the lm-evaluation-harness as data: what they say and the rows they name, without their code."""

from __future__ import annotations

from specc.corpora.harness.installed import harness_version
from specc.corpora.harness.metrics import METRICS, Metric, chosen_metric
from specc.corpora.harness.rows import TASK_ROWS, Rows, read_task_rows, reader_arguments, rows_of_splits
from specc.corpora.harness.task import HarnessTask, load_task

__all__ = [
    "METRICS",
    "TASK_ROWS",
    "HarnessTask",
    "Metric",
    "Rows",
    "chosen_metric",
    "harness_version",
    "load_task",
    "read_task_rows",
    "reader_arguments",
    "rows_of_splits",
]
