"""Accounts of the S3 servers, whose keys are made up when the demo's cluster is made, and kept beside it."""

import json
import secrets
from dataclasses import dataclass

from demo import data
from devcluster.certificates import write_private
from devcluster.layout import Layout
from devcluster.spec import Identity

ARTIFACTS = "artifacts"
"""The bucket of the sites' artifact stores: it has the same name everywhere."""
EVIDENCE = "evidence"
"""The bucket where each grant is a line."""


@dataclass(frozen=True)
class Account:
    """One account; `actions` in the server's words, as `Read:bucket`."""

    name: str
    actions: tuple[str, ...]

    def identity(self, cluster_name: str) -> Identity:
        """Return the account with its keys: those of the cluster that is there, or new ones."""
        path = Layout.of(cluster_name).root / f"{self.name}.json"
        try:
            access_key, secret_key = json.loads(path.read_text())
        except FileNotFoundError:
            access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
        return Identity(self.name, access_key, secret_key, self.actions)

    def keep(self, cluster_name: str, identity: Identity) -> None:
        """Keep the keys beside the cluster, for the next look."""
        path = Layout.of(cluster_name).root / f"{self.name}.json"
        write_private(path, json.dumps([identity.access_key, identity.secret_key]).encode())


def _on(bucket: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{action}:{bucket}" for action in actions)


_DATA = (data.BUCKET, data.WEATHER_BUCKET, data.DELAYS_BUCKET)
READER = Account("flights-reader", tuple(action for bucket in _DATA for action in _on(bucket, "Read", "List")))
"""The account that may read the buckets of data and nothing else: its keys are the stewards'."""
DELAYS_WRITER = Account("delays-writer", _on(data.DELAYS_BUCKET, "Read", "Write", "List"))
"""May write the one bucket that pods write to."""
WITNESS = Account("evidence-writer", _on(EVIDENCE, "Read", "Write", "List"))
"""May keep evidence: its keys are those of the brokers and webhooks."""
WRITER = Account("artifacts-writer", _on(ARTIFACTS, "Read", "Write", "List"))
"""May use the sites' artifact stores: its keys are those of hub and spokes."""
ALL = (READER, WRITER, DELAYS_WRITER, WITNESS)
