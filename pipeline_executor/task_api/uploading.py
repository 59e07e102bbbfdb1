"""URLs for the pieces that an attempt uploads, each valid for one key and one size."""

from collections.abc import Sequence

from moorage.errors import InputError
from pipeline_executor.store import multipart
from pipeline_executor.store.multipart import Upload
from pipeline_executor.task_api.places import data_prefix, file_key, output_key
from pipeline_executor.task_api.tasks import Task
from pipeline_executor.task_api.viewing import URL_SECONDS
from pipeline_executor.task_sidecar.exchange import PieceRequest
from pipeline_executor.task_sidecar.pieces import Piece, piece_of


async def urls_for(task: Task, pieces: Sequence[PieceRequest]) -> list[str]:
    """Return one URL for each piece, in their order. A large file's upload is begun where there is none.

    Of one pod, one call at a time: two would begin two uploads of one file.

    Raises:
        InputError: an output or a piece is not one that this attempt has.
        StoreError: the store does not answer or refuses.
    """
    planned = [(key_of(task, each.output, each.path), _piece(task, each)) for each in pieces]
    uploads = await _uploads(task, sorted({key for key, piece in planned if piece.number}))

    def sign() -> list[str]:
        return [_signed(task, key, piece, uploads) for key, piece in planned]

    return await task.store.run("sign URLs", sign)


def key_of(task: Task, output: str, path: str) -> str:
    """Return the key of a file that the attempt writes.

    Raises:
        InputError: it has no such output.
    """
    for each in task.launch.output_artifacts:
        if each.name == output and (key := output_key(task, each)) is not None:
            return file_key(key, path)
    raise InputError(f"task {task.launch.path}", f"output {output}", "is none of its artifacts in the site's store")


def _piece(task: Task, asked: PieceRequest) -> Piece:
    if asked.file_bytes > task.limits.size_bytes:
        problem = f"a file of {asked.file_bytes:,} bytes is larger than an attempt may give out"
        raise InputError(f"task {task.launch.path}", f"output {asked.output}", problem)
    piece = piece_of(asked.file_bytes, asked.part)
    if piece is None:
        problem = f"a file of {asked.file_bytes:,} bytes has no part {asked.part}"
        raise InputError(f"task {task.launch.path}", f"output {asked.output}", problem)
    return piece


async def _uploads(task: Task, keys: Sequence[str]) -> dict[str, Upload]:
    if not keys:
        return {}
    found: dict[str, Upload] = {}
    for upload in await multipart.find_uploads(task.store, data_prefix(task)):
        found.setdefault(upload.key, upload)
    for key in keys:
        if key not in found:
            found[key] = await multipart.begin(task.store, key)
    return found


def _signed(task: Task, key: str, piece: Piece, uploads: dict[str, Upload]) -> str:
    # The length is signed: who holds the URL can't write more, or less.
    if piece.number == 0:
        return task.store.presigned("put_object", URL_SECONDS, Key=key, ContentLength=piece.size_bytes)
    return task.store.presigned(
        "upload_part",
        URL_SECONDS,
        Key=key,
        UploadId=uploads[key].id,
        PartNumber=piece.number,
        ContentLength=piece.size_bytes,
    )
