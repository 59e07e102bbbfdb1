"""The Sites' artifact stores, to read runs from.

It may not write: only GETs are signed here. Whose keys are used is the caller's to say; what a person may be shown of
what was read is not decided here.

    connections  to a store, as all who read or write one open them
    store        one store: pieces of objects, and listings
    buckets      a bucket for something of Moorage's own, from settings or a ConfigMap
    site_stores  the stores of all Sites, with their keys from the cluster's Secrets
    task_logs    a task's log, in pieces, while it runs and after
    own_keys     a person's own keys, from the environment
    served_logs  the same by way of a server, for people without keys
"""

from moorage.stores.site_stores import SiteStores
from moorage.stores.store import Listed, Piece, ReadableStore
from moorage.stores.task_logs import LogPiece, LogQuestion, TaskLog, find_log

__all__ = ["Listed", "LogPiece", "LogQuestion", "Piece", "ReadableStore", "SiteStores", "TaskLog", "find_log"]
