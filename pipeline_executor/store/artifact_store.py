"""An artifact store on S3: boto3 in a few threads, behind methods that a controller can await.

Requests are bounded: connect and read timeouts, few retries, a limit on what `get` takes and `keys` lists.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import boto3
from botocore.config import Config
from botocore.credentials import Credentials as Keys

from moorage.errors import StoreError
from moorage.sources import Credentials
from moorage.sources.certificates import certificates_of
from moorage.sources.s3 import S3Source
from pipeline_executor.store.failures import explained, is_absent, is_present_already
from pipeline_executor.store.signing import Signer

T = TypeVar("T")

_THREADS = 8
_MOST_LISTED = 200_000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a listing; its key is that in the bucket."""

    key: str
    size_bytes: int


def place_of(location: S3Source) -> tuple[str, str, str]:
    """Return where a location's objects lie, whoever's keys open it: endpoint, bucket and prefix."""
    return location.endpoint, location.bucket, location.prefix.strip("/")


class ArtifactStore:
    """One site's store. Its methods may be called by many tasks at once; `async with` ends its threads.

    Args:
        site: the site's name, for messages.
        location: bucket and prefix.
        credentials: None for a bucket that anybody may use.

    Attributes:
        site: the site's name.
        bucket: the bucket.
        prefix: the store's folder in it, without slashes at its ends.
        signer: signs many URLs, faster than `presigned`.
        certificates: PEM, of the authorities to trust besides the system's; "": none.
    """

    bucket: str
    prefix: str
    signer: Signer
    certificates: str
    client: Any

    def __init__(self, site: str, location: S3Source, credentials: Credentials | None) -> None:
        self.site = site
        self._closing = contextlib.ExitStack()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"store-{site}")
        self._trusted: tuple[str, bool | str] = "", True
        self.renew(location, credentials)

    def renew(self, location: S3Source, credentials: Credentials | None) -> None:
        """Go on with other keys at the same place, for all who hold the store: groups hold it while they run.

        What is under way ends with the earlier client, whose connections close once nobody uses it.
        """
        certificates = "" if location.ca_bundle is None else certificates_of(location.ca_bundle)
        if certificates != self._trusted[0]:
            # Requests under way still read the earlier file: it stays until the store is closed.
            self._trusted = certificates, self._written(certificates) if certificates else True
        # The client serves many threads; making one does not, so each has a session of its own.
        keys = credentials or Credentials("anonymous", "anonymous")
        region = location.signing_region
        client = boto3.Session().client(
            "s3",
            endpoint_url=location.endpoint,
            region_name=region,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            verify=self._trusted[1],
            config=Config(
                signature_version="s3v4",
                connect_timeout=5,
                read_timeout=30,
                max_pool_connections=_THREADS * 2,
                retries={"total_max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
                # Checksums in trailers are not understood by all stores; what matters has a SHA-256 of its own.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        own = Keys(keys.access_key_id, keys.secret_access_key, keys.session_token)
        self.signer = Signer(location.endpoint, location.bucket, region, own)
        self.bucket = location.bucket
        self.prefix = location.prefix.strip("/")
        self.certificates = certificates
        self._location = location
        self._name = f"artifact store of Site {self.site} (s3://{location.bucket} at {location.endpoint})"
        self.client = client

    def _written(self, certificates: str) -> str:
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="store-"))
        file = Path(folder) / "ca.pem"
        file.write_text(certificates)
        return str(file)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        self._closing.close()

    # --- names ---

    @property
    def place(self) -> tuple[str, str, str]:
        """Where its objects lie: endpoint, bucket and prefix."""
        return place_of(self._location)

    def uri(self, key: str) -> str:
        """As tasks see it: `s3://bucket/key`."""
        return f"s3://{self.bucket}/{key}"

    def key(self, uri: str) -> str | None:
        """The key of a URI of `uri`'s form; None where it lies in another bucket or outside the store's prefix."""
        return self._location.key_of(uri)

    # --- objects ---

    async def get(self, key: str, most_bytes: int) -> bytes | None:
        """The content; None where there is no such object.

        Raises:
            StoreError: the store does not answer or refuses; `TooLarge`: it has more than `most_bytes`.
        """

        def read() -> bytes | None:
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=key)
            except self.client.exceptions.ClientError as error:
                if is_absent(error):
                    return None
                raise
            with contextlib.closing(answer["Body"]) as body:
                content: bytes = body.read(most_bytes + 1)
            if len(content) > most_bytes:
                raise StoreError("TooLarge", f"{self._name}: {key} has more than {most_bytes:,} bytes")
            return content

        return await self.run(f"read {key}", read)

    async def size(self, key: str) -> int | None:
        """How many bytes the object has; None where there is none.

        Raises:
            StoreError: the store does not answer or refuses.
        """

        def head() -> int | None:
            try:
                return int(self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])
            except self.client.exceptions.ClientError as error:
                if is_absent(error):
                    return None
                raise

        return await self.run(f"look at {key}", head)

    async def put(self, key: str, content: bytes) -> None:
        """Write an object, in the place of what was there.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        await self.run(f"write {key}", lambda: self.client.put_object(Bucket=self.bucket, Key=key, Body=content))

    async def put_once(self, key: str, content: bytes) -> bool:
        """Write an object where there is none (`If-None-Match: *`); False where there is one.

        Raises:
            StoreError: the store does not answer or refuses.
        """

        def write() -> bool:
            try:
                self.client.put_object(Bucket=self.bucket, Key=key, Body=content, IfNoneMatch="*")
            except self.client.exceptions.ClientError as error:
                if is_present_already(error):
                    return False
                raise
            return True

        return await self.run(f"write {key}", write)

    async def delete(self, keys: list[str]) -> None:
        """Delete objects; those that are not there do not matter.

        Raises:
            StoreError: the store does not answer or refuses.
        """

        def delete() -> None:
            for first in range(0, len(keys), 1000):
                some = [{"Key": key} for key in keys[first : first + 1000]]
                answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": some, "Quiet": True})
                if refused := answer.get("Errors"):
                    why = f"{refused[0].get('Code')}: {refused[0].get('Message')}"
                    raise StoreError("DeleteRefused", f"{self._name}: {len(refused)} objects were not deleted ({why})")

        await self.run("delete objects", delete)

    async def first_keys(self, prefix: str) -> list[str]:
        """The first keys that begin with `prefix`: one page, of at most 1,000.

        Raises:
            StoreError: the store does not answer or refuses.
        """

        def collect() -> list[str]:
            page = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
            return [each["Key"] for each in page.get("Contents") or ()]

        return await self.run(f"list {prefix}", collect)

    async def keys(self, prefix: str, most: int = _MOST_LISTED) -> list[StoredObject]:
        """The objects whose keys begin with `prefix`, by key.

        Raises:
            StoreError: the store does not answer or refuses; `TooMany`: there are more than `most`.
        """

        def collect() -> list[StoredObject]:
            found: list[StoredObject] = []
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                found += [StoredObject(each["Key"], int(each["Size"])) for each in page.get("Contents") or ()]
                if len(found) > most:
                    raise StoreError("TooMany", f"{self._name}: there are more than {most:,} objects under {prefix}")
            return found

        return await self.run(f"list {prefix}", collect)

    def presigned(self, method: str, seconds: float, **parameters: Any) -> str:  # noqa: ANN401 - boto3's own
        """A URL by which whoever holds it may do one thing, for so many seconds. Never to be logged.

        Args:
            method: of boto3's client, as `get_object`, `put_object` or `upload_part`.
            seconds: how long it is valid.
            parameters: of that method, the bucket left out.
        """
        url: str = self.client.generate_presigned_url(
            method, Params={"Bucket": self.bucket, **parameters}, ExpiresIn=int(seconds)
        )
        return url

    async def run(self, action: str, work: Callable[[], T]) -> T:
        """Do something with `client` in one of the store's threads.

        Args:
            action: what it is, as `read runs/...`, for messages.
            work: blocks.

        Raises:
            StoreError: the store does not answer or refuses.
        """

        def explain() -> T:
            with explained(self._name, action):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, explain)


def open_store(site: str, location: object, credentials: Credentials | None) -> ArtifactStore:
    """The store of a Site.

    Raises:
        StoreError: `NoStore`: the Site declares none.
    """
    if not isinstance(location, S3Source):
        raise StoreError("NoStore", f"Site {site}: spec.artifactStore is missing: declare the bucket that runs may use")
    return ArtifactStore(site, location, credentials)
