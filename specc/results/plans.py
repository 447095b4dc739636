"""Plans of runs into the index: what each experiment's latest run set out to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from specc.files import file_digest
from specc.results import schema, storage
from specc.results.measured import data_identities, evaluations
from specc.results.wide import setting_sets, wide_columns
from specc.steps import RESUME, SELECT
from specc.study import IMPORTED, Axis, Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest run of an experiment, and where its plan lies."""

    experiment: str
    run: int
    path: Path


def stamps(workspace: Path) -> dict[int, str]:
    """Runs that have a plan, by number, with what tells whether the plan was replaced."""
    found: dict[int, str] = {}
    for path in (workspace / "runs").glob("*/plan.json"):
        if path.parent.name.isdecimal():
            status = path.stat()
            found[int(path.parent.name)] = f"{path.parent.name}:{status.st_size}:{status.st_mtime_ns}"
    return found


def changes(connection: DuckDBPyConnection, workspace: Path) -> dict[int, str | None]:
    """Runs whose plan is new or was replaced, with its stamp; None for one that is gone."""
    rows = connection.execute("SELECT run, stamp FROM planned.plans").fetchall()
    known: dict[int, str] = dict(rows)
    now = stamps(workspace)
    found: dict[int, str | None] = {run: None for run in known if run not in now}
    found.update({run: stamp for run, stamp in now.items() if known.get(run) != stamp})
    return found


def record(connection: DuckDBPyConnection, workspace: Path, changed: Mapping[int, str | None]) -> None:
    """Store the plans of each experiment's latest run, in the transaction that is open."""
    runs = list(changed)
    connection.execute("DELETE FROM planned.plans WHERE run IN (SELECT unnest(?))", [runs])
    rows = []
    last: tuple[Path | None, Study | None] = (None, None)  # one is often all there is, and it may be large
    for run, stamp in sorted(changed.items()):
        if stamp is not None:
            last = (_path(workspace, stamp), _study(_path(workspace, stamp)))
            rows.append((run, stamp, last[1].experiment if last[1] is not None else None))
    storage.append(connection, "planned.plans", rows)
    wanted = _latest(connection, workspace)
    stored = {
        experiment: (run, known)
        for experiment, run, known in connection.execute(
            "SELECT experiment, run, digest FROM planned.experiments"
        ).fetchall()
    }
    for experiment in stored.keys() - wanted.keys():
        storage.forget_experiment(connection, experiment)
    for experiment, latest in wanted.items():
        run, known = stored.get(experiment, (None, None))
        if run == latest.run and latest.run not in changed:
            continue
        if known == file_digest(latest.path):
            connection.execute(
                "UPDATE planned.experiments SET run = ?, folder = ? WHERE experiment = ?",
                [latest.run, latest.path.parent.name, experiment],
            )
            continue
        storage.forget_experiment(connection, experiment)
        study = last[1] if last[0] == latest.path else _study(latest.path)
        if study is not None:
            record_study(connection, study, latest)


def _path(workspace: Path, stamp: str) -> Path:
    return workspace / "runs" / stamp.split(":")[0] / "plan.json"


def _study(path: Path) -> Study | None:
    """A plan; None for one that this specc can't read."""
    try:
        return Study.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _latest(connection: DuckDBPyConnection, workspace: Path) -> dict[str, Latest]:
    """The latest run of each experiment; names that make the same schema are the same experiment."""
    by_schema: dict[str, Latest] = {}
    for run, stamp, experiment in connection.execute(
        "SELECT run, stamp, experiment FROM planned.plans WHERE experiment IS NOT NULL ORDER BY run"
    ).fetchall():
        by_schema[schema.schema_name(experiment).lower()] = Latest(experiment, run, _path(workspace, stamp))
    return {latest.experiment: latest for latest in by_schema.values()}


def same_experiment(one: str, other: str) -> bool:
    """Whether two names of experiments make the same schema."""
    return schema.schema_name(one).lower() == schema.schema_name(other).lower()


def record_study(connection: DuckDBPyConnection, study: Study, latest: Latest) -> None:
    """Store the plan of a run, of whose experiment nothing is stored."""
    name = study.experiment

    def add(table: str, rows: list[tuple[Any, ...]]) -> None:
        storage.append(connection, f"planned.{table}", [(name, *row) for row in rows])

    columns = schema.axis_columns(study.axes)
    add(
        "experiments",
        [
            (
                latest.run,
                latest.path.parent.name,
                file_digest(latest.path),
                study.description,
                study.spec,
                study.spec_digest,
                [column.name for column in columns],
                [column.type for column in columns],
            )
        ],
    )
    add(
        "arms",
        [
            (arm.arm, arm.recipe, axis_texts(study.axes, columns, arm.axes), arm.seed, arm.label)
            for arm in study.arms
        ],
    )
    add(
        "cells",
        [
            (c.arm, c.stage, c.corpus, c.nominal, c.planned, c.epochs, c.role, c.replay_of)
            for c in study.cells
        ],
    )
    sets, settings = setting_sets(study)
    stages: list[tuple[Any, ...]] = []
    numbers: Counter[int] = Counter()
    for stage, own_set in zip(study.stages, sets, strict=True):
        stages.append(
            (
                stage.arm,
                stage.stage,
                numbers[stage.arm],
                stage.parent,
                stage.steps,
                stage.tokens,
                stage.flops,
                stage.checkpoint,
                json.dumps(stage.settings),
                own_set,
            )
        )
        numbers[stage.arm] += 1
    add("stages", stages)
    add(
        "settings",
        [
            (number, setting, *value)
            for number, rows in enumerate(settings)
            for setting, value in rows.items()
        ],
    )
    wide = wide_columns(study, columns, sets, settings)
    add(
        "wide",
        [(number, c.name, c.type, c.kind, c.stage, c.source) for number, c in enumerate(wide)],
    )
    add(
        "segments",
        segments(study),
    )
    add("ancestors", ancestors(study))
    data = data_identities(study)
    add(
        "measures",
        [
            (m.arm, m.eval, m.metric, m.stage, m.position, m.steps, m.tokens, data.get(m.key, ""), m.key)
            for m in study.measures
        ],
    )
    add("evaluations", [(e.eval, e.metric, e.unit, e.better) for e in evaluations(study)])
    add(
        "steps",
        [
            (step.key, step.op, step.label, step.tokens, step.flops, step.seconds, json.dumps(step.params))
            for step in study.steps
        ],
    )
    add(
        "edges",
        [(parent, step.key, role) for step in study.steps for role, parent in step.inputs.items()],
    )
    add(
        "expectations",
        [
            (number, each.name, each.text, each.model_dump_json(), *(None,) * 5)
            for number, each in enumerate(study.expectations)
        ],
    )


def axis_texts(
    axes: Sequence[Axis], columns: Sequence[schema.Column], values: Mapping[str, Any]
) -> dict[str, str]:
    """Values of an arm's axes as texts that cast back to them, by their columns' names."""
    texts = {}
    for axis, column in zip(axes, columns, strict=True):
        value = values.get(axis.name)
        if value is not None:
            texts[column.name.lower()] = str(value).lower() if isinstance(value, bool) else str(value)
    return texts


def segments(study: Study) -> list[tuple[int, str, str, int, int, str | None]]:
    """Arm, stage, state, the training steps (first, last] that it stands for, and its successor.

    A state may go on from one that only other arms ask for. Then that one's log has the steps that are
    missing at the start of its own, and belongs to the arm too, with the state as its successor.
    """
    steps = {step.key: step for step in study.steps}
    found: list[tuple[int, str, str, int, int, str | None]] = []
    for stage in study.stages:
        # Others count training steps from 0.
        start = -1 if stage.segments and steps[stage.segments[0]].op == IMPORTED else 0
        for key, (first, last) in zip(stage.segments, pairwise((start, *stage.ends)), strict=True):
            found.append((stage.arm, stage.stage, key, first, last, None))
            successor = key
            while before := steps[successor].inputs.get(RESUME):
                reached = int(steps[before].params["steps"])
                if reached <= first:
                    break
                found.append((stage.arm, stage.stage, before, first, reached, successor))
                successor = before
    return found


def ancestors(study: Study) -> list[tuple[int, str, str]]:
    """Arm, checkpoint, and each other checkpoint of the arm from whose end the checkpoint descends.

    Checkpoints are the ends of stages, and those that are computed and measured. Followed along the
    steps, not the names: a stage that branches off in the middle of another does not descend from its
    end. A stage of 0 tokens passes its parent through: it has its parent's checkpoint and descends
    from it. What a selection chose is not known before the run: it descends from what all of its
    candidates descend from, or are.
    """
    inputs = {step.key: step.inputs for step in study.steps}
    chosen = {step.key: _candidates(step.inputs) for step in study.steps if step.op == SELECT}
    shared: dict[str, set[str]] = {}
    by_arm: dict[int, list[tuple[str, str]]] = {}
    for stage in study.stages:
        by_arm.setdefault(stage.arm, []).append((stage.stage, stage.checkpoint))
    names = {(stage.arm, stage.stage) for stage in study.stages}
    computed: dict[int, dict[str, str]] = {}
    for measure in study.measures:
        if (measure.arm, measure.stage) not in names:
            checkpoint = inputs[measure.key]["checkpoint"]
            computed.setdefault(measure.arm, {})[measure.stage] = checkpoint

    def behind(key: str) -> set[str]:
        found = {key}
        waiting = [key]
        while waiting:
            current = waiting.pop()
            if current in chosen:
                found |= shared[current]
                continue
            for role, made in inputs.get(current, {}).items():
                if not role.startswith("corpus") and made not in found:
                    found.add(made)
                    waiting.append(made)
        return found

    # Steps are listed after their inputs, so that a selection's candidates are known before it.
    for key, candidates in chosen.items():
        shared[key] = set.intersection(*map(behind, candidates))
    found: list[tuple[int, str, str]] = []
    for arm, stages in by_arm.items():
        seen: dict[str, list[str]] = {}
        made = computed.get(arm, {})
        for ended, checkpoint in stages:
            lineage = behind(checkpoint)
            found += [(arm, ended, name) for key, known in seen.items() if key in lineage for name in known]
            found += [(arm, ended, name) for name, key in made.items() if key in lineage - {checkpoint}]
            seen.setdefault(checkpoint, []).append(ended)
        for name, checkpoint in made.items():
            lineage = behind(checkpoint)
            found += [(arm, name, ended) for key, known in seen.items() if key in lineage for ended in known]
            found += [(arm, name, other) for other, key in made.items() if key in lineage - {checkpoint}]
    return found


def _candidates(inputs: Mapping[str, str]) -> list[str]:
    return [key for role, key in inputs.items() if role.startswith("candidate")]
