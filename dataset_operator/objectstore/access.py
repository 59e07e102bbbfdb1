"""How one S3 source is reached: endpoint, keys, certificates, and how long we wait."""

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore
import s3fs
from botocore.config import Config
from fsspec.asyn import sync
from fsspec.exceptions import FSTimeoutError

from dataset_operator.objectstore.failures import explained
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source, certificates_of, folder_prefix

DEFAULT_REGION = "us-east-1"

# Making a client reads botocore's models from disk: one session keeps them, and it must not be used by two threads.
_session = boto3.Session()
_session_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Access:
    """One S3 source with what is needed to read it.

    Attributes:
        location: where.
        credentials: None for a bucket that anybody may read.
        connect_seconds: the most that a connection may take.
        read_seconds: the longest silence on a connection.
    """

    location: S3Source
    credentials: Credentials | None
    connect_seconds: float = 5.0
    read_seconds: float = 20.0

    @property
    def prefix(self) -> str:
        """The folder, see `folder_prefix`."""
        return folder_prefix(self.location.prefix)

    @property
    def name(self) -> str:
        """The folder in messages."""
        return f"s3://{self.location.bucket}/{self.prefix} at {self.location.endpoint}"

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """A boto3 client.

        Raises:
            SourceError: endpoint or certificates can't be used.
        """
        keys = self.credentials
        with _certificate_file(self.location.ca_bundle) as verify:
            with explained(self.name), _session_lock:
                made = _session.client(
                    "s3",
                    endpoint_url=self.location.endpoint,
                    region_name=self.location.region or DEFAULT_REGION,
                    # Without keys boto3 would look for some; these are never used, since nothing is signed.
                    aws_access_key_id=keys.access_key_id if keys else "anonymous",
                    aws_secret_access_key=keys.secret_access_key if keys else "anonymous",
                    aws_session_token=keys.session_token if keys else None,
                    verify=verify,
                    config=self._config(),
                )
            with contextlib.closing(made):
                yield made

    def _config(self) -> Config:
        return Config(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path"},  # stores that are not Amazon's seldom have a name for each bucket
            signature_version="s3v4" if self.credentials else botocore.UNSIGNED,
            ignore_configured_endpoint_urls=True,
        )

    @contextlib.contextmanager
    def filesystem(self) -> Iterator[s3fs.S3FileSystem]:
        """An s3fs file system for reading a few bytes of a few objects; nothing of it is kept afterwards.

        Raises:
            SourceError: the certificates can't be used.
        """
        keys = self.credentials
        with _certificate_file(self.location.ca_bundle) as verify:
            store = s3fs.S3FileSystem(
                anon=keys is None,
                key=keys.access_key_id if keys else None,
                secret=keys.secret_access_key if keys else None,
                token=keys.session_token if keys else None,
                endpoint_url=self.location.endpoint,
                client_kwargs={"region_name": self.location.region or DEFAULT_REGION, "verify": verify},
                config_kwargs={
                    "connect_timeout": self.connect_seconds,
                    "read_timeout": self.read_seconds,
                    "retries": {"mode": "standard", "total_max_attempts": 2},
                    "s3": {"addressing_style": "path"},
                    "ignore_configured_endpoint_urls": True,
                },
                skip_instance_cache=True,
                use_listings_cache=False,
                default_cache_type="none",
            )
            try:
                yield store
            finally:
                _close(store)


def _close(store: s3fs.S3FileSystem) -> None:
    """Close its connections here and now: s3fs would do so when it is collected, in whatever thread that is."""
    session = getattr(store, "_s3creator", None)  # there only once something was asked
    if session is not None:
        with contextlib.suppress(FSTimeoutError):
            sync(store.loop, session.__aexit__, None, None, None, timeout=5)


@contextlib.contextmanager
def _certificate_file(bundle: str | None) -> Iterator[str | None]:
    """The path of a file with the certificates, while the block runs; None: the system's are trusted."""
    if bundle is None:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", suffix=".crt", prefix="moorage-ca-") as file:
        file.write(certificates_of(bundle))
        file.flush()
        yield str(Path(file.name))
