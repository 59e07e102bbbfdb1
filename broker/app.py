"""The HTTP server: POST /v1/grants, /v1/reviews, /v1/caches, /v1/neighbours and /v1/passes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from aiohttp import web

from broker import audit
from broker.asking import question_of, vouched
from broker.caching import standings
from broker.claimed import Held, review_claim, unknown_held
from broker.identity import NodeIdentity
from broker.introducing import give_pass, tell_neighbours
from broker.parts import PARTS, Parts, admit, answer_json, asked_of, not_cached, say
from broker.reviewing import Circumstances, KnownReader, is_ended_at_once, review
from broker.ruling import Permission, granted, rule
from moorage.errors import BrokerError, InputError, KubeError, SourceError
from moorage.grants import neighbours, standing
from moorage.grants import review as reviews
from moorage.grants.answer import write_answer
from moorage.grants.question import BOUNDS, PATH, GrantQuestion, read_question
from moorage.kube import Client
from moorage.kube.credentials import read_credentials
from moorage.model import Pod
from moorage.refusal import NOT_POSSIBLE, Refusal
from moorage.serving.health import Health, add_routes
from moorage.serving.rate_limit import RateLimit
from moorage.serving.token_reviews import TooManyReviewsError, UnknownCallerError
from moorage.sources import Credentials

# The node plugin gives up after ten; an answer that nobody waits for should not go on.
_ANSWER_SECONDS = 9.0

_log = logging.getLogger(__name__)


def make_app(parts: Parts, health: Health) -> web.Application:
    """Make the application; `health` gets the catalogue's check."""
    app = web.Application(client_max_size=reviews.BOUNDS.most_bytes)
    app[PARTS] = parts
    health.add_ready("catalogue", parts.problem)
    add_routes(app, health)
    app.router.add_post(PATH, partial(_guarded, _serve))
    app.router.add_post(reviews.PATH, partial(_guarded, _review))
    app.router.add_post(standing.PATH, partial(_guarded, _hold))
    app.router.add_post(neighbours.PATH, partial(_guarded, tell_neighbours))
    app.router.add_post(neighbours.PASSES_PATH, partial(_guarded, give_pass))
    return app


def node_limit(per_second: float) -> RateLimit:
    """Return the limit on one node's requests; a node that restarts asks for all its pods at once."""
    return RateLimit(per_second, 20 * per_second, time.monotonic)


def pod_limit(per_second: float) -> RateLimit:
    """Return the limit on requests for one pod, which at its start asks at most twice for each of its 64 datasets."""
    return RateLimit(per_second, 150 * per_second, time.monotonic)


async def _guarded(serve: Callable[[web.Request, str], Awaitable[web.Response]], request: web.Request) -> web.Response:
    address = request.remote or ""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await serve(request, address)
    except UnknownCallerError as error:
        audit.stranger(request.app[PARTS].recorder, address, str(error))
        # Why, is the audit's to know: a caller that nobody vouches for learns nothing of us.
        return say(401, "present the node plugin's token: Authorization: Bearer ...")
    except TooManyReviewsError as error:
        return say(429, str(error))
    except (web.HTTPTooManyRequests, web.HTTPRequestEntityTooLarge) as error:
        return say(error.status, error.text or "the request is too long")
    except InputError as error:
        return say(400, str(error))
    except (BrokerError, KubeError, TimeoutError) as error:
        problem = str(error) or f"no decision within {_ANSWER_SECONDS:g} s"
        _log.warning("no decision: %s", problem)
        return say(503, f"{problem}; try again later")


async def _serve(request: web.Request, address: str) -> web.Response:
    parts = request.app[PARTS]
    caller, asked = await asked_of(request, address, BOUNDS, read_question)
    # The pod's first: one whose author asks in a loop must not use up what its node may ask for all.
    admit(parts.pod_limit, (caller.node, asked.pod.uid), f"pod {asked.pod}")
    admit(parts.limit, caller.node, f"node {caller.node}")
    return await _answer(parts, caller, asked)


async def _review(request: web.Request, address: str) -> web.Response:
    """Tell a node which of its volumes must end. The answer holds no key."""
    parts = request.app[PARTS]
    caller, asked = await asked_of(request, address, reviews.BOUNDS, reviews.read_volumes)
    admit(parts.limit, caller.node, f"node {caller.node}")
    # Claims side by side, as the cluster is asked for each; the rest in turn, so that a pod is looked up once.
    ended = await asyncio.gather(*(_claim_reviewed(parts, caller, each) for each in asked))
    found = [over or await _reviewed(parts, caller, each) for over, each in zip(ended, asked, strict=True)]
    return answer_json(200, reviews.write_reviews(found))


async def _reviewed(parts: Parts, caller: NodeIdentity, asked: GrantQuestion) -> reviews.Review:
    dataset = parts.catalogue.dataset(asked.dataset)
    if not is_ended_at_once(dataset):
        return reviews.Review(asked)
    reader = await _reader_of(parts, caller, asked)
    if reader is None:
        return reviews.Review(asked)  # it is gone, or no pod of this node's: there is nothing to end for it
    parts.require_sight()
    node, terms = parts.catalogue.node(caller.node), parts.catalogue.namespace(reader.namespace)
    if node is None or terms is None:
        raise not_cached(f"node {caller.node} or namespace {reader.namespace}")
    inventory = parts.catalogue.inventory()
    now = Circumstances(parts.catalogue.dataset, terms.purposes, inventory.place_of_node(node), inventory)
    found = review(asked, reader, now)
    if found.rule:
        audit.revoked(parts.recorder, found, caller.node, reader)
    return found


async def _claim_reviewed(parts: Parts, caller: NodeIdentity, asked: GrantQuestion) -> reviews.Review | None:
    """Return the review of a claim's volume, or None where it may go on or belongs to no claim."""
    known = parts.holdings.get(asked.pod.uid, asked.dataset)
    held = known or unknown_held(parts.catalogue.dataset(asked.dataset))
    if held is None:
        return None
    found, held = await review_claim(parts.prover, asked, held)
    if not found.rule and held == known:
        return None  # as nearly always, and nobody need know whose it is
    reader = await _reader_of(parts, caller, asked)
    if reader is None:
        return None
    if not found.rule:
        parts.holdings.note(asked.pod.uid, asked.dataset, held)
        return None
    audit.revoked(parts.recorder, found, caller.node, reader)
    return found


async def _reader_of(parts: Parts, caller: NodeIdentity, asked: GrantQuestion) -> KnownReader | None:
    reader = parts.readers.get(asked.pod.uid, caller.node)
    if reader is not None:
        return reader
    pod = await vouched(parts, caller, asked)
    return _remember(parts, asked, caller, pod) if isinstance(pod, Pod) else None


def _remember(parts: Parts, asked: GrantQuestion, caller: NodeIdentity, pod: Pod) -> KnownReader:
    reader = KnownReader.of(caller.node, pod)
    parts.readers.put(asked.pod.uid, reader)
    return reader


async def _hold(request: web.Request, address: str) -> web.Response:
    """Tell a node which cached copies it may keep. No reader is asked about: the rules of the site bind a copy."""
    parts = request.app[PARTS]
    caller, refs = await asked_of(request, address, BOUNDS, standing.read_holdings)
    admit(parts.limit, caller.node, f"node {caller.node}")
    parts.require_sight()
    node = parts.catalogue.node(caller.node)
    if node is None:
        raise not_cached(f"node {caller.node}")
    inventory = parts.catalogue.inventory()
    told = standings(refs, parts.catalogue.dataset, node.name, inventory.place_of_node(node), inventory)
    for each in told:
        if not each.permitted:
            audit.evicted(parts.recorder, caller.node, each)
    return answer_json(200, standing.write_standings(told))


async def _answer(parts: Parts, caller: NodeIdentity, asked: GrantQuestion) -> web.Response:
    pod: Pod | None = None
    verdict: Pod | Permission | Refusal = await vouched(parts, caller, asked)
    if isinstance(verdict, Pod):
        pod = verdict
        verdict = rule(await question_of(parts, caller, asked, pod))
    if isinstance(verdict, Permission) and pod is not None:
        try:
            keys = await _keys(parts.client, verdict)
            grant = granted(_counted(parts, asked, verdict), keys)
        except SourceError as error:
            _log.warning("dataset %s: %s", asked.dataset, error)
            # The fault in a steward's Secret is not the reader's business.
            message = (
                f"the keys of dataset {asked.dataset} can't be read ({error.reason}): its steward must correct that"
            )
            verdict = Refusal(NOT_POSSIBLE, "", message)
        else:
            audit.grant(parts.recorder, asked, caller.node, pod, verdict)
            _remember(parts, asked, caller, pod)
            if (held := Held.of(verdict.dataset.uid, verdict.source)) is not None:
                parts.holdings.note(asked.pod.uid, asked.dataset, held)
            return answer_json(*write_answer(grant))
    if isinstance(verdict, Refusal):
        audit.refusal(parts.recorder, asked, caller.node, pod, verdict)
        return answer_json(*write_answer(verdict))
    raise BrokerError("no decision")


def _counted(parts: Parts, asked: GrantQuestion, permission: Permission) -> Permission:
    """Return the permission with the site's other reads counted, where a node may keep a copy for them."""
    if permission.fill is None:
        return permission
    reads = parts.site_reads.note(asked.dataset, permission.site, asked.pod.uid)
    return replace(permission, fill=replace(permission.fill, site_reads=reads))


async def _keys(client: Client, permission: Permission) -> Credentials | None:
    location = permission.source.location
    if location.session(writes=False) is not None:
        return None  # the node plugin has the pod's own token, and exchanges it
    return await read_credentials(client, permission.dataset.ref.namespace, location)
