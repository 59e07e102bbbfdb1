"""What node plugins are told of their neighbours: POST /v1/neighbours and POST /v1/passes."""

from datetime import UTC, datetime

from aiohttp import web

from broker.identity import NodeIdentity
from broker.neighbours import neighbourhood
from broker.parts import PARTS, Parts, answer_json, body_of, say
from broker.passes import reading_pass, serving_pass
from moorage.errors import BrokerError
from moorage.grants import neighbours
from moorage.grants.answer import write_answer
from moorage.grants.question import BOUNDS
from moorage.model import Dataset, DatasetRef
from moorage.policy import decide_transfer
from moorage.refusal import DENIED, Refusal
from moorage.serving.token_reviews import bearer_token


async def tell_neighbours(request: web.Request, address: str) -> web.Response:
    """Who of the caller's site holds a dataset that the caller may hold as well, or is bringing it."""
    parts = request.app[PARTS]
    caller, ref = await _asked_of_neighbours(request, address)
    if ref is None:
        return say(400, "request: dataset is required: name the one that is to be filled")
    dataset = _holdable(parts, caller, ref)
    if isinstance(dataset, Refusal):
        return answer_json(*write_answer(dataset))
    inventory, find = parts.catalogue.inventory(), parts.catalogue.node

    def site_of(name: str) -> str | None:
        node = find(name)
        return None if node is None else inventory.place_of_node(node).site_name

    return answer_json(
        200, neighbours.write_neighbourhood(neighbourhood(dataset, caller.node, parts.copies(), site_of))
    )


async def give_pass(request: web.Request, address: str) -> web.Response:
    """A certificate for the caller's node: to serve with, or to read a dataset that it may hold from neighbours."""
    parts = request.app[PARTS]
    caller, ref = await _asked_of_neighbours(request, address)
    dataset = None if ref is None else _holdable(parts, caller, ref)
    if isinstance(dataset, Refusal):
        return answer_json(*write_answer(dataset))
    authority = parts.signer()
    if authority is None:
        raise BrokerError("there is no authority to sign with yet")
    now = datetime.now(tz=UTC)
    made = serving_pass(authority, caller.node, now) if ref is None else reading_pass(authority, caller.node, ref, now)
    return answer_json(200, neighbours.write_pass(made))


async def _asked_of_neighbours(request: web.Request, address: str) -> tuple[NodeIdentity, DatasetRef | None]:
    parts = request.app[PARTS]
    caller = await parts.identities.of(bearer_token(request), address)
    ref = neighbours.read_dataset(await body_of(request, BOUNDS))
    if not parts.limit.admits(caller.node):
        raise web.HTTPTooManyRequests(text=f"node {caller.node} asks too often; try again later")
    if (problem := parts.problem()) is not None:
        raise BrokerError(f"nothing can be decided now: {problem}")
    return caller, ref


def _holdable(parts: Parts, caller: NodeIdentity, ref: DatasetRef) -> Dataset | Refusal:
    """The dataset, where the rules that bind a copy let the caller's node hold it."""
    node, inventory = parts.catalogue.node(caller.node), parts.catalogue.inventory()
    if node is None:
        raise BrokerError(f"node {caller.node} is not in the cache yet")
    dataset = parts.catalogue.dataset(ref)
    decision = decide_transfer(ref, dataset, inventory.place_of_node(node), inventory)
    if dataset is None or not decision.allowed:
        return Refusal(DENIED, "" if decision.rule is None else decision.rule.value, decision.message)
    return dataset
