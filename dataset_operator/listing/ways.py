"""The ways to the keys of sources."""

from dataclasses import dataclass
from pathlib import Path

from moorage.kube import Client
from moorage.sources.permitted_roles import PermittedRole


@dataclass(frozen=True, slots=True)
class WaysToKeys:
    """The sources of keys: Secrets, and roles that the operator's own token may assume.

    Attributes:
        client: the API server, for Secrets.
        token_file: the operator's own token for stores; None: it has none.
        roles: those that it may be exchanged for.
    """

    client: Client
    token_file: Path | None = None
    roles: tuple[PermittedRole, ...] = ()
