"""One task: its log while it grows and afterwards, what it gave out, and previews of that."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from aiohttp import hdrs, web

from moorage.errors import InputError, KubeError, NotFoundError, StoreError
from moorage.kube import STRETCHED_PIPELINES
from moorage.runs import Manifest, RunKeys, RunRef, TaskEnd, TaskOutputs
from moorage.stores import TaskLog
from moorage_ui import rights
from moorage_ui.asking import counted, name_of, namespace_of, told
from moorage_ui.handlers.answers import page
from moorage_ui.handlers.runs import colours, sites_of
from moorage_ui.markup import address
from moorage_ui.pages.task import LogView, OutputsView, TaskPage, task_content
from moorage_ui.parquet import parquet_preview
from moorage_ui.parts import PARTS, viewer_of
from moorage_ui.records import Drawn
from moorage_ui.streams import Sent
from moorage_ui.viewers import Right, Viewer
from moorage_ui.views.logs import last_lines, readable, whole_characters
from moorage_ui.views.plan import facts_of_status, governance_of, planned_task
from moorage_ui.views.previews import MOST_BYTES, PARQUET, NoPreview, Preview, preview
from moorage_ui.views.run import RunView, TaskView, read_run

LOG_BYTES: Final = 192 << 10
"""The size of the end of a log with which a page begins."""
_PIECE: Final = 64 << 10
_MOST_LOG_BYTES: Final = 20 << 20
_MOST_OUTPUTS_BYTES: Final = 4 << 20
_MOST_PARQUET_BYTES: Final = 16 << 20
_LOOK_SECONDS: Final = 2.5


def add_routes(app: web.Application) -> None:
    """Register the routes of these pages."""
    app.router.add_get("/runs/{namespace}/{name}/task", _task)
    app.router.add_get("/runs/{namespace}/{name}/log", _whole_log)
    app.router.add_get("/live/log/{namespace}/{name}", _live_log)


async def _found(request: web.Request) -> tuple[RunView, TaskView, int]:
    """Return the run as the person sees it, the task in it that is meant, and the attempt."""
    viewer = viewer_of(request)
    run = read_run(await viewer.client.get(STRETCHED_PIPELINES, name_of(request), namespace_of(request)))
    name = told(request, "task")
    task = run.task(name)
    if task is None and not run.tasks:
        task = await _of_plan(request, run, name)
    if task is None:
        raise web.HTTPNotFound(text=f"run {run.ref.namespace}/{run.ref.name} has no task of that name")
    attempt = counted(request, "attempt", task.attempt) or 1
    return run, task, attempt


async def _of_plan(request: web.Request, run: RunView, name: str) -> TaskView | None:
    """Find the task in the plan, for a run with too many tasks for its status to list."""
    if not await rights.may_read_plans(viewer_of(request), run.ref):
        return None
    drawn = await request.app[PARTS].records.drawn(run)
    planned = None if drawn.plan is None else planned_task(drawn.plan, name)
    return None if planned is None else TaskView(name, "", planned.site, 1)


async def _task(request: web.Request) -> web.Response:
    viewer, records = viewer_of(request), request.app[PARTS].records
    run, task, attempt = await _found(request)
    drawn, end = Drawn(None, None), None
    if await rights.may_read_plans(viewer, run.ref):
        drawn = await records.drawn(run)
        end = await _end(request, run, task, attempt)
    facts = drawn.facts or facts_of_status(run, await sites_of(viewer.client))
    shown = TaskPage(
        run=run,
        task=task,
        attempt=attempt,
        planned=None if drawn.plan is None else planned_task(drawn.plan, task.name),
        end=end,
        log=await _log(request, run, task, attempt, ended=end is not None),
        outputs=await _outputs(request, run, task, attempt, drawn),
        site_number=colours(facts).get(task.site),
        now=datetime.now(tz=UTC),
    )
    return page(request, f"{task.name} · {run.ref.name}", "runs", task_content(shown), scripts=("log.js",))


async def _end(request: web.Request, run: RunView, task: TaskView, attempt: int) -> TaskEnd | None:
    try:
        return await request.app[PARTS].records.end(run.ref, task.site, task.name, attempt)
    except (StoreError, InputError, KubeError):
        return None


# --- logs ---


async def _log(request: web.Request, run: RunView, task: TaskView, attempt: int, *, ended: bool) -> LogView:
    lacking = await rights.missing(viewer_of(request), [rights.log_right(run.ref)])
    if lacking:
        return LogView(None, f"Logs are shown to those who may {lacking[0].words()}.")
    ref = run.ref
    query: dict[str, str | int | None] = {"task": task.name, "attempt": attempt}
    try:
        store = await request.app[PARTS].records.stores.get(task.site)
        log = TaskLog(store, ref, task.name)
        found = next((each for each in await log.attempts() if each.number == attempt), None)
        if found is not None and found.log_bytes is not None:
            start = max(found.log_bytes - LOG_BYTES, 0)
            content = (await log.piece(found, start, LOG_BYTES)).content
            shown = readable(last_lines(content) if start else content)
            whole = address("runs", ref.namespace, ref.name, "log", **query)
            return LogView(shown or "It printed nothing.", cut=found.log_bytes if start else 0, whole=whole)
    except (StoreError, KubeError) as error:
        return LogView(None, f"The log can't be read from here. {error}")
    if ended:
        return LogView(None, "It left no log.")
    stream = address("live", "log", ref.namespace, ref.name, **query)
    return LogView("", stream=stream)


async def _whole_log(request: web.Request) -> web.StreamResponse:
    """Send the whole log as a file: nothing in it is for a browser to show."""
    run, task, attempt = await _found(request)
    lacking = await rights.missing(viewer_of(request), [rights.log_right(run.ref)])
    if lacking:
        raise web.HTTPForbidden(text=f"logs are for those who may {lacking[0].words()}")
    store = await request.app[PARTS].records.stores.get(task.site)
    key = RunKeys(store.prefix, run.ref).task(task.name, attempt, "log")
    content = await store.get(key, _MOST_LOG_BYTES)
    if content is None:
        raise web.HTTPNotFound(text="there is no log yet")
    headers = {
        hdrs.CONTENT_TYPE: "text/plain; charset=utf-8",
        hdrs.CONTENT_DISPOSITION: 'attachment; filename="log.txt"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return web.Response(body=content, headers=headers)


async def _live_log(request: web.Request) -> web.StreamResponse:
    viewer, parts = viewer_of(request), request.app[PARTS]
    run, task, attempt = await _found(request)
    lacking = await rights.missing(viewer, [rights.log_right(run.ref)])
    if lacking:
        raise web.HTTPForbidden(text=f"logs are for those who may {lacking[0].words()}")

    async def events() -> AsyncIterator[Sent]:
        start = counted(request, "start")
        while True:
            try:
                content, more, over = await _next_piece(request, run.ref, task, attempt, start)
            except (StoreError, KubeError):
                content, more, over = b"", False, False
            if content:
                start += len(content)
                yield Sent("text", {"text": readable(content), "next": start})
            if over:
                yield Sent("end")
                return
            if not more:
                await asyncio.sleep(_LOOK_SECONDS)

    return await parts.streams.send(request, viewer.key, events())


async def _next_piece(
    request: web.Request, run: RunRef, task: TaskView, attempt: int, start: int
) -> tuple[bytes, bool, bool]:
    """Read the next piece of a log, whether more is there already, and whether the log is complete."""
    store = await request.app[PARTS].records.stores.get(task.site)
    piece = await TaskLog(store, run, task.name).read(attempt, start, _PIECE)
    if piece is None:
        return b"", False, False
    more = len(piece.content) == _PIECE and not piece.complete
    content = whole_characters(piece.content) or piece.content if more else piece.content
    return content, more, piece.complete


# --- outputs ---


async def _outputs(request: web.Request, run: RunView, task: TaskView, attempt: int, drawn: Drawn) -> OutputsView:
    viewer = viewer_of(request)
    nothing = OutputsView({}, None, None)
    if not await rights.may_read_plans(viewer, run.ref):
        return nothing
    try:
        store = await request.app[PARTS].records.stores.get(task.site)
        key = RunKeys(store.prefix, run.ref).task(task.name, attempt, "outputs")
        content = await store.get(key, _MOST_OUTPUTS_BYTES)
        if content is None:
            return nothing
        outputs = await asyncio.to_thread(TaskOutputs.read, content, "outputs")
    except (StoreError, InputError, KubeError) as error:
        return OutputsView({}, None, None, problem=f"What it gave out can't be read from here. {error}")
    carried = None if drawn.plan is None else governance_of(drawn.plan, task.name)
    lacking = await _lacking(viewer, run.ref, task, drawn)
    if lacking is None:
        problem = "The plan can't be read, so nobody knows whose rules this carries: nothing of it is shown."
        return OutputsView({}, None, None, problem=problem)
    may = not lacking
    chosen = _chosen(request, outputs) if may else None
    return OutputsView(
        artifacts=outputs.artifacts,
        parameters=outputs.parameters if may else None,
        carried=carried,
        missing=tuple(lacking),
        chosen=None if chosen is None else chosen[:3],
        preview=None if chosen is None else await _preview(request, run, task, chosen[3], chosen[2]),
    )


async def _lacking(viewer: Viewer, run: RunRef, task: TaskView, drawn: Drawn) -> list[Right] | None:
    """Return the rights that the person lacks; None: nobody can say which it takes."""
    carried = None if drawn.plan is None else governance_of(drawn.plan, task.name)
    if carried is None:
        return None
    return await rights.missing(viewer, [rights.artifact_right(run), *rights.content_rights(carried)])


def _chosen(request: web.Request, outputs: TaskOutputs) -> tuple[str, int, str, Manifest] | None:
    output, place = told(request, "output"), counted(request, "place")
    several = outputs.artifacts.get(output, ())
    if place >= len(several):
        return None
    manifest = several[place]
    wanted = told(request, "file")
    files = [file.path for file in manifest.files]
    file = wanted if wanted in files else _first_readable(files)
    return output, place, file, manifest


def _first_readable(files: list[str]) -> str:
    shown = [file for file in files if not file.rpartition("/")[2].startswith(("_", "."))]
    return (shown or files or [""])[0]


async def _preview(  # noqa: PLR0911 - a reason each
    request: web.Request, run: RunView, task: TaskView, manifest: Manifest, file: str
) -> Preview:
    found = next((each for each in manifest.files if each.path == file), None)
    if found is None:
        return NoPreview("It has no files.")
    try:
        store = await request.app[PARTS].records.stores.get(task.site)
        # Whoever wrote the record says where it lies: what other tasks or other runs wrote is not this task's to show.
        own = RunKeys(store.prefix, run.ref).written_by(task.name)
        key = store.key(manifest.uri)
        if key is None or not key.startswith(own):
            return NoPreview("This task did not write it: it lies elsewhere, and is not read from there.")
        place = f"{key}/{file}" if file else key
        piece = await store.piece(place, 0, MOST_BYTES)
        if piece is None:
            return NoPreview("It is not in the store any more.")
        if piece.content.startswith(PARQUET):
            if piece.size_bytes > _MOST_PARQUET_BYTES:
                return NoPreview("It is a Parquet file, too large to be read here.")
            whole = await store.get(place, _MOST_PARQUET_BYTES)
            return NoPreview("It is not in the store any more.") if whole is None else await parquet_preview(whole)
        return await asyncio.to_thread(preview, piece.content, piece.size_bytes)
    except (StoreError, KubeError, NotFoundError) as error:
        return NoPreview(f"It can't be read from here. {error}")
