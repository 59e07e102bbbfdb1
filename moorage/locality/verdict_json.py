"""The verdict on every Site as JSON: the answer of `/sites/score`, and what `why -o json` prints. Pure."""

from collections.abc import Sequence
from typing import Any

from moorage.locality.snapshot import Request
from moorage.locality.verdicts import SiteVerdict


def write_verdicts(request: Request, verdicts: Sequence[SiteVerdict]) -> dict[str, Any]:
    """One entry for each Site. Seconds are null where the site refuses, or where no source is usable."""
    return {
        "reader": {
            "namespace": request.reader.namespace,
            "serviceAccount": request.reader.service_account,
            "purpose": request.reader.purpose,
        },
        "datasets": [str(ref) for ref in request.refs],
        "sites": [
            {
                "site": verdict.site_name,
                "allowed": verdict.decision.allowed,
                "rule": verdict.decision.rule,
                "dataset": str(verdict.decision.dataset) if verdict.decision.dataset else None,
                "message": verdict.decision.message,
                "seconds": verdict.seconds,
                "score": verdict.score,
            }
            for verdict in verdicts
        ],
    }
