"""Handlers that tell node plugins of their neighbours: POST /v1/neighbours and POST /v1/passes.

Who fills, fills for a pod: the pod is vouched for, and the policy is asked about it, as for the keys of a store.
"""

from datetime import UTC, datetime

from aiohttp import web

from broker import audit
from broker.asking import may_be_copied, question_of, vouched
from broker.identity import NodeIdentity
from broker.neighbours import neighbourhood
from broker.parts import PARTS, Parts, admit, answer_json, asked_of, say
from broker.passes import reading_pass, serving_pass
from broker.ruling import rule
from moorage.errors import BrokerError
from moorage.grants import neighbours
from moorage.grants.answer import write_answer
from moorage.grants.neighbours import Reading
from moorage.grants.question import BOUNDS, GrantQuestion
from moorage.model import Pod
from moorage.refusal import Refusal
from moorage.serving.certificates import KeyPair


async def tell_neighbours(request: web.Request, address: str) -> web.Response:
    """Tell a node which others of its site hold, or are fetching, a dataset that one of its pods may read.

    No byte goes with it, so a pod that was vouched for a moment ago is not looked at again, and there is no line of
    evidence.
    """
    parts = request.app[PARTS]
    caller, asked = await _asked(request, address)
    if asked is None:
        return say(400, "request: dataset and pod are required: name what is to be filled, and for whom")
    pod: Pod | Refusal = parts.vouched.get(caller.node, asked) or await vouched(parts, caller, asked)
    if isinstance(pod, Refusal):
        return answer_json(*write_answer(pod))
    question = await question_of(parts, caller, asked, pod)
    verdict = may_be_copied(rule(question))
    if isinstance(verdict, Refusal):
        return answer_json(*write_answer(verdict))
    if parts.vouched.get(caller.node, asked) is None:
        parts.vouched.put(caller.node, asked, pod)
    seen = parts.sightings.of(verdict.dataset, verdict.site, parts.catalogue.node, question.inventory)
    return answer_json(200, neighbours.write_neighbourhood(neighbourhood(seen, caller.node)))


async def give_pass(request: web.Request, address: str) -> web.Response:
    """Give the caller's node a certificate: to serve with, or to read a dataset from neighbours for one of its pods."""
    parts = request.app[PARTS]
    caller, asked = await _asked(request, address)
    authority = parts.signer()
    if authority is None:
        raise BrokerError("there is no authority to sign with yet")
    if asked is None:
        made = serving_pass(authority, caller.node, datetime.now(tz=UTC))
        return answer_json(200, neighbours.write_pass(made))
    return await _reading_pass(parts, caller, asked, authority)


async def _reading_pass(parts: Parts, caller: NodeIdentity, asked: GrantQuestion, authority: KeyPair) -> web.Response:
    pod = await vouched(parts, caller, asked)
    if isinstance(pod, Refusal):
        audit.refusal(parts.recorder, asked, caller.node, None, pod)
        return answer_json(*write_answer(pod))
    verdict = may_be_copied(rule(await question_of(parts, caller, asked, pod)))
    if isinstance(verdict, Refusal):
        audit.refusal(parts.recorder, asked, caller.node, pod, verdict)
        return answer_json(*write_answer(verdict))
    audit.passed(parts.recorder, asked, caller.node, pod, verdict)
    uid = verdict.dataset.uid if verdict.source.location.abilities.in_memory else ""
    made = reading_pass(authority, Reading(caller.node, asked.dataset, uid), datetime.now(tz=UTC))
    return answer_json(200, neighbours.write_pass(made))


async def _asked(request: web.Request, address: str) -> tuple[NodeIdentity, GrantQuestion | None]:
    parts = request.app[PARTS]
    caller, asked = await asked_of(request, address, BOUNDS, neighbours.read_asked)
    admit(parts.poll_limit, caller.node, f"node {caller.node}")
    parts.require_sight()
    return caller, asked
