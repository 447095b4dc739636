"""ai2-tango: steps with references in JSON, and a Python module that defines them.

Tango has no plan: what is measured in its place is a script that builds its graph and asks its workspace
for the state of each step, which is what a user of it would have to write.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.specbench.measuring import Measured
from tests.benchmarks.specbench.shapes import EVALS, Grid, Shape, Task, write_data
from tests.benchmarks.specbench.tools.tool import Place, logged

STEPS = """\
import hashlib, os, time
from typing import List, Optional
from tango import Step
from tango.format import JsonFormat


class Work(Step[str]):
    FORMAT = JsonFormat()
    DETERMINISTIC = True
    CACHEABLE = True
    VERSION = "001"
    SKIP_ID_ARGUMENTS = {"threads"}
    SKIP_DEFAULT_ARGUMENTS = {"words": "", "digest": ""}

    def run(self, of: List[str], words: str = "", digest: str = "", threads: int = 1) -> str:
        pause = os.environ.get("PAUSE")
        if pause:
            with open(os.environ["LOG"], "a") as log:
                log.write(f"start {self.name}\\n")
            time.sleep(float(pause))
        made = hashlib.sha256("".join([*of, words, digest]).encode()).hexdigest()
        if pause:
            with open(os.environ["LOG"], "a") as log:
                log.write(f"end {self.name}\\n")
        return made


for kind, version in KINDS.items():
    Step.register(kind)(type(kind, (Work,), {"VERSION": version}))
"""

PLAN = """\
import sys
sys.path.insert(0, ".")
import steps
from tango.step_graph import StepGraph
from tango.workspaces import LocalWorkspace

graph = StepGraph.from_file(sys.argv[1])
workspace = LocalWorkspace("workspace")
states = {name: workspace.step_info(step).state.value for name, step in graph.items()}
if len(sys.argv) > 2:
    print(*(name for name, state in states.items() if state != "completed"), sep="\\n")
print(len(states), "steps", sum(state == "completed" for state in states.values()), "done")
"""


class Tango:
    name = "tango"
    file = "study.json"
    plan_is = "python: StepGraph.from_file, step_info of each"

    def version(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "tango"), "--version"]

    def write(self, shape: Shape | None, place: Place, file: str = "", content: str = "skill") -> None:
        write_data(place.folder, content)
        tasks = shape.tasks() if shape else []
        version = shape.version if isinstance(shape, Grid) else 1
        kinds = dict.fromkeys(sorted({task.name.split("/")[0] for task in tasks}), "001")
        kinds |= {"eval": f"{version:03}"} if "eval" in kinds else {}
        (place.folder / "steps.py").write_text(f"KINDS = {kinds}\n" + STEPS)
        (place.folder / "plan.py").write_text(PLAN)
        turned = isinstance(shape, Grid) and shape.turned
        steps = {step_name(t): self._step(t, shape, place) for t in (tasks[::-1] if turned else tasks)}
        remark = "// A remark that changes nothing.\n" if isinstance(shape, Grid) and shape.comment else ""
        (place.folder / (file or self.file)).write_text(remark + json.dumps({"steps": steps}, indent=1))

    def _step(self, task: Task, shape: Shape | None, place: Place) -> dict[str, Any]:
        kind, _, name = task.name.partition("/")
        step: dict[str, Any] = {
            "type": kind,
            "of": [{"type": "ref", "ref": step_name(Task(need))} for need in task.needs],
        }
        if isinstance(shape, Grid):
            if kind == "prepare":  # it knows nothing of files: its users give it a digest
                step["digest"] = digest_of(place, name)
            elif kind == "sft":
                step["words"] = f"rate {shape.rates[int(name.split('_')[0])]}"
            elif kind == "eval":
                step["words"] = f"take {shape.takes[EVALS.index(name.split('_')[2])]}"
                step["threads"] = shape.threads
        elif not task.needs:
            step["words"] = task.name
        if kind in ("init", "pretrain"):
            step["words"] = task.name
        return step

    def plan(self, place: Place, file: str = "") -> Sequence[str]:
        return [str(place.programs / "python"), "plan.py", file or self.file]

    def run(self, place: Place) -> Sequence[str]:
        return [str(place.programs / "tango"), "run", self.file, "-i", "steps", "-w", "workspace"]

    def tell(self, shape: Shape, place: Place, file: str = "") -> Sequence[str]:
        return [*self.plan(place, file), "list"]

    def finished(self, place: Place) -> list[str]:
        return logged(place, "end")

    def begun(self, place: Place) -> list[str]:
        return logged(place, "start")

    def told(self, shape: Shape, place: Place, measured: Measured) -> frozenset[str]:
        names = {step_name(task): task.name for task in shape.tasks()}
        return frozenset(names[line] for line in measured.output.splitlines() if line in names)


def step_name(task: Task) -> str:
    return task.name.replace("/", "-")


def digest_of(place: Place, corpus: str) -> str:
    """Digest of a corpus' file, as a user's own code would give it to a step."""
    import hashlib

    return hashlib.sha256((place.folder / "data" / f"{corpus}.jsonl").read_bytes()).hexdigest()
