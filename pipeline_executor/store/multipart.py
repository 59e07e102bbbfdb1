"""Multipart uploads: a large object in parts, found again after whoever uploaded it was killed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline_executor.store.artifact_store import ArtifactStore
from pipeline_executor.store.failures import is_absent

_MOST_UPLOADS: Final = 1_000


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the store has; numbers begin at 1."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that was begun and not completed."""

    key: str
    id: str


async def find_uploads(store: ArtifactStore, prefix: str) -> list[Upload]:
    """The uploads that were begun to keys that begin with `prefix`, the oldest of a key first; 1,000 at most.

    Raises:
        StoreError: the store does not answer or refuses.
    """

    def collect() -> list[Upload]:
        answer = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=prefix, MaxUploads=_MOST_UPLOADS)
        found = [each for each in answer.get("Uploads") or () if each["Key"].startswith(prefix)]
        found.sort(key=lambda each: (each["Key"], str(each.get("Initiated") or ""), each["UploadId"]))
        return [Upload(each["Key"], each["UploadId"]) for each in found]

    return await store.run(f"list uploads to {prefix}", collect)


async def begin(store: ArtifactStore, key: str) -> Upload:
    """Begin one.

    Raises:
        StoreError: the store does not answer or refuses.
    """

    def create() -> Upload:
        return Upload(key, store.client.create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"])

    return await store.run(f"begin to upload {key}", create)


async def stored_parts(store: ArtifactStore, upload: Upload) -> list[StoredPart] | None:
    """Its parts, by number; None: there is no such upload any more.

    Raises:
        StoreError: the store does not answer or refuses.
    """

    def collect() -> list[StoredPart] | None:
        pages = store.client.get_paginator("list_parts").paginate(
            Bucket=store.bucket, Key=upload.key, UploadId=upload.id
        )
        found: list[StoredPart] = []
        try:
            for page in pages:
                found += [
                    StoredPart(each["PartNumber"], each["Size"], each["ETag"]) for each in page.get("Parts") or ()
                ]
        except store.client.exceptions.ClientError as error:
            if is_gone(error):
                return None
            raise
        return sorted(found, key=lambda part: part.number)

    return await store.run(f"list the parts of {upload.key}", collect)


async def complete(store: ArtifactStore, upload: Upload, parts: Sequence[StoredPart]) -> None:
    """Make the object of its parts.

    Raises:
        StoreError: the store does not answer or refuses.
    """
    listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]

    def join() -> Any:  # noqa: ANN401 - boto3's own
        return store.client.complete_multipart_upload(
            Bucket=store.bucket, Key=upload.key, UploadId=upload.id, MultipartUpload={"Parts": listed}
        )

    await store.run(f"complete {upload.key}", join)


async def abort(store: ArtifactStore, upload: Upload) -> None:
    """Give it up; the store frees its parts.

    Raises:
        StoreError: the store does not answer or refuses.
    """

    def drop() -> None:
        try:
            store.client.abort_multipart_upload(Bucket=store.bucket, Key=upload.key, UploadId=upload.id)
        except store.client.exceptions.ClientError as error:
            if not is_gone(error):
                raise

    await store.run(f"give up the upload of {upload.key}", drop)


def is_gone(error: Any) -> bool:  # noqa: ANN401 - boto3's ClientError
    """Whether the answer says that there is no such upload."""
    return is_absent(error) or error.response.get("Error", {}).get("Code") == "NoSuchUpload"
