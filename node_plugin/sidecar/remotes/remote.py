"""A source as rclone takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.sources.http import HttpSource


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind's messages name.

    Attributes:
        address: the field that says where the server is, as `s3.endpoint`.
        authorities: the field with its certificates.
        absent: what to say where the server knows no such folder.
        hidden: what to say where names are told and nothing can be opened.
        keys: what the steward can do about keys that are refused.
    """

    address: str
    authorities: str
    absent: str
    hidden: str
    keys: str = "correct the Secret that s3.secretRef names"


@dataclass(frozen=True, slots=True)
class Remote:
    """What one mount server reads.

    Attributes:
        path: behind the remote's name on the command line; not secret.
        options: of the remote, for the configuration; they hold the keys. None: left out.
        words: for messages.
        ca_bundle: PEM of who may sign the store's certificate; None: the image's authorities.
        file: rclone reads folders only; this file is shown to it as one (`file_page`), whose URL is to be added.
    """

    path: str
    options: Mapping[str, str | None] = field(repr=False)
    words: Words
    ca_bundle: str | None = None
    file: HttpSource | None = None
