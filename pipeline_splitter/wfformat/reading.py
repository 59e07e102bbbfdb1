"""Reader of WfFormat documents into a graph."""

from collections.abc import Callable, Mapping
from typing import Any

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef
from pipeline_splitter.documents import digest
from pipeline_splitter.documents.shown import shown
from pipeline_splitter.graph import Graph
from pipeline_splitter.hints import Hints
from pipeline_splitter.wfformat import by_id, by_name
from pipeline_splitter.wfformat.building import build
from pipeline_splitter.wfformat.recording import Recording
from pipeline_splitter.wfformat.values import Raw, mapping

_READERS: dict[str, Callable[[Raw, str], Recording]] = {"1.4": by_name.read_recording, "1.5": by_id.read_recording}


def read_workflow(
    document: Any,  # noqa: ANN401 - raw JSON
    hints: Hints,
    datasets: Mapping[DatasetRef, Dataset],
    subject: str,
) -> Graph:
    """Read the graph of a recorded workflow. Its digest is that of the list of its one document.

    Args:
        document: as `documents.parse` gives it.
        hints: tasks and files by id (1.4: by name).
        datasets: what the hints may name.
        subject: the file, for errors.

    Raises:
        InputError: the recording, or a hint, can't be used; naming the place and the remedy.
    """
    if not isinstance(document, Mapping):
        raise InputError(subject, "document", "must be a mapping with schemaVersion and workflow")
    version = document.get("schemaVersion")
    reader = _READERS.get(str(version))
    if reader is None:
        raise InputError(
            subject,
            "schemaVersion",
            f"{shown(version)} is not one of {', '.join(_READERS)}: convert the recording to one of them",
        )
    name = document.get("name")
    if name is not None and not isinstance(name, str):
        raise InputError(subject, "name", f"{shown(name)} must be a string")
    recording = reader(mapping(document, "workflow", subject, "document"), subject)
    return build(recording, hints, datasets, subject, name=name or "workflow", digest=digest([document]))
