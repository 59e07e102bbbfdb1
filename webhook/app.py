"""The HTTP server: gather, decide, answer."""

import logging
from functools import partial
from typing import Any

from aiohttp import web

from moorage.errors import InputError, KubeError
from moorage.refusal import Refusal
from moorage.serving import metrics
from moorage.serving.health import Health, add_routes
from moorage.wire.near_misses import near_misses
from webhook import access_review, available, claims, defaults, json_patch, mutate, review, validate, workloads
from webhook.available import Search
from webhook.evidence import Witness
from webhook.gather import Gatherer
from webhook.labelled import Labelled
from webhook.mutate import PodRequest, Served, Serving
from webhook.review import Review
from webhook.turns import Turns

MUTATE_PATH = "/mutate-pods"
VALIDATE_PATH = "/validate-datasets"
NAMESPACES_PATH = "/validate-namespaces"
WORKLOADS_PATH = "/warn-workloads"
REVIEWS_PATH = "/answer-reviews"

Raw = dict[str, Any]

_log = logging.getLogger(__name__)

GATHERER = web.AppKey("GATHERER", Gatherer)
SERVING = web.AppKey("SERVING", Serving)
WITNESS = web.AppKey("WITNESS", Witness)
TURNS = web.AppKey("TURNS", Turns)


def make_app(gatherer: Gatherer, serving: Serving, witness: Witness, health: Health) -> web.Application:
    """Make the application; it is ready once the caches are complete, and whatever else `health` is given."""
    app = web.Application(client_max_size=review.BOUNDS.most_bytes)
    app[GATHERER], app[SERVING], app[WITNESS] = gatherer, serving, witness
    app[TURNS] = Turns()
    health.add_ready("caches", gatherer.missing)
    add_routes(app, health)
    app.router.add_post(MUTATE_PATH, _mutate_pods)
    app.router.add_post(VALIDATE_PATH, _validate_datasets)
    app.router.add_post(NAMESPACES_PATH, _validate_namespaces)
    app.router.add_post(WORKLOADS_PATH, _warn_workloads)
    app.router.add_post(REVIEWS_PATH, _answer_reviews)
    return app


async def _mutate_pods(request: web.Request) -> web.Response:
    asked = await _read(request)
    if asked.kind != "Pod" or asked.operation != "CREATE":
        return _respond(review.allowed(asked.uid))
    try:
        labelled = _label(request, asked.object, asked.namespace, asked.subject)
        pod = mutate.read_request(labelled.pod, asked.namespace, asked.subject)
    except InputError as error:
        # A misspelt `id` is why its `useas` stands alone.
        return _deny(asked, mutate.refuse(error, near_misses(*_labels(asked))))
    told = near_misses(pod.labels, pod.annotations) if any(key.startswith("dataset.") for key in pod.labels) else []
    if not pod.usage.uses:
        return _respond(review.allowed(asked.uid, told))
    outcome = labelled.explain(await _ask(request, pod))
    if isinstance(outcome, Refusal):
        if not asked.dry_run:
            request.app[WITNESS].refused(pod, outcome)
        return _deny(asked, outcome)
    operations = json_patch.diff(asked.object, outcome.pod)
    return _respond(review.patched(asked.uid, operations, [*told, *outcome.warnings]))


def _labels(asked: Review) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata = asked.object.get("metadata") or {}
    return metadata.get("labels") or {}, metadata.get("annotations") or {}


def _label(request: web.Request, pod: Raw, namespace: str, subject: str) -> Labelled:
    """Return the pod with the labels that its namespace gives to it, and those that its claims stand for.

    Raises:
        InputError: it or its namespace can't be read, or it uses a claim as no dataset can be used.
    """
    given = request.app[GATHERER].defaults(namespace)
    labelled = Labelled(pod) if given is None else defaults.label_by_defaults(pod, namespace, given)
    if not claims.mounts_claims(pod):
        return labelled
    claimed = claims.label_by_claims(labelled.pod, namespace, _complete(request).find, subject)
    return Labelled(claimed.pod, {**labelled.origins, **claimed.origins})


async def _foretell(request: web.Request, raw: Raw, namespace: str, subject: str) -> Served | Refusal | None:
    """Predict what admission will do with a workload's pod; None where the pod reads nothing.

    Raises:
        InputError: it can't be read.
    """
    labelled = _label(request, raw, namespace, subject)
    pod = mutate.read_request(labelled.pod, namespace, subject)
    return labelled.explain(await _ask(request, pod)) if pod.usage.uses else None


async def _ask(request: web.Request, pod: PodRequest) -> Served | Refusal:
    """Gather the facts about a pod and decide on it."""
    gatherer = _complete(request)
    try:
        facts = await gatherer.gather(pod)
    except KubeError as error:
        message = f"{pod.subject}: its datasets can't be looked up now, create it again in a moment: {error}"
        return Refusal(503, "ServiceUnavailable", message)
    return mutate.mutate(pod, facts, request.app[SERVING])


async def _warn_workloads(request: web.Request) -> web.Response:
    """Warnings about a workload's pods; it is allowed in any case."""
    asked = await _read(request)
    if asked.operation not in {"CREATE", "UPDATE"}:
        return _respond(review.allowed(asked.uid))
    return _respond(review.allowed(asked.uid, await workloads.warnings_of(asked, partial(_foretell, request))))


async def _validate_datasets(request: web.Request) -> web.Response:
    asked = await _read(request)
    if asked.operation not in {"CREATE", "UPDATE"}:
        return _respond(review.allowed(asked.uid))
    outcome = validate.validate(asked, _complete(request).inventory)
    if isinstance(outcome, Refusal):
        return _deny(asked, outcome)
    return _respond(review.allowed(asked.uid, outcome.warnings))


async def _validate_namespaces(request: web.Request) -> web.Response:
    asked = await _read(request)
    if asked.operation not in {"CREATE", "UPDATE"}:
        return _respond(review.allowed(asked.uid))
    outcome = defaults.check_namespace(asked)
    if isinstance(outcome, Refusal):
        return _deny(asked, outcome)
    return _respond(review.allowed(asked.uid, outcome.warnings))


async def _answer_reviews(request: web.Request) -> web.Response:
    """Write the answer of a DatasetAccessReview into its status."""
    asked = await _read(request)
    if (refusal := access_review.refuse_to_store(asked)) is not None:
        return _deny(asked, refusal)
    gatherer = _complete(request)
    try:
        if (search := available.read_search(asked)) is not None:
            return await _search(request, asked, search)
        question = access_review.read_question(asked)
        facts = await gatherer.gather(question)
    except InputError as error:
        return _deny(asked, Refusal(422, review.INVALID, str(error)))
    except KubeError as error:
        return _deny(asked, Refusal(503, "ServiceUnavailable", f"{asked.subject}: try again in a moment: {error}"))
    return _answered(asked, access_review.answer(question, facts, gatherer.inventory))


async def _search(request: web.Request, asked: Review, search: Search) -> web.Response:
    async with request.app[TURNS].turn(asked.namespace) as has_turn:
        if not has_turn:
            message = f"{asked.subject}: too many ask now which Datasets they may read: try again in some seconds"
            return _deny(asked, Refusal(429, "TooManyRequests", message))
        gatherer = _complete(request)
        purposes = gatherer.purposes(asked.namespace)
        return _answered(asked, await available.answer(search, purposes, gatherer.known, gatherer.inventory))


def _answered(asked: Review, status: dict[str, Any]) -> web.Response:
    return _respond(review.patched(asked.uid, [{"op": "add", "path": "/status", "value": status}]))


async def _read(request: web.Request) -> Review:
    try:
        return review.read_review(await request.read())
    except InputError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _complete(request: web.Request) -> Gatherer:
    """Return the gatherer, once it knows everything; before that, no answer is better than a wrong one."""
    gatherer = request.app[GATHERER]
    missing = gatherer.missing()
    if missing is not None:
        raise web.HTTPServiceUnavailable(text=f"{missing}\n")
    return gatherer


def _deny(asked: Review, refusal: Refusal) -> web.Response:
    metrics.refused(refusal.reason)
    _log.info("refused", extra={"subject": asked.subject, "reason": refusal.reason, "problem": refusal.message})
    return _respond(review.denied(asked.uid, refusal))


def _respond(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
