"""Addresses of the page and what they answer.

    GET  /                      the page;  /page/NAME its style and scripts
    GET  /api/run               how the run stands, with curves of what runs; asked once a second
    GET  /api/overview          budgets, operations, results, expectations
    GET  /api/steps, /api/arms  a page of a table: text, state, order, down, page
    GET  /api/comparison        the question `number`;  /api/own the recipe's comparison `name`, or its first
    GET  /api/names             tables, columns and functions
    GET  /graph, /report        the steps as a picture, and the report, each a page that stands alone
    POST /api/query, /api/csv   {"sql", "id", "experiment"};  /api/cancel {"id"}

Answers are JSON with an `ETag`, so that nothing is sent twice. Errors are `{"error", "help"}`.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from specc.charts.style import STYLE
from specc.errors import QueryError, SpeccError
from specc.execute.status import STATE_WORDS
from specc.serving import compared, facts
from specc.serving.asking import Asking
from specc.serving.encoding import as_bytes, rounded
from specc.serving.following import KEPT, Follower, Moment, Tail
from specc.serving.guard import Access, Guard
from specc.serving.published import FIRST_SECONDS, IDLE_SECONDS, UPDATE_SECONDS, Keeper, Published

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_RUNNING = 50
MOST_FAILURES = 20
LEFT_SECONDS = 60.0
"""After this time without a page that asks, the index is no longer kept up to date."""

MOST_BODY = 200_000
"""Bytes of a request; SQL is text that somebody writes."""

ALONE = "sandbox allow-scripts allow-downloads; frame-ancestors 'none'"
"""Policy of a page that stands alone: it has an origin of its own, from which nothing here is reached.
What it may load is said by the policy inside of it."""

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

Answering = Callable[[Request], Awaitable[Response]]


class Page:
    """Everything behind the addresses, for one workspace."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.follower = Follower(workspace)
        self.published = Published(workspace)
        self.asking = Asking(self.published)
        self.studies = compared.Studies(workspace)
        self.moment = Moment(None, {}, ())
        self.remembered: int | None = None
        self.keeper = Keeper(self.published, self.pace)
        self.looking = threading.Lock()
        self.looked = time.monotonic()
        folder = files("specc.serving") / "page"
        self.files = {
            entry.name: entry.read_bytes()
            for entry in folder.iterdir()
            if entry.name[entry.name.rfind(".") :] in TYPES
        }
        self.files["charts.css"] = STYLE.encode()

    def runs(self) -> bool:
        """Whether a run goes on, as far as was seen."""
        status = self.moment.status
        return status is not None and status.state == "running"

    def pace(self) -> float:
        """Seconds between two updates of the index: few while a run goes on and somebody looks."""
        if time.monotonic() - self.looked > LEFT_SECONDS:
            return math.inf
        return UPDATE_SECONDS if self.runs() else IDLE_SECONDS

    @asynccontextmanager
    async def lifespan(self, application: Starlette) -> AsyncIterator[None]:
        self.keeper.start()
        try:
            yield
        finally:
            self.keeper.stop()
            self.asking.cancel_all()
            self.published.close()

    # ------------------------------------------------------------------ what changes all the time

    def run(self) -> dict[str, Any]:
        """How the run stands, and the curves of what runs or, if nothing does, of what ran last."""
        self.looked = time.monotonic()
        with self.looking:  # one at a time: what was read of a log is taken in once
            return self._run()

    def _run(self) -> dict[str, Any]:
        self.moment = self.follower.look()
        generation = self.published.generation
        if not self.runs() and generation is not None and self.remembered != generation:
            self.remembered = generation
            self.follower.remember(
                self.published.answer("last", lambda connection: facts.last_trained(connection, KEPT), None)
            )
        status, trouble = self.moment.status, self.published.trouble
        return {
            "workspace": str(self.workspace),
            "generation": generation,
            "trouble": told(trouble) if trouble is not None else None,
            "there": self.workspace.is_dir(),
            "words": STATE_WORDS[status.state] if status is not None else "",
            "status": status_fields(status.model_dump(mode="json")) if status is not None else None,
            "curves": [curve(tail) for tail in self.moment.running.values()],
            "ended": [curve(tail) for tail in self.follower.latest()],
        }

    # ------------------------------------------------------------------ what changes with a generation

    def overview(self, experiment: str | None) -> dict[str, Any]:
        answer = self.published.answer
        return {
            "experiments": answer("experiments", facts.experiments, None),
            "expectations": answer("expectations", facts.expectations, experiment),
            **answer("overview", facts.overview, experiment),
            **answer("failed", facts.failed, experiment),
        }

    def steps(self, asked: Asked) -> dict[str, Any]:
        question = ("steps", asked.state, asked.text, asked.order, asked.down, asked.page)
        return self.published.answer(
            question, lambda connection: facts.steps(connection, *question[1:]), asked.experiment
        )

    def arms(self, asked: Asked) -> dict[str, Any]:
        question = ("arms", asked.text, asked.order, asked.down, asked.page)
        return self.published.answer(
            question, lambda connection: facts.arms(connection, *question[1:]), asked.experiment
        )

    def comparison(self, experiment: str | None, number: int) -> dict[str, Any]:
        return self.published.answer(
            ("comparison", number),
            lambda connection: compared.comparison(
                connection, self.studies.latest(connection, experiment), number
            ),
            experiment,
        )

    def own(self, experiment: str | None, name: str) -> dict[str, Any]:
        return self.published.answer(
            ("own", name),
            lambda connection: compared.own_comparison(
                connection, self.studies.latest(connection, experiment), name
            ),
            experiment,
        )

    def names(self, experiment: str | None) -> dict[str, Any]:
        return self.published.answer("names", facts.names, experiment)

    def graph(self, experiment: str | None) -> str:
        from specc.drawing.fold import fold
        from specc.drawing.page import as_page
        from specc.store import Store

        with self.published.cursor(experiment, FIRST_SECONDS) as connection:
            study = self.studies.latest(connection, experiment)
        return as_page(fold(study, Store(self.workspace).done()))

    def report(self, experiment: str | None) -> str:
        from specc.history.runs import Run
        from specc.reporting.gather import gathered
        from specc.reporting.page import as_page

        def make(connection: DuckDBPyConnection) -> str:
            study = self.studies.latest(connection, experiment)
            run = Run(self.workspace, self.studies.number(connection, experiment))
            texts = run.recipe.files if run.recipe is not None else {}
            note = "" if texts else "the run kept no copy of its recipe"
            return as_page(gathered(connection, study, run.status, str(self.workspace), texts, note))

        return self.published.answer("report", make, experiment)


class Asked:
    """What a request asks for, as its address says.

    Raises:
        QueryError: for a number that is none.
    """

    def __init__(self, request: Request) -> None:
        query = request.query_params
        self.experiment = query.get("experiment") or None
        self.state = query.get("state", "")
        self.text = query.get("text", "")[:200]
        self.order = query.get("order", "")
        self.down = query.get("down") == "1"
        self.name = query.get("name", "")
        self.page = whole(query.get("page", "0"))
        self.number = whole(query.get("number", "0"))


def whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise QueryError("this is not a number")
    return int(text)


def application(page: Page, access: Access) -> ASGIApp:
    """The page as an ASGI application, guarded."""

    async def index(request: Request) -> Response:
        return Response(page.files["index.html"], media_type="text/html")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        content = page.files.get(name)
        if content is None:
            return PlainTextResponse("there is no such file\n", 404)
        return Response(content, media_type=TYPES[name[name.rfind(".") :]])

    def reading(answer: Callable[[Asked], dict[str, Any]]) -> Answering:
        async def answering(request: Request) -> Response:
            try:
                found = await to_thread.run_sync(lambda: answer(Asked(request)))
            except SpeccError as error:
                return failure(error)
            except Exception as error:
                return broken(error)
            return tagged(request, as_bytes(found))

        return answering

    def standing_alone(make: Callable[[Asked], str]) -> Answering:
        async def answering(request: Request) -> Response:
            try:
                text = await to_thread.run_sync(lambda: make(Asked(request)))
            except SpeccError as error:
                return PlainTextResponse(f"{error.message}\n{error.help or ''}\n", 409)
            except Exception as error:
                return PlainTextResponse(f"{described(error)}\n", 500)
            return Response(text, media_type="text/html", headers={"Content-Security-Policy": ALONE})

        return answering

    async def query(request: Request) -> Response:
        try:
            sql, name, experiment = await question(request)
            return Response(as_bytes(await page.asking.ask(sql, experiment, name)), media_type=JSON)
        except SpeccError as error:
            return failure(error)

    async def csv(request: Request) -> Response:
        try:
            sql, name, experiment = await question(request)
            return Response(await page.asking.csv(sql, experiment, name), media_type="text/csv")
        except SpeccError as error:
            return failure(error)

    async def cancel(request: Request) -> Response:
        try:
            fields = await body(request)
        except SpeccError as error:
            return failure(error)
        return Response(as_bytes({"cancelled": page.asking.cancel(str(fields.get("id")))}), media_type=JSON)

    routes = [
        Route("/", index),
        Route("/page/{name}", file),
        Route("/api/run", reading(lambda asked: page.run())),
        Route("/api/overview", reading(lambda asked: page.overview(asked.experiment))),
        Route("/api/steps", reading(page.steps)),
        Route("/api/arms", reading(page.arms)),
        Route("/api/comparison", reading(lambda asked: page.comparison(asked.experiment, asked.number))),
        Route("/api/own", reading(lambda asked: page.own(asked.experiment, asked.name))),
        Route("/api/names", reading(lambda asked: page.names(asked.experiment))),
        Route("/graph", standing_alone(lambda asked: page.graph(asked.experiment))),
        Route("/report", standing_alone(lambda asked: page.report(asked.experiment))),
        Route("/api/query", query, methods=["POST"]),
        Route("/api/csv", csv, methods=["POST"]),
        Route("/api/cancel", cancel, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes, lifespan=page.lifespan), access)


JSON = "application/json"


async def body(request: Request) -> dict[str, Any]:
    """The fields of a request.

    Raises:
        QueryError: if it is no JSON object, or too large.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
        raise QueryError("a question is JSON")
    taken = bytearray()
    try:
        async for part in request.stream():
            taken += part
            if len(taken) > MOST_BODY:
                raise QueryError(f"the query is longer than {MOST_BODY:,} bytes")
        fields = json.loads(taken)
    except (ValueError, RecursionError, ClientDisconnect) as error:
        raise QueryError("a question is JSON") from error
    if not isinstance(fields, dict):
        raise QueryError("a question is a JSON object")
    return fields


async def question(request: Request) -> tuple[str, str, str | None]:
    """SQL, the name of the query, and the experiment whose tables come first."""
    fields = await body(request)
    sql, name, experiment = fields.get("sql"), fields.get("id"), fields.get("experiment")
    if not isinstance(sql, str) or not isinstance(name, str) or not 0 < len(name) <= 64:
        raise QueryError("a question has the fields `sql` and `id`")
    if not sql.isascii():
        sql = sql.encode(errors="replace").decode()
    return sql, name, experiment if isinstance(experiment, str) and experiment else None


def tagged(request: Request, content: bytes) -> Response:
    """An answer; only its tag, if the page has it already."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=JSON, headers=headers)


def told(error: SpeccError) -> dict[str, Any]:
    return {"error": error.message, "help": error.help}


def failure(error: SpeccError) -> Response:
    """An error as the page tells it."""
    fields = told(error)
    if isinstance(error, QueryError):
        fields |= {"position": error.position, "candidates": list(error.candidates[:10])}
    return Response(as_bytes(fields), 409, media_type=JSON)


def broken(error: Exception) -> Response:
    """An error of ours, or of DuckDB on results that are just replaced: the page goes on."""
    return Response(as_bytes({"error": described(error), "help": None}), 500, media_type=JSON)


def described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


def status_fields(status: dict[str, Any]) -> dict[str, Any]:
    """A status, cut to what fits a page."""
    running, failures = status["running"], status["failures"]
    return status | {
        "running": running[:MOST_RUNNING],
        "running_more": max(0, len(running) - MOST_RUNNING),
        "failures": [
            failure | {"arms": failure["arms"][:3], "arms_more": max(0, len(failure["arms"]) - 3)}
            for failure in failures[:MOST_FAILURES]
        ],
        "failures_more": max(0, len(failures) - MOST_FAILURES),
    }


def curve(tail: Tail) -> dict[str, Any]:
    return {
        "key": tail.key,
        "label": tail.label,
        "points": [[step, rounded(loss)] for step, loss in tail.curve.points()],
        "stride": tail.curve.stride,
    }
