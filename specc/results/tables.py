"""The public tables, column by column: what a row is, what each column means, and in which unit.

An example belongs to every table. It is a query on the tables of one experiment, and runs as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, DuckDB type, what it means, and its unit; empty for what is no quantity."""

    name: str
    type: str
    doc: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the public interface.

    Attributes:
        columns: all columns but the axes.
        per_arm: whether a row belongs to an arm; the axes then follow the column `recipe`.
        example: a query that shows what the table is for.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    per_arm: bool = False
    example: str = ""


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
    C(
        "position",
        "DOUBLE",
        "share of the stage behind the measured checkpoint; 1 at its end",
        "share of the stage",
    ),
    C(
        "steps",
        "BIGINT",
        "training steps of the stage behind the checkpoint; 0 if it is computed",
        "training steps",
    ),
    C("tokens", "BIGINT", "tokens of the stage behind the checkpoint; 0 if it is computed", "tokens"),
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
            C("arms", "BIGINT", "number of arms", "arms"),
            C("steps", "BIGINT", "number of distinct steps", "steps"),
            C("steps_done", "BIGINT", "how many of them are done", "steps"),
        ),
        example="select experiment, description, steps_done, steps from experiments",
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
            C("steps", "BIGINT", "number of distinct steps of its plan", "steps"),
            C("steps_reused", "BIGINT", "how many of them were done before it began", "steps"),
            C("steps_done", "BIGINT", "how many it did", "steps"),
            C("steps_failed", "BIGINT", "how many failed for good", "steps"),
            C("spec", "VARCHAR", "path of the recipe file, as it was given"),
            C("recipe", "VARCHAR", "SHA-256 of the recipe's text as kept with the run"),
            C("note", "VARCHAR", "what `specc note` wrote about it"),
            C("tags", "VARCHAR[]", "its tags by `specc tag`"),
            C("origin", "VARCHAR", "what `specc import` took its numbers from; null for steps done by specc"),
        ),
        example="select run, state, ended - started as took, steps_done, note from runs order by run desc",
    ),
    Table(
        "recipes",
        "one row per arm",
        (
            *_ARM,
            C("label", "VARCHAR", "readable name of the arm"),
            C("results", "BIGINT", "number of results planned for the arm", "results"),
            C("results_done", "BIGINT", "how many of them are there", "results"),
        ),
        per_arm=True,
        example="select label, results_done, results from recipes where results_done < results",
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
                "`done`, `failed` (in the latest run, or diverged before), `started` (it has a log) or "
                "`to do`",
            ),
            C("error", "VARCHAR", "what went wrong, if it has failed"),
            C("label", "VARCHAR", "readable name; of a step that arms share, the first arm's"),
            C("tokens", "BIGINT", "tokens read, as planned", "tokens"),
            C(
                "flops",
                "DOUBLE",
                "floating-point operations: counted if done, else planned",
                "floating-point operations",
            ),
            C("predicted_seconds", "DOUBLE", "predicted time on one worker", "seconds"),
            C("wall_seconds", "DOUBLE", "time it took", "seconds"),
            C("cpu_seconds", "DOUBLE", "processor time it took", "seconds"),
            C("started", "TIMESTAMP", "when it was started, UTC"),
            C("device", "VARCHAR", "device that did it, for instance `cpu`"),
            C("threads", "BIGINT", "threads of the worker that did it", "threads"),
            C("resumed", "BIGINT", "how often it went on from a checkpoint after an interruption", "times"),
            C("version", "BIGINT", "version of the operation"),
            C("code", "VARCHAR", "version of specc that did it"),
            C("params", "JSON", "parameters that make up its identity"),
            C("outputs", "JSON", "numbers that it recorded"),
        ),
        example="select op, state, count(*) as steps, sum(wall_seconds) / 3600 as hours from steps group by "
        "all order by all",
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
        example="select parent.op as made_by, child.op as read_by, count(*) as edges from lineage join steps "
        "parent on parent.step = lineage.parent join steps child on child.step = lineage.child group "
        "by all order by all",
    ),
    Table(
        "allocations",
        "tokens of each corpus in each stage of each arm",
        (
            *_ARM,
            _STAGE,
            C("corpus", "VARCHAR", "name of the corpus"),
            C("tokens_nominal", "BIGINT", "tokens as declared", "tokens"),
            C("tokens_planned", "BIGINT", "tokens after rounding to whole steps and sequences", "tokens"),
            C(
                "tokens_counted",
                "BIGINT",
                "tokens that training counted; null until the stage is done",
                "tokens",
            ),
            C(
                "epochs",
                "DOUBLE",
                "planned tokens over the tokens of the corpus' training split",
                "passes over the corpus",
            ),
            C("replay_of", "VARCHAR", "earlier stage whose tokens are read again; null for the row's own"),
        ),
        per_arm=True,
        example="select recipe, stage, corpus, tokens_planned, tokens_counted, epochs from allocations where "
        "seed = 0 order by arm, stage, corpus",
    ),
    Table(
        "stages",
        "one row per stage of each arm",
        (
            *_ARM,
            _STAGE,
            C("number", "BIGINT", "place of the stage in its arm, from 0"),
            C("parent", "VARCHAR", "checkpoint that it starts from"),
            C(
                "steps",
                "BIGINT",
                "training steps, as planned: of a stage with `until` the most there may be",
                "training steps",
            ),
            C("tokens", "BIGINT", "tokens, as planned", "tokens"),
            C("flops", "DOUBLE", "floating-point operations, as planned", "floating-point operations"),
            C("done", "BOOLEAN", "whether all of its training is done"),
            C("wall_seconds", "DOUBLE", "time of its training; null until it is done", "seconds"),
            C("checkpoint", "VARCHAR", "key of the step that holds the weights at its end"),
            C("settings", "JSON", "resolved settings: batch, optimizer, schedule, dropout, ..."),
            C(
                "stopped_at",
                "BIGINT",
                "of a stage with `until`: training steps that it did",
                "training steps",
            ),
            C("stop_reason", "VARCHAR", "why it ended there"),
            C("best_at", "BIGINT", "training steps behind its best result", "training steps"),
            C("best_value", "DOUBLE", "its best result", "`evaluations.unit`"),
        ),
        per_arm=True,
        example="select recipe, stage, avg(wall_seconds) as seconds, avg(flops) as flops from stages where "
        "done group by all order by all",
    ),
    Table(
        "metrics",
        "what training logged: one row per arm, logged training step and name",
        (
            *_ARM,
            _STAGE,
            _STEP,
            C("steps", "BIGINT", "training steps of the stage done", "training steps"),
            C("tokens", "BIGINT", "tokens of the stage done", "tokens"),
            C("lineage_tokens", "BIGINT", "tokens since initialisation", "tokens"),
            C(
                "name",
                "VARCHAR",
                "loss (nats per token), learning_rate, grad_norm, seconds; until (an early stop's results)",
            ),
            C("value", "DOUBLE", "its value at this training step", "the name's own unit"),
        ),
        per_arm=True,
        example="select recipe, stage, tokens, avg(value) as loss, stddev_samp(value) as sd from metrics "
        "where name = 'loss' group by all order by all",
    ),
    Table(
        "results",
        "one row per evaluation that is done, or can't be because its training has diverged",
        (
            *_ARM,
            *_PLACE,
            C(
                "value",
                "DOUBLE",
                "the result; NaN where it is not finite or training has diverged",
                "`evaluations.unit`",
            ),
            C("n", "BIGINT", "what the value is a mean over: target tokens or prompts", "items"),
            C(
                "stderr",
                "DOUBLE",
                "standard error over the evaluated items; null if unknown",
                "`evaluations.unit`",
            ),
            _DATA,
            _STEP,
        ),
        per_arm=True,
        example="select recipe, stage, eval, avg(value) as mean, stddev_samp(value) as sd, "
        "count(*) as seeds, diverged(value) as diverged from results where position = 1 "
        "group by all order by all",
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
        example="select state, reason, count(*) as results from missing group by all order by all",
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
        example="select eval, metric, unit, better from evaluations",
    ),
    Table(
        "settings",
        "resolved settings of each stage of each arm, one row each, defaults included; what a stage does "
        "without (`replay`, `adapter`, `until`, an optimizer state that is kept) has none",
        (
            *_ARM,
            _STAGE,
            C(
                "name",
                "VARCHAR",
                "name of the setting; an argument of a component behind a dot, for instance `schedule.peak`",
            ),
            C("value", "VARCHAR", "its value as it is written, for instance `64 sequences` or `5%`"),
            C(
                "number",
                "DOUBLE",
                "the number that it is, to six digits, 0.05 for 5%; null if it is none",
                "the setting's own unit",
            ),
        ),
        per_arm=True,
        example="select stage, name, value, count(distinct arm) as arms from settings group by all order by "
        "all",
    ),
    Table(
        "samples",
        "one row per evaluated document or prompt",
        (
            *_ARM,
            *_PLACE,
            C("document", "VARCHAR", "stable id of the document, the same in all arms"),
            C("value", "DOUBLE", "the document's result", "`evaluations.unit`"),
            C("n", "BIGINT", "items in the document: target tokens, or 1 for a prompt", "items"),
            C("prediction", "VARCHAR", "what the model wrote, where it wrote"),
            C("target", "VARCHAR", "what it should have written"),
            _DATA,
            _STEP,
        ),
        per_arm=True,
        example="select document, avg(value) as mean, stddev_samp(value) as sd from samples where position = "
        "1 group by document order by mean desc limit 10",
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
            C("value_after", "DOUBLE", "the result right after the earlier stage", "`evaluations.unit`"),
            C("value", "DOUBLE", "the result after the later stage", "`evaluations.unit`"),
            C(
                "change",
                "DOUBLE",
                "`value` - `value_after`: of a loss, what was forgotten",
                "`evaluations.unit`",
            ),
        ),
        per_arm=True,
        example="select recipe, eval, after, stage, avg(change) as forgotten from forgetting group by all "
        "order by all",
    ),
    Table(
        "retention",
        "what is measured right after a stage, and once more on the same data after a later stage of the "
        "lineage, by evaluations of whatever names: L_im and L_ret of arXiv 2605.12705",
        (
            *_ARM,
            C("eval", "VARCHAR", "name of the later evaluation"),
            C("metric", "VARCHAR", "what both measure"),
            C("better", "VARCHAR", "which results are better: `lower` or `higher`; empty if not known"),
            C("eval_after", "VARCHAR", "name of the earlier evaluation: the same, or one of the same data"),
            C("after", "VARCHAR", "the earlier stage, or checkpoint that is computed"),
            C("stage", "VARCHAR", "the later one"),
            C("immediate", "DOUBLE", "the result right after the earlier stage", "`evaluations.unit`"),
            C("retained", "DOUBLE", "the result after the later stage", "`evaluations.unit`"),
            C(
                "forgotten",
                "DOUBLE",
                "how much worse it is: `retained` - `immediate`; where higher is better, the negative",
                "`evaluations.unit`",
            ),
            C("ratio", "DOUBLE", "`retained` / `immediate`; null if that is 0", "share"),
        ),
        per_arm=True,
        example="select recipe, eval, after, stage, avg(forgotten) as forgotten, half_width(forgotten) as "
        "within from retention group by all order by all",
    ),
    Table(
        "pairs",
        "each result against the same result, on the same data, of every other arm that has the same seed",
        (
            *_ARM,
            *_PLACE,
            C("value", "DOUBLE", "the result of this arm", "`evaluations.unit`"),
            C("baseline", "STRUCT", "the other arm: `baseline.recipe`, and `baseline.AXIS` for each axis"),
            C("baseline_value", "DOUBLE", "the result of the other arm", "`evaluations.unit`"),
            C("difference", "DOUBLE", "`value` - `baseline_value`", "`evaluations.unit`"),
            _DATA,
        ),
        per_arm=True,
        example="select recipe, eval, stage, avg(difference) as effect, stddev_samp(difference) / "
        "sqrt(count(*)) as stderr, count(*) as seeds from pairs where baseline.recipe = 'base' and "
        "position = 1 group by all order by all",
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
            C("left_value", "DOUBLE", "left side of the comparison", "the sides' own unit"),
            C("right_value", "DOUBLE", "right side of the comparison", "the sides' own unit"),
            C("margin", "DOUBLE", "margin asked for; 0 if none", "the sides' own unit"),
            C("reason", "VARCHAR", "why it was not run or not met, where the numbers don't say"),
        ),
        example="select name, outcome, left_value, right_value, margin, reason from expectations order by "
        "number",
    ),
    Table(
        "artifacts",
        "one row per file of a finished step",
        (
            _EXPERIMENT,
            _STEP,
            C("op", "VARCHAR", "operation that made it"),
            C("file", "VARCHAR", "name of the file in the artifact's folder"),
            C("bytes", "BIGINT", "its size", "bytes"),
            C("sha256", "VARCHAR", "its checksum, 64 hex digits"),
        ),
        example="select op, count(*) as files, sum(bytes) / 1e9 as gigabytes from artifacts group by op "
        "order by gigabytes desc",
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
        example="select package, version, count(*) as steps from environments group by all order by all",
    ),
)

WIDE = Table(
    "wide",
    "one row per arm, with a column for each setting that differs among arms and for each result at the "
    "end of a stage; it has the experiment's name too",
    _ARM[1:],
    per_arm=True,
    example="select * from wide order by arm",
)
"""The view of an experiment whose other columns depend on the recipe; see `specc.results.wide`."""
