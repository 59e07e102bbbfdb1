"""Access to one S3 folder: a boto3 client for listing, an s3fs file system for looking into objects."""

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore
import s3fs
from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.utils import get_environ_proxies
from fsspec.exceptions import FSTimeoutError

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.s3 import reading
from dataset_operator.listing.s3.failures import explained
from dataset_operator.listing.s3.reading import S3Reader
from dataset_operator.listing.s3.streaming import GuardedResolver, bounded_session
from dataset_operator.listing.s3.transport import BoundedSession, Origin
from dataset_operator.listing.tally import Entry
from moorage.errors import SourceError
from moorage.sources import Credentials
from moorage.sources.certificates import certificates_of
from moorage.sources.reasons import Reason
from moorage.sources.s3 import S3Source, folder_prefix

LONGEST_KEY_BYTES = 1024
_ATTEMPTS = 2

# Making a client reads botocore's models from disk: one session keeps them, and it must not be used by two threads.
_session = boto3.Session()
_session_lock = threading.Lock()
# The same for s3fs, whose clients are all made by the one thread of its event loop.
_reading_session = AioSession()


@dataclass(frozen=True, slots=True)
class Access:
    """One S3 source with what is needed to read it.

    Attributes:
        location: where.
        credentials: None for a bucket that anybody may read.
        budget: the bounds of reading.
        stop: ends it.
    """

    location: S3Source
    credentials: Credentials | None
    budget: Budget = field(default_factory=Budget)
    stop: Cancellation = field(default_factory=Cancellation)

    @property
    def prefix(self) -> str:
        """The folder, see `folder_prefix`."""
        return folder_prefix(self.location.prefix)

    @property
    def name(self) -> str:
        """The folder in messages."""
        return f"s3://{self.location.bucket}/{self.prefix} at {self.location.endpoint}"

    @contextlib.contextmanager
    def pages(self) -> Iterator[Iterator[Sequence[Entry]]]:
        """Provide all objects of the folder, page by page.

        Raises:
            SourceError: see `failures.explained` and `transport.BoundedSession.send`.
        """
        with self.client() as client, self.explained():
            yield self._pages(client)

    def explained(self) -> AbstractContextManager[None]:
        """Raise a `SourceError` for what the block raises about the folder."""
        return explained(self.name, anonymous=self.credentials is None)

    def _pages(self, client: Any) -> Iterator[Sequence[Entry]]:  # noqa: ANN401 - boto3
        skipped = len(self.prefix)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.location.bucket, Prefix=self.prefix)
        for page in pages:
            yield [
                (
                    self._checked(found["Key"][skipped:].encode(errors="surrogateescape")),
                    int(found["Size"]),
                    str(found.get("ETag") or "").strip('"'),
                )
                for found in page.get("Contents") or ()
            ]

    def _checked(self, key: bytes) -> bytes:
        if len(key) > LONGEST_KEY_BYTES:
            problem = (
                f"a key has more than {LONGEST_KEY_BYTES:,} bytes, more than an S3 store's can: correct s3.endpoint"
            )
            raise SourceError(Reason.ENDPOINT_NOT_S3, f"{self.name}: {problem}")
        return key

    @contextlib.contextmanager
    def client(self, *, pinned: bool = False) -> Iterator[Any]:
        """A boto3 client, within the bounds.

        Args:
            pinned: whether all its requests go to the address that answered the first one.
        """
        keys = self.credentials
        origin = Origin(self.name, self.location.endpoint)
        with _certificate_file(self.location.ca_bundle) as verify, self.explained():
            with _session_lock:
                made = _session.client(
                    "s3",
                    endpoint_url=self.location.endpoint,
                    region_name=self.location.signing_region,
                    # Without keys boto3 would look for some; these are never used, since nothing is signed.
                    aws_access_key_id=keys.access_key_id if keys else "anonymous",
                    aws_secret_access_key=keys.secret_access_key if keys else "anonymous",
                    aws_session_token=keys.session_token if keys else None,
                    verify=verify,
                    config=self._config(),
                )
            proxies = get_environ_proxies(self.location.endpoint)
            with (
                contextlib.closing(made),
                contextlib.closing(BoundedSession(origin, self.budget, self.stop, verify, proxies)) as session,
            ):
                session.is_pinned = pinned
                made.meta.events.register("before-send.s3", session.send)
                yield made

    def _config(self) -> Config:
        return Config(
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            s3={"addressing_style": "path"},  # stores that are not Amazon's seldom have a name for each bucket
            signature_version="s3v4" if self.credentials else botocore.UNSIGNED,
            ignore_configured_endpoint_urls=True,
        )

    @contextlib.contextmanager
    def reader(self) -> Iterator[S3Reader]:
        """Reads a few bytes of a few objects; nothing of it is kept afterwards.

        Raises:
            SourceError: see `failures.explained` and `reading.S3Reader.read`.
        """
        with _certificate_file(self.location.ca_bundle) as verify, self.explained():
            store = self._filesystem(verify)
            try:
                yield S3Reader(store, self.name, (self.location.bucket, self.prefix), self.budget, self.stop)
            finally:
                with contextlib.suppress(FSTimeoutError):
                    reading.close(store)

    def _filesystem(self, verify: str | None) -> s3fs.S3FileSystem:
        keys = self.credentials
        return s3fs.S3FileSystem(
            session=_reading_session,
            anon=keys is None,
            key=keys.access_key_id if keys else None,
            secret=keys.secret_access_key if keys else None,
            token=keys.session_token if keys else None,
            endpoint_url=self.location.endpoint,
            client_kwargs={"region_name": self.location.signing_region, "verify": verify},
            config_kwargs={
                "connect_timeout": self.budget.connect_seconds,
                "read_timeout": self.budget.silence_seconds,
                "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
                "s3": {"addressing_style": "path"},
                "ignore_configured_endpoint_urls": True,
                "http_session_cls": bounded_session(Origin(self.name, self.location.endpoint), self.budget),
                "connector_args": {"resolver": GuardedResolver()},
            },
            skip_instance_cache=True,
            use_listings_cache=False,
            default_cache_type="none",
        )


@contextlib.contextmanager
def _certificate_file(bundle: str | None) -> Iterator[str | None]:
    """Provide the path of a file with the certificates, while the block runs; None: the system's are trusted."""
    if bundle is None:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", suffix=".crt", prefix="moorage-ca-") as file:
        file.write(certificates_of(bundle))
        file.flush()
        yield str(Path(file.name))
