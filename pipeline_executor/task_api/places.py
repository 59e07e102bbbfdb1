"""Places in the site's store that an attempt may read and write. Pure: nothing that a pod sends leads elsewhere."""

from pipeline_executor.engine.records import ArtifactOutput
from pipeline_executor.store import ArtifactStore
from pipeline_executor.task_api.tasks import Task


def file_key(artifact_key: str, path: str) -> str:
    """Return the key of a file of an artifact; `path` is one that `exchange.path_problem` has nothing against."""
    return f"{artifact_key}/{path}" if path else artifact_key


def output_key(task: Task, output: ArtifactOutput) -> str | None:
    """Return the key of an artifact's files; None, so not writable, where its URI is outside the attempt's folder."""
    key = task.store.key(output.uri)
    own = task.keys.data(task.launch.path, task.launch.attempt, output.name)
    return key if key == own else None


def data_prefix(task: Task) -> str:
    """Return the prefix of all that the attempt writes; ends with a slash."""
    return task.keys.data(task.launch.path, task.launch.attempt, "x").removesuffix("x")


def readable_key(task: Task, uri: str) -> str | None:
    """Return the key of an artifact that the task reads.

    None: it lies outside the store, or is a run of another namespace.
    """
    key = task.store.key(uri)
    if key is None:
        return None
    runs = runs_prefix(task.store)
    return key if not key.startswith(runs) or key.startswith(f"{runs}{task.keys.run.namespace}/") else None


def runs_prefix(store: ArtifactStore) -> str:
    """Return the prefix of the keys of all runs in a store; ends with a slash."""
    return f"{store.prefix}/runs/" if store.prefix else "runs/"
