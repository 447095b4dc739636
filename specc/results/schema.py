"""The tables that queries see, column by column: the public interface of the results.

Each experiment has a schema of its own, in which the axes of its sweep are typed columns. `main`
holds the same tables over all experiments, with the union of their axes: an axis that is a whole
number here and a number there is DOUBLE, any other conflict VARCHAR.

Names are those of SQL: they don't distinguish upper from lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specc.quantities.registry import FUNCTIONS
from specc.study import Axis, AxisType

VERSION = 4
"""Version of the tables; an index of another version is built again."""

AXIS_TYPES: dict[AxisType, str] = {
    "fraction": "DOUBLE",
    "float": "DOUBLE",
    "tokens": "BIGINT",
    "steps": "BIGINT",
    "sequences": "BIGINT",
    "int": "BIGINT",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
}
"""Type of the column that an axis becomes."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, DuckDB type, and what it means, with its unit."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the public interface.

    Attributes:
        columns: all columns but the axes.
        per_arm: whether a row belongs to an arm; the axes then follow the column `recipe`.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    per_arm: bool = False


C = Column

_EXPERIMENT = C("experiment", "VARCHAR", "name of the experiment")
_ARM = (
    _EXPERIMENT,
    C("arm", "BIGINT", "number of the arm: a recipe at one point of the sweep with one seed"),
    C("recipe", "VARCHAR", "name of the recipe; `base` is the experiment as written"),
    C("seed", "BIGINT", "seed of the arm; seeds are replicates, not a factor"),
)
_STEP = C("step", "VARCHAR", "key of the step, 64 hex digits")
_STAGE = C("stage", "VARCHAR", "name of the stage")
_DATA = C(
    "data",
    "VARCHAR",
    "identity of what was measured, 64 hex digits: evaluator, its arguments, data set and window, but not "
    "the checkpoint; results compare only where it is equal",
)
_PLACE = (
    C(
        "stage",
        "VARCHAR",
        "name of the stage; of a checkpoint that is computed, its name by `let`, else as it is written",
    ),
    C("position", "DOUBLE", "share of the stage behind the measured checkpoint; 1 at its end"),
    C("steps", "BIGINT", "training steps of the stage behind the checkpoint; 0 if it is computed"),
    C("tokens", "BIGINT", "tokens of the stage behind the checkpoint; 0 if it is computed"),
    C("eval", "VARCHAR", "name of the evaluation"),
    C("metric", "VARCHAR", "what the evaluation measures, for instance `loss`"),
)

TABLES: tuple[Table, ...] = (
    Table(
        "experiments",
        "one row per experiment, from its latest run",
        (
            _EXPERIMENT,
            C("description", "VARCHAR", "the experiment's question, as written"),
            C("spec", "VARCHAR", "path of the recipe file, as it was given"),
            C("spec_digest", "VARCHAR", "SHA-256 of what was read for the recipe"),
            C("run", "BIGINT", "number of its latest run"),
            C("axes", "VARCHAR[]", "names of the swept axes"),
            C("arms", "BIGINT", "number of arms"),
            C("steps", "BIGINT", "number of distinct steps"),
            C("steps_done", "BIGINT", "how many of them are done"),
        ),
    ),
    Table(
        "runs",
        "one row per run, the earlier ones too; the other tables are about each experiment's latest",
        (
            _EXPERIMENT,
            C("run", "BIGINT", "number of the run, counted in the workspace"),
            C("state", "VARCHAR", "`done`, `failed`, `interrupted`, `killed` or `running`"),
            C("started", "TIMESTAMP", "when it was started, UTC"),
            C("ended", "TIMESTAMP", "when it ended, UTC; null while it goes on"),
            C("steps", "BIGINT", "number of distinct steps of its plan"),
            C("steps_reused", "BIGINT", "how many of them were done before it began"),
            C("steps_done", "BIGINT", "how many it did"),
            C("steps_failed", "BIGINT", "how many failed for good"),
            C("spec", "VARCHAR", "path of the recipe file, as it was given"),
            C("recipe", "VARCHAR", "SHA-256 of the recipe's text as kept with the run"),
            C("note", "VARCHAR", "what `specc note` wrote about it"),
            C("tags", "VARCHAR[]", "its tags by `specc tag`"),
        ),
    ),
    Table(
        "recipes",
        "one row per arm",
        (
            *_ARM,
            C("label", "VARCHAR", "readable name of the arm"),
            C("results", "BIGINT", "number of results planned for the arm"),
            C("results_done", "BIGINT", "how many of them are there"),
        ),
        per_arm=True,
    ),
    Table(
        "steps",
        "one row per distinct step",
        (
            _EXPERIMENT,
            _STEP,
            C("op", "VARCHAR", "operation: tokenizer, prepare, dataset, init, import, train, combine, ..."),
            C(
                "state",
                "VARCHAR",
                "`done`, `failed` (in the latest run), `started` (it has a log) or `to do`",
            ),
            C("error", "VARCHAR", "what went wrong, if it has failed"),
            C("label", "VARCHAR", "readable name; of a step that arms share, the first arm's"),
            C("tokens", "BIGINT", "tokens read, as planned"),
            C("flops", "DOUBLE", "floating-point operations: counted if done, else planned"),
            C("predicted_seconds", "DOUBLE", "predicted time on one worker, in seconds"),
            C("wall_seconds", "DOUBLE", "time it took, in seconds"),
            C("cpu_seconds", "DOUBLE", "processor time it took, in seconds"),
            C("started", "TIMESTAMP", "when it was started, UTC"),
            C("device", "VARCHAR", "device that did it, for instance `cpu`"),
            C("threads", "BIGINT", "threads of the worker that did it"),
            C("resumed", "BIGINT", "how often it went on from a checkpoint after an interruption"),
            C("version", "BIGINT", "version of the operation"),
            C("code", "VARCHAR", "version of specc that did it"),
            C("params", "JSON", "parameters that make up its identity"),
            C("outputs", "JSON", "numbers that it recorded"),
        ),
    ),
    Table(
        "lineage",
        "one row per edge of the graph: `child` reads what `parent` made",
        (
            _EXPERIMENT,
            C("parent", "VARCHAR", "key of the step that is read"),
            C("child", "VARCHAR", "key of the step that reads"),
            C(
                "role",
                "VARCHAR",
                "input that the parent is: `parent`, `checkpoint`, `corpus0`, `candidate0`, ...",
            ),
        ),
    ),
    Table(
        "allocations",
        "tokens of each corpus in each stage of each arm",
        (
            *_ARM,
            _STAGE,
            C("corpus", "VARCHAR", "name of the corpus"),
            C("tokens_nominal", "BIGINT", "tokens as declared"),
            C("tokens_planned", "BIGINT", "tokens after rounding to whole steps and sequences"),
            C("tokens_counted", "BIGINT", "tokens that training counted; null until the stage is done"),
            C("epochs", "DOUBLE", "planned tokens over the tokens of the corpus' training split"),
            C("replay_of", "VARCHAR", "earlier stage whose tokens are read again; null for the row's own"),
        ),
        per_arm=True,
    ),
    Table(
        "stages",
        "one row per stage of each arm",
        (
            *_ARM,
            _STAGE,
            C("number", "BIGINT", "place of the stage in its arm, from 0"),
            C("parent", "VARCHAR", "checkpoint that it starts from"),
            C("steps", "BIGINT", "training steps, as planned: of a stage with `until` the most there may be"),
            C("tokens", "BIGINT", "tokens, as planned"),
            C("flops", "DOUBLE", "floating-point operations, as planned"),
            C("done", "BOOLEAN", "whether all of its training is done"),
            C("wall_seconds", "DOUBLE", "time of its training, in seconds; null until it is done"),
            C("checkpoint", "VARCHAR", "key of the step that holds the weights at its end"),
            C("settings", "JSON", "resolved settings: batch, optimizer, schedule, dropout, ..."),
            C("stopped_at", "BIGINT", "of a stage with `until`: training steps that it did"),
            C("stop_reason", "VARCHAR", "why it ended there"),
            C("best_at", "BIGINT", "training steps behind its best result"),
            C("best_value", "DOUBLE", "its best result"),
        ),
        per_arm=True,
    ),
    Table(
        "metrics",
        "what training logged: one row per arm, logged training step and name",
        (
            *_ARM,
            _STAGE,
            _STEP,
            C("steps", "BIGINT", "training steps of the stage done"),
            C("tokens", "BIGINT", "tokens of the stage done"),
            C("lineage_tokens", "BIGINT", "tokens since initialisation"),
            C(
                "name",
                "VARCHAR",
                "loss (nats per token), learning_rate, grad_norm, seconds; until (an early stop's results)",
            ),
            C("value", "DOUBLE", "its value at this training step"),
        ),
        per_arm=True,
    ),
    Table(
        "results",
        "one row per evaluation that is done, or can't be because its training has diverged",
        (
            *_ARM,
            *_PLACE,
            C("value", "DOUBLE", "the result; NaN where it is not finite or training has diverged"),
            C("n", "BIGINT", "what the value is a mean over: target tokens or prompts"),
            C("stderr", "DOUBLE", "standard error over the evaluated items; null if unknown"),
            _DATA,
            _STEP,
        ),
        per_arm=True,
    ),
    Table(
        "missing",
        "one row per planned evaluation that is not done",
        (
            *_ARM,
            *_PLACE,
            C(
                "state",
                "VARCHAR",
                "`diverged` (its training has; `results` has a NaN), `failed` (a step that it needs has, in "
                "the latest run) or `missing` (not done yet)",
            ),
            C("reason", "VARCHAR", "the step that failed and what went wrong; null if none has"),
            _DATA,
            _STEP,
        ),
        per_arm=True,
    ),
    Table(
        "evaluations",
        "one row per evaluation and what it measures",
        (
            _EXPERIMENT,
            C("eval", "VARCHAR", "name of the evaluation"),
            C("metric", "VARCHAR", "what it measures, for instance `loss`"),
            C("unit", "VARCHAR", "unit of its results, in words; empty for a bare number"),
            C("better", "VARCHAR", "which results are better: `lower` or `higher`; empty if not known"),
        ),
    ),
    Table(
        "settings",
        "resolved settings of each stage of each arm, one row each, defaults included",
        (
            *_ARM,
            _STAGE,
            C(
                "name",
                "VARCHAR",
                "name of the setting; an argument of a component behind a dot, for instance `schedule.peak`",
            ),
            C("value", "VARCHAR", "its value as it is written, for instance `64 sequences` or `5%`"),
            C("number", "DOUBLE", "the number that it is, in that unit, 0.05 for 5%; null if it is none"),
        ),
        per_arm=True,
    ),
    Table(
        "samples",
        "one row per evaluated document or prompt",
        (
            *_ARM,
            *_PLACE,
            C("document", "VARCHAR", "stable id of the document, the same in all arms"),
            C("value", "DOUBLE", "the document's result"),
            C("n", "BIGINT", "items in the document: target tokens, or 1 for a prompt"),
            C("prediction", "VARCHAR", "what the model wrote, where it wrote"),
            C("target", "VARCHAR", "what it should have written"),
            _DATA,
            _STEP,
        ),
        per_arm=True,
    ),
    Table(
        "forgetting",
        "each evaluation right after a stage and after a later stage of the same lineage",
        (
            *_ARM,
            C("eval", "VARCHAR", "name of the evaluation"),
            C("metric", "VARCHAR", "what the evaluation measures"),
            C("after", "VARCHAR", "the earlier stage, or checkpoint that is computed"),
            C("stage", "VARCHAR", "the later one"),
            C("value_after", "DOUBLE", "the result right after the earlier stage"),
            C("value", "DOUBLE", "the result after the later stage"),
            C("change", "DOUBLE", "`value` - `value_after`: of a loss, what was forgotten"),
        ),
        per_arm=True,
    ),
    Table(
        "pairs",
        "each result against the same result, on the same data, of every other arm that has the same seed",
        (
            *_ARM,
            *_PLACE,
            C("value", "DOUBLE", "the result of this arm"),
            C("baseline", "STRUCT", "the other arm: `baseline.recipe`, and `baseline.AXIS` for each axis"),
            C("baseline_value", "DOUBLE", "the result of the other arm"),
            C("difference", "DOUBLE", "`value` - `baseline_value`"),
            _DATA,
        ),
        per_arm=True,
    ),
    Table(
        "expectations",
        "one row per expectation, as judged on the results that are there",
        (
            _EXPERIMENT,
            C("number", "BIGINT", "place of the expectation in the recipe, from 0"),
            C("name", "VARCHAR", "its name"),
            C("text", "VARCHAR", "the condition, as written"),
            C("outcome", "VARCHAR", "`met`, `not met` or `not run`"),
            C("left_value", "DOUBLE", "left side of the comparison"),
            C("right_value", "DOUBLE", "right side of the comparison"),
            C("margin", "DOUBLE", "margin asked for; 0 if none"),
            C("reason", "VARCHAR", "why it was not run or not met, where the numbers don't say"),
        ),
    ),
    Table(
        "artifacts",
        "one row per file of a finished step",
        (
            _EXPERIMENT,
            _STEP,
            C("op", "VARCHAR", "operation that made it"),
            C("file", "VARCHAR", "name of the file in the artifact's folder"),
            C("bytes", "BIGINT", "its size, in bytes"),
            C("sha256", "VARCHAR", "its checksum, 64 hex digits"),
        ),
    ),
    Table(
        "environments",
        "versions of the packages that did each finished step",
        (
            _EXPERIMENT,
            _STEP,
            C("package", "VARCHAR", "name of the package"),
            C("version", "VARCHAR", "its version"),
        ),
    ),
)

MACROS: dict[str, tuple[str, str]] = {macro.signature: (macro.sql, macro.doc) for macro in FUNCTIONS.values()}
"""Signature -> (SQL, what it means) of the functions that queries have beside DuckDB's."""

SWEPT = "swept axis; null in the arms of what `best` has chosen among its values"
"""What the column of an axis means."""

RESERVED_COLUMNS = frozenset(column.name for table in TABLES if table.per_arm for column in table.columns)
"""Names, in lower case, that an axis can't have: they are columns already."""

RESERVED_SCHEMAS = frozenset(
    {"main", "temp", "system", "information_schema", "pg_catalog", "planned", "recorded"}
)
"""Names, in lower case, that an experiment can't have: they are schemas already."""


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever is in it.

    >>> quoted('a "b"')
    '"a ""b\"""'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def table(name: str) -> Table:
    """The table of the public interface with this name."""
    return next(table for table in TABLES if table.name == name)


def axis_columns(axes: Sequence[Axis]) -> tuple[Column, ...]:
    """Columns that the axes of an experiment become.

    The checker refuses axes with reserved names; in a plan of an older specc one may have become
    reserved since, and is told apart by an underscore.
    """
    taken = set(RESERVED_COLUMNS)
    columns = []
    for axis in axes:
        name = axis.name
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        columns.append(Column(name, AXIS_TYPES[axis.type], SWEPT))
    return tuple(columns)


def schema_name(experiment: str) -> str:
    """Schema of an experiment: its name, told apart by an underscore if that is reserved."""
    return experiment + "_" * (experiment.lower() in RESERVED_SCHEMAS)


def wide_name(experiment: str) -> str:
    """The view in `main` with an experiment's wide table, told apart from the tables by an underscore."""
    name = schema_name(experiment)
    return name + "_" * (name.lower() in {table.name for table in TABLES})


def united(axes: Sequence[Sequence[Column]]) -> tuple[Column, ...]:
    """Columns of all experiments' axes together, in the order in which they are first met."""
    columns: dict[str, Column] = {}
    for column in (column for group in axes for column in group):
        known = columns.setdefault(column.name.lower(), column)
        if known.type != column.type:
            numbers = {known.type, column.type} <= {"BIGINT", "DOUBLE"}
            type = "DOUBLE" if numbers else "VARCHAR"
            columns[column.name.lower()] = Column(known.name, type, known.doc)
    return tuple(columns.values())


def columns(table: Table, axes: Sequence[Column]) -> tuple[Column, ...]:
    """All columns of a table in an experiment with these axes, in order."""
    if not table.per_arm:
        return table.columns
    found: list[Column] = []
    for column in table.columns:
        if column.type == "STRUCT":
            fields = (Column("arm", "BIGINT", ""), Column("recipe", "VARCHAR", ""), *axes)
            type = ", ".join(f"{quoted(field.name)} {field.type}" for field in fields)
            column = Column(column.name, f"STRUCT({type})", column.doc)
        found.append(column)
        if column.name == "recipe":
            found.extend(axes)
    return tuple(found)


def empty_tables(schema: str, axes: Sequence[Column]) -> str:
    """DDL of the public tables of one schema without rows, to bind queries against."""
    statements = [f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"]
    statements += [empty_table(schema, each, axes) for each in TABLES]
    return ";\n".join(statements)


def empty_table(schema: str, table: Table, axes: Sequence[Column]) -> str:
    """DDL of one of them."""
    shape = ", ".join(f"{quoted(column.name)} {column.type}" for column in columns(table, axes))
    return f"CREATE TABLE {quoted(schema)}.{quoted(table.name)} ({shape})"


def macros() -> str:
    """DDL of the functions, in the schema `main`."""
    return ";\n".join(macro.ddl() for macro in FUNCTIONS.values())
