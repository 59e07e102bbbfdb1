"""A source as rclone takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Remote:
    """What one mount server reads.

    Attributes:
        path: behind the remote's name on the command line; not secret.
        options: of the remote, for the configuration; they hold the keys. None: left out.
        ca_bundle: PEM of who may sign the store's certificate; None: the image's authorities.
    """

    path: str
    options: Mapping[str, str | None] = field(repr=False)
    ca_bundle: str | None = None
