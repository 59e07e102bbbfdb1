"""The HTTP server: gather, decide, answer. No API call while the scheduler waits."""

import logging
from typing import Protocol

import orjson
from aiohttp import web

from moorage import wire
from moorage.errors import InputError
from moorage.locality.scoring import prioritize
from moorage.locality.snapshot import Snapshot, request_of
from moorage.locality.verdict_json import write_verdicts
from moorage.locality.verdicts import by_site, filter_nodes
from moorage.model import Pod
from moorage.serving import metrics
from moorage.serving.health import Health, add_routes
from scheduler_plugin import extender

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where snapshots come from."""

    def missing(self) -> str | None:
        """What is not complete yet; None once a snapshot can be trusted."""

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""


SOURCE: web.AppKey[Source] = web.AppKey("SOURCE", Source)


def make_app(source: Source, health: Health) -> web.Application:
    """Serve /filter, /prioritize, /sites/score, /healthz and /readyz."""
    app = web.Application(client_max_size=extender.BOUNDS.most_bytes)
    app[SOURCE] = source
    health.add_ready("caches", source.missing)
    add_routes(app, health)
    app.router.add_post("/filter", _filter)
    app.router.add_post("/prioritize", _prioritize)
    app.router.add_post("/sites/score", _score_sites)
    return app


async def _filter(request: web.Request) -> web.Response:
    """Answer 200 in any case: the scheduler shows `Error` and reasons to people, of a status only the number."""
    source = request.app[SOURCE]
    try:
        args = extender.read_args(await request.read())
    except InputError as error:
        return _json(extender.write_error(str(error)))
    missing = source.missing()
    if missing:
        return _json(extender.write_error(f"Moorage's scheduler extender is not ready: {missing}"))
    snapshot = source.snapshot()
    try:
        pod = wire.read_pod(args.raw_pod)
    except InputError as error:
        return _json(extender.write_refused(args.node_names, str(error)))
    if _is_too_new(pod, snapshot):
        return _json(extender.write_error(f"namespace {pod.namespace} is not in the cache yet"))
    filtered = filter_nodes(request_of(pod, snapshot), args.node_names, snapshot)
    if filtered.refused and not filtered.passed:
        metrics.UNPLACEABLE.inc()
        _log.debug(
            "no node passes",
            extra={"pod": f"{pod.namespace}/{pod.name}", "reasons": sorted({*filtered.refused.values()})},
        )
    return _json(extender.write_filtered(filtered))


async def _prioritize(request: web.Request) -> web.Response:
    source = request.app[SOURCE]
    missing = source.missing()
    if missing:
        return _problem(503, missing)
    try:
        args = extender.read_args(await request.read())
        pod = wire.read_pod(args.raw_pod)
    except InputError as error:
        return _problem(400, str(error))
    snapshot = source.snapshot()
    of_node = prioritize(request_of(pod, snapshot), args.node_names, snapshot)
    return _bytes(extender.write_priorities(of_node))


async def _score_sites(request: web.Request) -> web.Response:
    """The verdict of every site, for a Pod or for labels; 400 with `message` where they can't be read."""
    source = request.app[SOURCE]
    missing = source.missing()
    if missing:
        return _problem(503, missing)
    try:
        pod = extender.read_question(await request.read())
    except InputError as error:
        return _problem(400, str(error))
    snapshot = source.snapshot()
    asked = request_of(pod, snapshot)
    return _json(write_verdicts(asked, by_site(asked, snapshot)))


def _is_too_new(pod: Pod, snapshot: Snapshot) -> bool:
    """Whether the pod's namespace was made moments ago, so that its purposes are not known yet."""
    return bool(pod.usage.reading or pod.mounts) and pod.namespace not in snapshot.purposes


def _json(body: object) -> web.Response:
    return _bytes(orjson.dumps(body))


def _bytes(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _problem(status: int, message: str) -> web.Response:
    return web.Response(status=status, body=orjson.dumps({"message": message}), content_type="application/json")
