"""What has lost its name is freed by whoever gets its lease alone.

At once where nobody looks at it; else when memory is needed, or when a process connects. vineyard itself would free it
under its readers' eyes.
"""

from pathlib import Path
from typing import Any

from moorage.memory.vineyard import records
from moorage.memory.vineyard.leases import Lease
from moorage.memory.vineyard.records import OBJECT, UNFINISHED, Record


def free(client: Any, leases: Path, record: Record) -> None:  # noqa: ANN401 - vineyard's client
    """Free an object that has no name any more, unless somebody has it."""
    lease = Lease.tried(leases, record.token, alone=True)
    if lease is None:
        return
    with lease:
        # Looked at under the lease: its writer, who had one, may have named it just before.
        if repr(records.named(client, record.key)) != repr(record.id):
            client.delete(record.id)


def sweep(client: Any, leases: Path, vineyard: Any) -> None:  # noqa: ANN401 - vineyard's client and module
    """Free what has no name, and what writers left that are gone."""
    named = {repr(each) for each in records.names(client).values()}
    for record in records.all_of(client, OBJECT):
        if repr(record.id) not in named:
            free(client, leases, record)
    for record in records.all_of(client, UNFINISHED):
        lease = Lease.tried(leases, record.token, alone=True)
        if lease is None:  # it is being written
            continue
        with lease:
            # Its writer is gone. It may have come as far as an object, which has the memory now.
            if record.token not in {each.token for each in records.all_of(client, OBJECT)}:
                client.delete(vineyard.ObjectID(record.blob))
            client.delete(record.id)
