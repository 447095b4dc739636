"""The index and queries of large and growing workspaces, without training.

    python tests/benchmarks/results.py make FOLDER [--arms 1000] [--rows 10_000_000] [--evals 3] [--samples 0]
    python tests/benchmarks/results.py index FOLDER      rows/s of a rebuild, size, peak memory
    python tests/benchmarks/results.py queries FOLDER    latency of opening and of queries
    python tests/benchmarks/results.py live FOLDER [--seconds 30] [--rate 5000] [--writers 8]

`make` writes a workspace as runs leave it: a plan, manifests, training logs and samples in the store's own
formats. An arm has two stages of one training step each and evaluations after both. A metric row is a row
of the table `metrics`; a line of a log has four. `live` lets processes append to logs of steps that are
not done, and finish some, while others query; then it looks for rows that are missing. FOLDER is
changed by it. Times are the best and the median of several.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from specc.results import generations
from specc.results.index import Indexer
from specc.results.reader import open_results
from specc.store import FileRecord, Manifest, Provenance, Store, open_workspace, sealed
from specc.study import Arm, Axis, Cell, Measure, PlannedStep, StageRun, Study

STAGES = ("pretrain", "tune")
RECIPES = ("base", *(f"recipe_{number}" for number in range(1, 10)))
EARLY = Axis(name="early", type="fraction", values=(0.0, 0.25, 0.5, 0.75, 1.0))
LIVE = 8
"""The last arms have a stage more, which is not done."""

NAMES = 4
"""Values in a line of a log, each of which is a metric row."""

QUERIES = {
    "recipe mean and interval of the final loss, from metrics": """
        select recipe, early, avg(value) as mean, count(*) as n,
               1.96 * stddev_samp(value) / sqrt(count(*)) as half
        from metrics where name = 'loss' and stage = 'tune' and steps = (select max(steps) from stages
                                                                  where stage = 'tune')
        group by all""",
    "recipe mean and interval over all of a stage's losses": """
        select recipe, early, avg(value) as mean, count(*) as n,
               1.96 * stddev_samp(value) / sqrt(count(*)) as half
        from metrics where name = 'loss' and stage = 'tune' group by all""",
    "recipe mean and interval of a result": """
        select recipe, early, avg(value) as mean, 1.96 * stddev_samp(value) / sqrt(count(*)) as half
        from results where eval = 'eval_0' and stage = 'tune' group by all""",
    "one curve": """
        select steps, value from metrics
        where name = 'loss' and stage = 'tune' and arm = 7 order by steps""",
    "curves of two recipes in 200 buckets": """
        select recipe, steps * 200 // (select max(steps) from stages where stage = 'tune') as bucket,
               avg(value)
        from metrics where name = 'loss' and stage = 'tune' and recipe in ('base', 'recipe_1')
        group by all""",
    "last value of each arm, stage and name": """
        select arm, stage, name, arg_max(value, steps) from metrics group by all""",
    "all results, grouped": """
        select recipe, early, eval, stage, avg(value), stddev_samp(value), count(*)
        from results group by all""",
    "pairs against the baseline": """
        select recipe, avg(difference), stddev_samp(difference) from pairs
        where baseline.recipe = 'base' and early = baseline.early and eval = 'eval_0' and stage = 'tune'
        group by all""",
    "samples, clustered": """
        select recipe, avg(value), count(*)
        from samples where eval = 'eval_0' and stage = 'tune' group by all""",
    "state of steps": "select op, state, count(*) from steps group by all",
}


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def make(folder: Path, arms: int, rows: int, evals: int, samples: int) -> None:
    """Write a finished workspace of about so many arms, metric rows, evaluations an arm and samples."""
    workspace = open_workspace(folder, create=True)
    length = rows // (NAMES * len(STAGES) * arms)
    study = study_of(arms, max(length, 1), evals)
    run = workspace / "runs" / "000001"
    run.mkdir()
    (run / "plan.json").write_text(study.model_dump_json())
    store = Store(workspace)
    each = samples // max(arms * evals, 1)
    for arm in range(arms):
        for stage in STAGES:
            finish(
                store,
                f"{arm}/{stage}",
                "train",
                {"tokens": {"corpus0": 64 * length}, "loss": 2.0},
                {"metrics.jsonl": log(arm, 1, length + 1)},
            )
    for number, measure in enumerate(study.measures):
        value = (number * 2654435761 % 1000) / 1000
        finish(
            store,
            f"{measure.arm}/{measure.eval}/{measure.stage}",
            "eval",
            {"metric": "loss", "value": value, "n": 100, "stderr": 0.01},
            {"samples.jsonl": "".join(samples_of(each, value))} if each else {},
        )


def study_of(arms: int, length: int, evals: int) -> Study:
    """Arms of ten recipes, five values of an axis, and as many seeds as there must be."""
    rows: dict[str, list[Any]] = {name: [] for name in ("arms", "cells", "stages", "measures")}
    steps = [planned("init", "init", {})]
    for arm in range(arms):
        recipe, early = RECIPES[arm % 10], EARLY.values[arm // 10 % 5]
        rows["arms"].append(
            Arm(arm=arm, recipe=recipe, axes={"early": early}, seed=arm // 50, label=f"large/arm {arm}")
        )
        parent = "init"
        for stage in STAGES:
            name = f"{arm}/{stage}"
            steps.append(planned(name, "train", {"parent": parent}))
            rows["cells"].append(
                Cell(
                    arm=arm,
                    stage=stage,
                    corpus="web",
                    nominal=64 * length,
                    planned=64 * length,
                    epochs=1.0,
                    role="corpus0",
                )
            )
            rows["stages"].append(
                StageRun(
                    arm=arm,
                    stage=stage,
                    parent=parent.split("/")[-1],
                    steps=length,
                    tokens=64 * length,
                    flops=1e9,
                    segments=(key(name),),
                    ends=(length,),
                    checkpoint=key(name),
                    settings={"batch": 1, "schedule": {"name": "cosine", "peak": 1e-3}},
                )
            )
            parent = name
        if arm >= arms - LIVE:
            name = f"{arm}/live"
            steps.append(planned(name, "train", {"parent": parent}))
            rows["stages"].append(
                StageRun(
                    arm=arm,
                    stage="live",
                    parent=STAGES[-1],
                    steps=10**9,
                    tokens=10**9,
                    flops=1e9,
                    segments=(key(name),),
                    ends=(10**9,),
                    checkpoint=key(name),
                )
            )
        for number in range(evals):
            stage = STAGES[number % 2 == 0]
            name = f"{arm}/eval_{number}/{stage}"
            steps.append(planned(name, "eval", {"checkpoint": f"{arm}/{stage}"}))
            rows["measures"].append(
                Measure(
                    arm=arm,
                    eval=f"eval_{number}",
                    metric="loss",
                    stage=stage,
                    position=1.0,
                    steps=length,
                    tokens=64 * length,
                    key=key(name),
                )
            )
    return Study(
        experiment="large",
        axes=(EARLY,),
        seeds=tuple(range(-(-arms // 50))),
        steps=tuple(steps),
        **{name: tuple(found) for name, found in rows.items()},
    )


def planned(name: str, op: str, inputs: dict[str, str]) -> PlannedStep:
    ends = {role: key(parent) for role, parent in inputs.items()}
    params = {"steps": 1000, "optimizer": {"name": "adamw"}, "seed": 0}
    return PlannedStep(
        key=key(name), op=op, inputs=ends, params=params, execution={}, label=name, seconds=1.0
    )


def log(arm: int, first: int, end: int) -> str:
    """Lines of a training log, as the runtime writes them."""
    return "".join(
        f'{{"step": {step}, "tokens": {64 * step}, "lineage_tokens": {64 * step}, '
        f'"loss": {1 + 5 / (step + arm % 97 + 1)!r}, "learning_rate": {1e-3 / (1 + step / 300)!r}, '
        f'"grad_norm": {1 + (step * 7919 % 1009) / 997!r}, "seconds": 0.{100 + step % 7}}}\n'
        for step in range(first, end)
    )


def samples_of(count: int, value: float) -> Iterator[str]:
    for number in range(count):
        yield json.dumps({"document": f"doc-{number:06}", "value": value + number % 13 / 13, "n": 1}) + "\n"


def finish(store: Store, name: str, op: str, outputs: dict[str, Any], files: dict[str, str]) -> None:
    """Publish a step as `Store.publish` does, unflushed."""
    aside = store.work(f"{key(name)}.publishing")
    aside.mkdir()
    records = {}
    for file, text in files.items():
        data = text.encode()
        (aside / file).write_bytes(data)
        records[file] = FileRecord(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    manifest = Manifest(
        key=key(name),
        op=op,
        version=1,
        identity={"made": name, "optimizer": {"name": "adamw"}},
        params={},
        inputs={},
        label=name,
        files=records,
        outputs=outputs,
        provenance=Provenance(
            versions=dict.fromkeys(("specc", "python", "torch", "transformers", "numpy"), "1.0.0"),
            started="2026-11-21T10:00:00+00:00",
            wall_seconds=1.0,
            cpu_seconds=1.0,
            flops=1e9,
        ),
    )
    (aside / "manifest.json").write_text(sealed(manifest.model_dump_json(indent=1)))
    target = store.path(key(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(aside, target)


def index(folder: Path) -> None:
    """Build the index from nothing; then bring it up to date with nothing, one and ten steps more."""
    began, cpu = time.perf_counter(), time.process_time()
    Indexer(folder).rebuild()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    connection = open_results(folder)
    rows = single(connection, "select count(*) from metrics")
    results = single(connection, "select count(*) from results")
    connection.close()
    published = generations.generation_path(folder, generations.current(folder) or 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{rows:,} metric rows, {results:,} results; file {published.stat().st_size / 1e6:.1f} MB")
    print(
        f"rebuild {wall:.2f} s, {cpu:.2f} CPU-s, {rows / cpu:,.0f} metric rows per CPU-s; peak {peak:.0f} MB"
    )
    show("update, nothing new", timed(lambda: Indexer(folder).update()))
    store = Store(folder)
    number = iter(range(1_000_000))

    def grow() -> None:
        path = store.work(key("grown")) / "metrics.jsonl"
        path.parent.mkdir(exist_ok=True)
        with open(path, "a") as file:
            file.write(log(next(number), 1, 1001))
        Indexer(folder).update()

    show("update, 4,000 metric rows more in a log", timed(grow))


def queries(folder: Path) -> None:
    """How long opening takes, and each query."""
    Indexer(folder).update()
    show("open_results, nothing new", timed(lambda: open_results(folder).close()))
    connection = open_results(folder)
    for name, sql in QUERIES.items():
        show(name, timed(lambda sql=sql: connection.execute(sql).fetchall()))  # type: ignore[misc]
    connection.close()
    command = [sys.executable, "-m", "specc", "sql", "-w", str(folder), "select count(*) from results"]
    show("specc sql, whole process", timed(lambda: subprocess.run(command, check=True, stdout=-3), 3))
    command[3:] = ["status", "-w", str(folder)]
    show("specc status, whole process", timed(lambda: subprocess.run(command, check=True, stdout=-3), 3))


def timed(action: Callable[[], Any], times: int = 7) -> list[tuple[float, float]]:
    """Wall and processor milliseconds of doing something several times."""
    found = []
    for _ in range(times):
        began, cpu = time.perf_counter(), sum(os.times()[:4])
        action()
        found.append((1e3 * (time.perf_counter() - began), 1e3 * (sum(os.times()[:4]) - cpu)))
    return found


def show(name: str, times: list[tuple[float, float]]) -> None:
    wall = sorted(each[0] for each in times)
    cpu = statistics.median(each[1] for each in times)
    print(
        f"{name:60} best {wall[0]:8.1f}  median {statistics.median(wall):8.1f} ms  (CPU {cpu:.0f})",
        flush=True,
    )


def single(connection: Any, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])


def live(folder: Path, seconds: float, rate: int, writers: int, readers: int) -> None:
    """Let logs grow while an indexer runs and readers ask; count what is late, missing or wrong."""
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    end = time.time() + seconds
    study = Study.model_validate_json((folder / "runs" / "000001" / "plan.json").read_bytes())
    arms = len(study.arms)
    jobs = [(write, (folder, number, arms, end, rate / writers)) for number in range(writers)]
    jobs += [(keep_indexed, (folder, end))] + [(ask, (folder, end))] * readers
    processes = [context.Process(target=report, args=(queue, job, *args)) for job, args in jobs]
    for process in processes:
        process.start()
    told = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    wrote = sum(each["wrote"] for each in told if "wrote" in each)
    lags = sorted(lag for each in told for lag in each.get("lags", ()))
    opens = sum(each.get("opens", 0) for each in told)
    errors = [error for each in told for error in each.get("errors", ())]
    updates = sorted(time for each in told for time in each.get("updates", ()))
    connection = open_results(folder)
    found = single(connection, "select count(*) from metrics where stage = 'live'")
    connection.close()
    total = wrote * NAMES
    print(f"{writers} writers: {total / seconds:,.0f} metric rows/s, {total:,} in all; {total - found} lost")
    print(f"readers: {opens} opens, {len(errors)} errors {errors[:2]}")
    print(f"updates: {len(updates)}, median {updates[len(updates) // 2]:.3f} s, longest {updates[-1]:.3f} s")
    marks = [lags[int(share * (len(lags) - 1))] for share in (0.5, 0.95, 1.0)]
    print("age of the newest row a reader saw, in s: p50 {:.2f}, p95 {:.2f}, longest {:.2f}".format(*marks))


def report(queue: Any, job: Callable[..., dict[str, Any]], *arguments: Any) -> None:
    queue.put(job(*arguments))


def write(folder: Path, number: int, arms: int, end: float, rate: float) -> dict[str, Any]:
    """Append to the log of one step after another, a line at a time, flushed; `tokens` says when."""
    store, name = Store(folder), f"{arms - 1 - number}/live"
    path = store.work(key(name)) / "metrics.jsonl"
    path.parent.mkdir(exist_ok=True)
    began, step = time.time(), 0
    with open(path, "wb") as file:
        while (now := time.time()) < end:
            while step < (now - began) * rate / NAMES:
                step += 1
                line = {"step": step, "tokens": int(now * 1e3), "lineage_tokens": step, "loss": 2.0}
                line |= {"learning_rate": 1e-3, "grad_norm": 1.0 + step / 7, "seconds": 0.1}
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
            time.sleep(0.02)
    return {"wrote": step}


def keep_indexed(folder: Path, end: float) -> dict[str, Any]:
    """What `specc run` does beside its work."""
    from specc.execute.watch import HOOK_LONGEST_SECONDS, HOOK_SECONDS, HOOK_SHARE

    updates = []
    while time.time() < end:
        began, cpu = time.time(), time.process_time()
        Indexer(folder).update(wait=False)
        updates.append(time.time() - began)
        wait = max(HOOK_SECONDS, HOOK_SHARE * (time.process_time() - cpu))
        time.sleep(min(wait, HOOK_LONGEST_SECONDS))
    return {"updates": updates}


def ask(folder: Path, end: float) -> dict[str, Any]:
    """Open what is published, as any DuckDB shell does, and look how old the newest row is."""
    import duckdb

    lags, errors, opens = [], [], 0
    begun = time.time()
    while time.time() < end:
        generation = generations.current(folder)
        if generation is not None:
            opens += 1
            try:
                connection = duckdb.connect(
                    str(generations.generation_path(folder, generation)), read_only=True
                )
                asked = time.time()
                newest = connection.execute(
                    "select min(newest) from (select max(tokens) as newest from large.metrics "
                    "where name = 'loss' and stage = 'live' group by arm)"
                ).fetchall()[0][0]
                connection.close()
                if newest is not None and time.time() - begun > 5:
                    lags.append(asked - newest / 1e3)
            except Exception as error:
                errors.append(str(error))
        time.sleep(0.1)
    return {"lags": lags, "errors": errors, "opens": opens}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("make", "index", "queries", "live"))
    parser.add_argument("folder", type=Path)
    for name, default in (("arms", 1000), ("rows", 10_000_000), ("evals", 3), ("samples", 0), ("rate", 5000),
                          ("writers", 8), ("readers", 2), ("seconds", 30)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    if given.what == "make":
        make(given.folder, given.arms, given.rows, given.evals, given.samples)
    elif given.what == "live":
        live(given.folder, given.seconds, given.rate, given.writers, given.readers)
    else:
        {"index": index, "queries": queries}[given.what](given.folder)


if __name__ == "__main__":
    main()
