"""The broker's evidence: one line for each answer, so that a steward can prove where each byte went. No keys."""

import time
from dataclasses import replace

from broker.reviewing import KnownReader
from broker.ruling import Permission
from moorage.access import Access
from moorage.errors import BrokerError
from moorage.evidence.line import Event, What
from moorage.grants.question import GrantQuestion
from moorage.grants.review import Review
from moorage.grants.standing import Standing
from moorage.model import Pod
from moorage.recording import Recorder
from moorage.refusal import Refusal
from moorage.serving import metrics
from moorage.serving.rate_limit import RateLimit

_strangers = RateLimit(1.0, 20.0, time.monotonic)


def grant(recorder: Recorder, asked: GrantQuestion, node: str, pod: Pod, permission: Permission) -> None:
    """Record that keys are about to be given out.

    Raises:
        BrokerError: there is no room for the line, so they must not be.
    """
    location = permission.source.location
    writes = permission.access is Access.READ_WRITE
    event = replace(
        _asked(What.GRANTED, asked, node),
        account=f"{pod.namespace}/{pod.service_account}",
        purpose=permission.purpose,
        site=permission.site,
        source={"site": permission.source.site, "kind": location.kind, **location.where},
        version=permission.dataset.status.version,
        access=permission.access.value if writes else None,
    )
    recorder.record(event, f"granted dataset {asked.dataset} to pod {asked.pod}{', to write' if writes else ''}")
    metrics.GRANTS.inc()


def passed(recorder: Recorder, asked: GrantQuestion, node: str, pod: Pod, permission: Permission) -> None:
    """Record that a pass is about to be given out, by which the node reads the dataset from others. It holds no key.

    Raises:
        BrokerError: there is no room for the line, so it must not be.
    """
    event = replace(
        _asked(What.GRANTED, asked, node),
        account=f"{pod.namespace}/{pod.service_account}",
        purpose=permission.purpose,
        site=permission.site,
        source={"site": permission.site, "kind": "neighbours"},
        version=permission.dataset.status.version,
    )
    recorder.record(event, f"let node {node} read dataset {asked.dataset} from its neighbours for pod {asked.pod}")


def refusal(recorder: Recorder, asked: GrantQuestion, node: str, pod: Pod | None, refused: Refusal) -> None:
    """Record a refusal, by which nothing is given out.

    Raises:
        BrokerError: there is no room for the line.
    """
    event = replace(
        _asked(What.REFUSED, asked, node),
        account=None if pod is None else f"{pod.namespace}/{pod.service_account}",
        purpose=None if pod is None else pod.usage.stated_purpose,
        status=refused.code,
        rule=refused.reason or None,
        reason=refused.message,
    )
    recorder.record(event, f"refused dataset {asked.dataset} to pod {asked.pod}")
    metrics.refused(refused.reason)


def evicted(recorder: Recorder, node: str, standing: Standing) -> None:
    """Record that a node was told to drop what it may not hold; it asks again until it has.

    Raises:
        BrokerError: there is no room for the line.
    """
    event = Event(what=What.EVICTED, dataset=str(standing.ref), node=node, rule=standing.rule, reason=standing.message)
    recorder.record(event, f"node {node} may not hold dataset {standing.ref}")


def revoked(recorder: Recorder, review: Review, node: str, reader: KnownReader) -> None:
    """Record that a node was told to end a pod's reading or writing; it asks again until it has.

    Raises:
        BrokerError: there is no room for the line.
    """
    asked = review.asked
    event = replace(
        _asked(What.REVOKED, asked, node),
        account=f"{reader.namespace}/{reader.service_account}",
        purpose=reader.stated_purpose,
        rule=review.rule,
        reason=review.message,
    )
    recorder.record(event, f"pod {asked.pod} may not go on with dataset {asked.dataset}")
    metrics.refused(review.rule)


def stranger(recorder: Recorder, address: str, message: str) -> None:
    """Record a caller that is no known node plugin; of many in a row from one address, some."""
    if not _strangers.admits(address):
        return
    try:
        recorder.record(Event(what=What.STRANGER, address=address, reason=message), "refused a stranger")
    except BrokerError:
        return  # counted; what others may have is not kept from them for strangers' sake


def _asked(what: What, asked: GrantQuestion, node: str) -> Event:
    return Event(what=what, dataset=str(asked.dataset), pod=str(asked.pod), uid=asked.pod.uid, node=node)
