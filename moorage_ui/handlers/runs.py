"""The list of runs, and one run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from moorage import wire
from moorage.errors import ForbiddenError, InputError, KubeError
from moorage.kube import NAMESPACES, SITES, STRETCHED_PIPELINES, Client, Resource
from moorage.kube.client import METADATA
from moorage.model import Site
from moorage.sites import Inventory
from moorage_ui import following
from moorage_ui.asking import name_of, namespace_of, told, wants_parts
from moorage_ui.handlers.answers import page
from moorage_ui.markup import address
from moorage_ui.pages.run import RunPage, run_content
from moorage_ui.pages.runs import RunsPage, runs_content
from moorage_ui.parts import PARTS, viewer_of
from moorage_ui.rights import may_read_plans
from moorage_ui.views.plan import Ended, facts_of_status, live_state, task_rows, transfer_rows
from moorage_ui.views.raw import items, text
from moorage_ui.views.run import RunView, read_run
from moorage_ui.views.run_rows import RunRow, choose

_MOST_SHOWN: Final = 200
_MOST_NAMESPACES: Final = 500


def add_routes(app: web.Application) -> None:
    """Register the routes of these pages."""
    app.router.add_get("/", _home)
    app.router.add_get("/runs", _runs)
    app.router.add_get("/runs/{namespace}/{name}", _run)
    app.router.add_get("/live/runs", _live_runs)
    app.router.add_get("/live/runs/{namespace}/{name}", _live_run)


async def _home(_: web.Request) -> web.Response:
    raise web.HTTPFound("/runs")


async def _runs(request: web.Request) -> web.Response:
    viewer = viewer_of(request)
    namespace = namespace_of(request)
    phase, words = told(request, "phase", 40), told(request, "words", 120)
    rows: list[RunRow] = []
    problem, cut_off = "", False
    if "namespace" not in request.query:
        namespace = await first_namespace(viewer.client, viewer.namespace, STRETCHED_PIPELINES)
    try:
        rows, cut_off = await following.list_runs(viewer.client, namespace)
    except ForbiddenError as error:
        where = f"namespace {namespace}" if namespace else "all namespaces"
        problem = (
            f"You may not list the runs of {where}: choose a namespace of yours, or ask for a role that may. {error}"
        )
    shown = RunsPage(
        listed=choose(rows, phase, words, _MOST_SHOWN),
        namespace=namespace,
        phase=phase,
        words=words,
        now=datetime.now(tz=UTC),
        cut_off=cut_off,
        namespaces=await namespaces_of(viewer.client),
        problem=problem,
    )
    live = "" if problem else address("live", "runs", namespace=namespace, version=following.version_of(rows))
    return page(request, "Runs", "runs", runs_content(shown), live=live)


async def first_namespace(client: Client, own: str, resource: Resource) -> str:
    """Return the namespace to show where none is named: all ("") if the viewer may list them, else their own."""
    try:
        await client.page_as(METADATA, resource, size=1)
    except ForbiddenError:
        return own
    return ""


async def namespaces_of(client: Client) -> tuple[str, ...]:
    """Return those that may be chosen from; none where they may not be listed."""
    try:
        listed = await client.page_as(METADATA, NAMESPACES, size=_MOST_NAMESPACES)
    except KubeError:
        return ()
    return tuple(sorted(text((each.get("metadata") or {}).get("name")) for each in items(listed.get("items"))))


async def _run(request: web.Request) -> web.Response:
    viewer, parts = viewer_of(request), request.app[PARTS]
    namespace, name = namespace_of(request), name_of(request)
    run = read_run(await viewer.client.get(STRETCHED_PIPELINES, name, namespace))
    inventory = await sites_of(viewer.client)
    report: Mapping[str, Any] = {}
    ended: list[Ended] = []
    problem, drawn = "", None
    if await may_read_plans(viewer, run.ref):
        drawn = await parts.records.drawn(run)
        problem = drawn.problem
        report = await parts.records.report(run)
        ended = await parts.records.ended(run)
    plan = None if drawn is None else drawn.plan
    facts: Any = facts_of_status(run, inventory) if drawn is None or drawn.facts is None else drawn.facts
    shown = RunPage(
        run=run,
        plan=plan,
        tasks=tuple(task_rows(run, plan, ended)),
        transfers=tuple(transfer_rows(plan, report)) if plan is not None else (),
        state=live_state(run, facts),
        numbers=colours(facts),
        now=datetime.now(tz=UTC),
        problem=_problem(run, problem),
    )
    return page(
        request,
        f"{run.ref.name} · {run.phase.value}",
        "runs",
        run_content(shown),
        live=address("live", "runs", namespace, name, version=run.version),
        scripts=("run.js",),
        drawing=None if wants_parts(request) else facts,
        whole=f"{run.ref.uid}/{run.plan_digest}/{len(facts.get('tasks') or ())}",
    )


def _problem(run: RunView, problem: str) -> str:
    if not problem:
        return "" if run.plan_file else "The plan is drawn here as soon as it is made."
    return f"The plan can't be read from here, so tasks are drawn by site only. {problem}"


def colours(facts: Any) -> dict[str, int]:  # noqa: ANN401 - raw JSON
    """Return the number of each site in a drawing, which gives it its colour."""
    return {text(each.get("name")): index for index, each in enumerate(items(facts.get("sites")))}


async def sites_of(client: Client) -> Inventory:
    """Return the Sites, as far as they may be seen and can be read."""
    found: list[Site] = []
    try:
        listed = await client.list(SITES)
    except KubeError:
        return Inventory.of(())
    for raw in listed:
        try:
            found.append(wire.read_site(raw))
        except InputError:
            continue
    return Inventory.of(found)


async def _live_runs(request: web.Request) -> web.StreamResponse:
    viewer = viewer_of(request)
    events = following.changes_of_list(viewer.client, namespace_of(request), told(request, "version", 80))
    return await request.app[PARTS].streams.send(request, viewer.key, events)


async def _live_run(request: web.Request) -> web.StreamResponse:
    viewer = viewer_of(request)
    version = told(request, "version", 80)
    events = following.changes_of_run(viewer.client, namespace_of(request), name_of(request), version)
    return await request.app[PARTS].streams.send(request, viewer.key, events)
