"""Settings of a component's evidence, from environment variables."""

from dataclasses import dataclass
from typing import Literal

from moorage.errors import InputError
from moorage.kube import Client
from moorage.recording.keeping import EvidenceStore, Retention
from moorage.recording.publishing import Places
from moorage.recording.recorder import Limits, Recorder
from moorage.settings import setting
from moorage.stores.buckets import Bucket, parse_bucket


def _store(text: str) -> Bucket:
    try:
        return parse_bucket(text, "evidence", "store")
    except InputError as error:
        raise ValueError(f"{error.field} {error.problem}") from None


def _mode(text: str) -> Literal["GOVERNANCE", "COMPLIANCE"]:
    match text.upper():
        case "GOVERNANCE":
            return "GOVERNANCE"
        case "COMPLIANCE":
            return "COMPLIANCE"
    raise ValueError("it is neither governance nor compliance")


@dataclass(frozen=True, kw_only=True)
class EvidenceSettings:
    """`MOORAGE_EVIDENCE_*`. Without slots, so that a room's settings can have other bases too."""

    evidence_store: Bucket | None = setting(
        "Where evidence is kept: JSON, an s3 source as in a Dataset; unset: in the log only.",
        default=None,
        parse=_store,
    )
    evidence_retention_days: int = setting(
        "How long the store must keep it, where its bucket has object lock; 0: as the bucket says.",
        default=0,
        minimum=0,
        maximum=36_500,
    )
    evidence_lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = setting(
        "Of object lock, governance or compliance.", default="GOVERNANCE", parse=_mode
    )
    evidence_pause_seconds: float = setting("How long lines wait for each other.", default=5.0, minimum=0.1)
    evidence_waiting_bytes: int = setting(
        "How many bytes of lines may wait for the store before nothing is decided any more.",
        default=16 << 20,
        minimum=1 << 10,
    )

    @property
    def evidence_retention(self) -> Retention:
        """The retention that is asked of the store."""
        return Retention(self.evidence_retention_days, self.evidence_lock_mode)

    @property
    def evidence_limits(self) -> Limits:
        """The limits on waiting lines."""
        return Limits(self.evidence_pause_seconds, self.evidence_waiting_bytes)


def recorder_of(client: Client, component: str, namespace: str, settings: EvidenceSettings) -> Recorder:
    """Return the recorder of a component, as its settings say.

    Args:
        client: the API server.
        component: as `broker`.
        namespace: Moorage's own.
        settings: where evidence is kept.
    """
    store = None
    if settings.evidence_store is not None:
        store = EvidenceStore(client, namespace, settings.evidence_store, settings.evidence_retention)
    return Recorder(client, component, Places.of(namespace, component), store, settings.evidence_limits)
