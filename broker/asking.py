"""Authorization of requests: who asks for what, and the ruling. Shared by grants of keys and passes to neighbours."""

from broker.identity import NodeIdentity
from broker.parts import Parts, not_cached
from broker.ruling import Permission, Question
from broker.vouching import vouch
from moorage.caching import CacheMode
from moorage.errors import NotFoundError
from moorage.grants.question import GrantQuestion
from moorage.kube import PODS
from moorage.model import Pod
from moorage.refusal import NOT_FOUND, NOT_POSSIBLE, Refusal


async def vouched(parts: Parts, caller: NodeIdentity, asked: GrantQuestion) -> Pod | Refusal:
    """Return the pod, as the API server has it now.

    Raises:
        BrokerError: nothing can be decided now.
    """
    parts.require_sight()
    try:
        # Never from a cache: a pod that was just deleted or made anew gets what the new one may have.
        raw = await parts.client.get(PODS, asked.pod.name, asked.pod.namespace)
    except NotFoundError:
        return Refusal(NOT_FOUND, "", f"pod {asked.pod} does not exist")
    return vouch(raw, asked, caller.node, parts.repository)


async def question_of(parts: Parts, caller: NodeIdentity, asked: GrantQuestion, pod: Pod) -> Question:
    """Return all that a ruling is made of.

    Where a claim leads is asked of the cluster: of what a status says of that, nothing counts.

    Raises:
        BrokerError: a part of it is not known yet.
        KubeError: the API server did not answer.
    """
    catalogue = parts.catalogue
    node, terms = catalogue.node(caller.node), catalogue.namespace(pod.namespace)
    if node is None or terms is None:
        missing = f"node {caller.node}" if node is None else f"namespace {pod.namespace}"
        raise not_cached(missing)
    dataset = catalogue.dataset(asked.dataset)
    proven = None if dataset is None else await parts.prover.proven(dataset, node)
    return Question(
        ref=asked.dataset,
        dataset=None if proven is None else proven.dataset,
        problems={} if proven is None else proven.problems,
        unreadable=catalogue.unreadable(asked.dataset) is not None,
        pod=pod,
        purposes=terms.purposes,
        node=node,
        inventory=catalogue.inventory(),
        read={ref: catalogue.dataset(ref) for ref in pod.datasets} if pod.usage.writing else {},
    )


def may_be_copied(verdict: Permission | Refusal) -> Permission | Refusal:
    """Return whether the pod's node may copy the data. A pod that may not read, or that writes, gets no copy. Pure.

    Objects in the memory of nodes are brought for every pod that may have them, also to write: they are nowhere else.
    """
    if isinstance(verdict, Refusal) or verdict.source.location.abilities.in_memory:
        return verdict
    if verdict.fill is not None and verdict.dataset.cache.mode is not CacheMode.NONE:
        return verdict
    message = (
        f"no node keeps a copy of dataset {verdict.dataset.ref} for this pod: it writes, spec.cache.mode is none, or "
        "the operator has not listed the source yet"
    )
    return Refusal(NOT_POSSIBLE, "", message)
