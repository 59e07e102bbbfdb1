"""Recording of an attempt's outputs in the store, once all of them are really there."""

from collections.abc import Mapping, Sequence

from moorage.errors import InputError
from moorage.runs import FileEntry, Manifest, TaskOutputs
from moorage.runs.records import MANIFEST_BOUNDS
from pipeline_executor.engine.records import ArtifactOutput
from pipeline_executor.engine.results import read_outputs
from pipeline_executor.store import multipart
from pipeline_executor.store.multipart import StoredPart, Upload
from pipeline_executor.task_api.places import data_prefix
from pipeline_executor.task_api.tasks import Task
from pipeline_executor.task_api.uploading import key_of
from pipeline_executor.task_sidecar.exchange import MOST_IN_PAGE, OutputFile, OutputReport, PieceRequest
from pipeline_executor.task_sidecar.pieces import Piece, pieces_of


async def record(task: Task, report: OutputReport) -> list[PieceRequest]:
    """Write the attempt's `outputs`, where nobody did before; or say which pieces are still missing, 500 at most.

    Raises:
        InputError: the report speaks of outputs that the attempt does not have, or they can't be read.
        StoreError: the store does not answer or refuses.
    """
    outputs = outputs_of(task, report)
    missing = await _missing(task, report.files)
    if missing:
        return missing[:MOST_IN_PAGE]
    content = outputs.write()
    if len(content) > MANIFEST_BOUNDS.most_bytes:
        problem = f"the list of its files is longer than {MANIFEST_BOUNDS.most_bytes:,} bytes: pack them into archives"
        raise InputError(f"task {task.launch.path}", "outputs", problem)
    await task.store.put_once(task.keys.task(task.launch.path, task.launch.attempt, "outputs"), content)
    return []


def outputs_of(task: Task, report: OutputReport) -> TaskOutputs:
    """Return the record, if all that is reported is in the store. Pure.

    Raises:
        InputError: see `record`.
    """
    launch = task.launch
    subject = f"task {launch.path}"
    executor_output = None if report.executor_output is None else report.executor_output.encode()
    made = read_outputs(launch, executor_output, {name: text.encode() for name, text in report.parameters.items()})
    files: dict[str, list[FileEntry]] = {}
    for file in report.files:
        key_of(task, file.output, file.path)
        files.setdefault(file.output, []).append(FileEntry(file.path, file.size_bytes, file.sha256))
    manifests = {}
    for output in launch.output_artifacts:
        artifact = made.artifacts[output.name][0]
        own = tuple(sorted(files.get(output.name, ()), key=lambda file: file.path))
        _check_paths(subject, output, own)
        if artifact.uri != output.uri:
            _check_foreign(task, output, artifact.uri)
            own = ()
        manifests[output.name] = (
            Manifest(
                artifact=f"{launch.path}.{output.name}",
                type=artifact.type,
                metadata=artifact.metadata,
                uri=artifact.uri,
                files=own,
                group=task.group,
                attempt=task.group_attempt,
            ),
        )
    return TaskOutputs(made.parameters, manifests)


def _check_paths(subject: str, output: ArtifactOutput, files: Sequence[FileEntry]) -> None:
    paths = {file.path for file in files}
    folders = {"/".join(parts[:end]) for path in paths if (parts := path.split("/")) for end in range(len(parts))}
    # The artifact itself is a folder, unless it is the one file.
    folders -= {""} if paths == {""} else set()
    if len(paths) < len(files) or not folders.isdisjoint(paths):
        raise InputError(subject, f"output {output.name}", "a file is listed twice, or is a folder, too")


def _check_foreign(task: Task, output: ArtifactOutput, uri: str) -> None:
    """Refuse an artifact that an executor places in our own store, but outside of its own folder."""
    if uri.startswith(f"s3://{task.store.bucket}/"):
        problem = (
            "its executor says that it lies elsewhere in the site's artifact store: leave its uri and path as they were"
        )
        raise InputError(f"task {task.launch.path}", f"output {output.name}", problem)


# --- whether all of it is there ---


async def _missing(task: Task, files: Sequence[OutputFile]) -> list[PieceRequest]:
    by_key = {key_of(task, file.output, file.path): file for file in files}
    prefix = data_prefix(task)
    if not by_key:
        return []
    missing: list[PieceRequest] = []
    # Before the listing: what is completed now is an object then.
    for upload in await multipart.find_uploads(task.store, prefix):
        file = by_key.get(upload.key)
        lacking = [] if file is None else await _complete(task, upload, file)
        if file is not None:
            missing += [PieceRequest(file.output, file.path, file.size_bytes, number) for number in lacking]
    if missing:
        return missing
    there = {each.key: each.size_bytes for each in await task.store.keys(prefix)}
    for key, file in by_key.items():
        if there.get(key) != file.size_bytes:
            missing += [
                PieceRequest(file.output, file.path, file.size_bytes, piece.number)
                for piece in pieces_of(file.size_bytes)
            ]
    return missing


async def _complete(task: Task, upload: Upload, file: OutputFile) -> list[int]:
    """Make the object of its parts; or the numbers of those that are missing."""
    plan = pieces_of(file.size_bytes)
    parts = await multipart.stored_parts(task.store, upload)
    if parts is None:
        return []
    lacking = lacking_parts(plan, {part.number: part for part in parts})
    if lacking == [piece.number for piece in plan] or plan[0].number == 0:
        # Nothing of it is of use; and where the object is there already, an upload that was begun twice is in the way.
        await multipart.abort(task.store, upload)
        return []
    if not lacking:
        await multipart.complete(task.store, upload, parts)
    return lacking


def lacking_parts(plan: Sequence[Piece], parts: Mapping[int, StoredPart]) -> list[int]:
    """Return the numbers of the planned parts that are not there, or are there in another size. Pure."""
    return [
        piece.number
        for piece in plan
        if (part := parts.get(piece.number)) is None or part.size_bytes != piece.size_bytes
    ]
