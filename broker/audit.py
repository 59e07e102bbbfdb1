"""One JSON line for every answer, so that a steward can prove where each byte went. Never a key, never a token."""

import logging
import time
from typing import Any

from broker.ruling import Permission
from moorage.grants.question import GrantQuestion
from moorage.model import Pod
from moorage.refusal import Refusal
from moorage.serving import metrics
from moorage.serving.rate_limit import RateLimit

_log = logging.getLogger("moorage.audit")
_strangers = RateLimit(1.0, 20.0, time.monotonic)
_log.setLevel(logging.INFO)  # whatever the rest of the process is told to keep quiet about


def grant(asked: GrantQuestion, node: str, pod: Pod, permission: Permission) -> None:
    """Keys were given out."""
    metrics.GRANTS.inc()
    location = permission.source.location
    source = {"site": permission.source.site, "kind": location.kind, **location.where}
    facts = _asked(asked, node) | {
        "decision": "granted",
        "account": f"{pod.namespace}/{pod.service_account}",
        "purpose": permission.purpose,
        "site": permission.site,
        "source": source,
        "version": permission.dataset.status.version,
    }
    _log.info("granted dataset %s to pod %s", asked.dataset, asked.pod, extra={"audit": facts})


def refusal(asked: GrantQuestion, node: str, pod: Pod | None, refused: Refusal) -> None:
    """Nothing was given out."""
    metrics.refused(refused.reason)
    facts = _asked(asked, node) | {
        "decision": "refused",
        "account": None if pod is None else f"{pod.namespace}/{pod.service_account}",
        "purpose": None if pod is None else pod.usage.stated_purpose,
        "status": refused.code,
        "rule": refused.reason or None,
        "reason": refused.message,
    }
    _log.info("refused dataset %s to pod %s", asked.dataset, asked.pod, extra={"audit": facts})


def stranger(address: str, message: str) -> None:
    """Somebody asked whom the API server does not know as a node plugin; of many in a row from one address, some."""
    if not _strangers.admits(address):
        return
    _log.warning("refused a stranger", extra={"audit": {"decision": "refused", "address": address, "reason": message}})


def _asked(asked: GrantQuestion, node: str) -> dict[str, Any]:
    return {
        "dataset": str(asked.dataset),
        "pod": str(asked.pod),
        "uid": asked.pod.uid,
        "node": node,
    }
