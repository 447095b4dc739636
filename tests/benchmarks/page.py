"""What the page of `specc ui` costs on a large workspace: time, bytes and memory of each answer.

    python tests/benchmarks/results.py make FOLDER --arms 10000 --rows 400_000
    python tests/benchmarks/page.py FOLDER

Answers are asked for in process, without a network: the first time, when they are computed, and again,
when they are kept. `run` is what an open page asks once a second; the others follow a new generation of
the results, and only what is looked at is asked for. Times are of the wall, sizes are of the body.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import psutil

from specc.serving.application import Page, application
from specc.serving.guard import Access
from tests.unit.serving.visitor import PORT, Visitor

PATHS = (
    "/api/run",
    "/api/overview",
    "/api/steps?order=label",
    "/api/steps?order=wall_seconds&down=1&state=done&text=tune",
    "/api/steps?order=label&page=500",
    "/api/arms?order=arm",
    "/api/names",
    "/api/comparison",
    "/report",
    "/graph",
)
AGAIN = 5


def memory() -> float:
    """Resident memory of this process, in MB."""
    return float(psutil.Process(os.getpid()).memory_info().rss) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    page, access = Page(folder), Access(PORT)
    visitor = Visitor(application(page, access), access)
    print(f"memory at the start {memory():.0f} MB")
    for text in ("first opening of the results", "a look for what is new"):
        began = time.perf_counter()
        page.published._cost = 0.0
        page.published.refresh(0)
        print(
            f"{text}: {time.perf_counter() - began:.2f} s, then {memory():.0f} MB; {page.published.trouble}"
        )
    print(f"{'':62} {'first':>10} {'again':>10} {'same':>10} {'bytes':>10} {'memory':>8}")
    for path in PATHS:
        began = time.perf_counter()
        first = visitor.get(path)
        cost = time.perf_counter() - began
        again, same = [], []
        for _ in range(AGAIN):
            began = time.perf_counter()
            visitor.get(path)
            again.append(time.perf_counter() - began)
            began = time.perf_counter()
            visitor.get(path, if_none_match=first.headers.get("etag"))
            same.append(time.perf_counter() - began)
        times = [cost, statistics.median(again), statistics.median(same)]
        shown = " ".join(f"{seconds * 1e3:7.1f} ms" for seconds in times)
        print(f"{path:58} {first.status} {shown} {len(first.body):10,} {memory():5.0f} MB")
    for sql in (
        "select recipe, early, eval, avg(value) from results group by all",
        "select * from results",
        "select steps, avg(value) from metrics where name = 'loss' group by 1 order by 1",
    ):
        began = time.perf_counter()
        found = visitor.post("/api/query", {"sql": sql, "id": "a"})
        cost = time.perf_counter() - began
        shown = f"{found.status} {cost * 1e3:7.1f} ms {'':21} {len(found.body):10,} {memory():5.0f} MB"
        print(f"{sql[:58]:58} {shown}")


if __name__ == "__main__":
    main()
