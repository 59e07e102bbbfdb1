"""The webhook's evidence: one line for a pod that a rule refuses. The broker records grants later."""

import time
from collections.abc import Callable
from typing import Final

from moorage.evidence.line import Event, What
from moorage.recording import Recorder
from moorage.refusal import Refusal
from moorage.serving import metrics
from moorage.serving.rate_limit import RateLimit
from webhook.mutate import PodRequest, make_reader

_PER_SECOND: Final = 1.0
AT_ONCE: Final = 30


class Witness:
    """A recorder of refusals; of many in a row in one namespace it records some, as controllers try again.

    A pod is refused whether its line can be kept or not, because nothing is given out.

    Args:
        recorder: of this process.
        clock: seconds, monotonic.
    """

    def __init__(self, recorder: Recorder, clock: Callable[[], float] = time.monotonic) -> None:
        self._recorder = recorder
        self._namespaces = RateLimit(_PER_SECOND, AT_ONCE, clock)

    def refused(self, request: PodRequest, refusal: Refusal) -> None:
        """Record that a pod may not have a dataset."""
        if refusal.dataset is None:
            return
        if not (self._namespaces.admits(request.namespace) and self._recorder.has_room(What.REFUSED)):
            metrics.EVIDENCE_LEFT_OUT.inc()
            return
        reader = make_reader(request, None)
        event = Event(
            what=What.REFUSED,
            dataset=refusal.dataset,
            pod=request.name,
            account=f"{reader.namespace}/{reader.service_account}",
            purpose=request.usage.stated_purpose,
            status=refusal.code,
            rule=refusal.reason,
            reason=refusal.message,
        )
        self._recorder.record(event, f"refused dataset {refusal.dataset} to pod {request.name} at admission")
