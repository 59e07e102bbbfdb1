"""Records evidence: one chain a process, in its log and, where the operator says so, in a store.

A component opens a `Recorder` and tells it events. What a line is, and how lines are proven, is `moorage.evidence`.

    settings      where lines are kept, from environment variables
    recorder      takes events; seals, stores and publishes in the background
    outbox        lines that wait for the store, bounded
    keeping       writes batches to the store, once each, and for how long
    earlier       the heads of the chains before this one, found in the store
    publishing    the sealing key in a Secret; public keys and heads in a ConfigMap
"""

from moorage.recording.keeping import EvidenceStore, Retention
from moorage.recording.publishing import Places
from moorage.recording.recorder import Limits, Recorder

__all__ = ["EvidenceStore", "Limits", "Places", "Recorder", "Retention"]
