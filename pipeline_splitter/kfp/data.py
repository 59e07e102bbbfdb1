"""Data that tasks read: artifacts, whole datasets, and inputs with a hint on how much is read."""

from collections.abc import Mapping

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.graph import Datum, DatumKind, Read
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp.pipeline import PipelineInput, TaskOutput
from pipeline_splitter.kfp.values import Part, Value


class DataBook:
    """Every datum that somebody reads, by key."""

    def __init__(self, hints: Hints, datasets: Mapping[DatasetRef, Dataset]) -> None:
        self.data: dict[str, Datum] = {}
        self._hints = hints
        self._datasets = datasets
        self._annotated: dict[tuple[str, str], float] = {}
        self._lists: set[tuple[str, str]] = set()
        self._imported: dict[str, tuple[DatasetRef | None, str | None]] = {}

    def annotate(self, path: str, output: str, size_bytes: float) -> None:
        """Note the size of an output by a pod's annotation."""
        self._annotated[path, output] = size_bytes

    def known_size(self, path: str, output: str) -> float | None:
        """Return a size by hint, else by annotation; None where neither states it."""
        hinted = self._hints.artifacts.get(f"{path}.{output}")
        return self._annotated.get((path, output)) if hinted is None else hinted

    def declare_list(self, path: str, output: str) -> None:
        """Note that an output is a list of artifacts."""
        self._lists.add((path, output))

    def leaves_unit(self, unit: str, output: str, value: Value) -> None:
        """Note that an output of a unit has the size of its writer's: of several branches, the largest."""
        sizes = [size for path, key in value.steps() if (size := self.known_size(path, key)) is not None]
        if sizes:
            self._annotated[unit, output] = max(sizes)

    def imports(self, path: str, output: str, dataset: DatasetRef | None, pipeline_input: str | None) -> None:
        """Note that the importer at `path` imports a dataset.

        Args:
            path: the importer.
            output: its artifact.
            dataset: what it imports; None for what is present everywhere.
            pipeline_input: the pipeline's parameter that holds the URI, where a hint says what that is.
        """
        key = None
        if dataset is not None:
            key = self._input(pipeline_input) if pipeline_input is not None else None
            size = self.known_size(path, output)
            if size is not None:
                key = f"{path}.{output}"
                self._put(Datum(key, DatumKind.ARTIFACT, None, size, dataset))
        self._imported[path] = (dataset, key)

    def is_importer(self, path: str) -> bool:
        """Return whether an importer is at `path`."""
        return path in self._imported

    def dataset(self, ref: DatasetRef) -> str:
        """Return the key of a whole dataset, which somebody reads."""
        key = str(ref)
        if key not in self.data:
            dataset = self._datasets.get(ref)
            size = None if dataset is None else dataset.status.size_bytes
            default = self._hints.defaults.artifact_bytes
            kind = DatumKind.DATASET
            self._put(Datum(key, kind, None, float(default if size is None else size), ref, assumed=size is None))
        return key

    def artifact(self, path: str, output: str) -> str:
        """Return the key of what the task at `path` writes, which somebody reads."""
        key = f"{path}.{output}"
        if key not in self.data:
            size = self.known_size(path, output)
            default = self._hints.defaults.artifact_bytes
            kind = DatumKind.ARTIFACT
            self._put(Datum(key, kind, path, float(default if size is None else size), assumed=size is None))
        return key

    def reads(self, name: str, value: Value, *, is_list: bool) -> list[Read]:
        """Return the reads of `value` as input `name`: one Read for each step that has a share in it."""
        found = []
        for part in value.parts:
            if not part.steps:
                found.append(self._read(name, part, None, "", is_list=is_list))
            found.extend(self._read(name, part, step, output, is_list=is_list) for step, output in part.steps)
        return found

    def _read(self, name: str, part: Part, step: str | None, output: str, *, is_list: bool) -> Read:
        source = part.source
        if isinstance(source, TaskOutput) and source.path not in self._imported:
            is_list = is_list or (source.path, source.output) in self._lists
            return Read(name, step, output, self.artifact(source.path, source.output), None, is_list)
        if step is not None and step in self._imported:
            dataset, key = self._imported[step]
            datum = key if key is not None or dataset is None else self.dataset(dataset)
            return Read(name, step, output, datum, dataset, is_list)
        if isinstance(source, PipelineInput):
            hint = self._hints.inputs.get(source.name)
            if hint is not None:
                datum = self._input(source.name) or self.dataset(hint.dataset)
                return Read(name, None, "", datum, hint.dataset, is_list)
        return Read(name, step, output, None, None, is_list)

    def _input(self, name: str) -> str | None:
        """Return the key of an input with bytes of its own; None where it stands for the whole dataset or for none."""
        hint = self._hints.inputs.get(name)
        if hint is None or hint.size_bytes is None:
            return None
        self._put(Datum(name, DatumKind.ARTIFACT, None, hint.size_bytes, hint.dataset))
        return name

    def _put(self, datum: Datum) -> None:
        self.data[datum.key] = datum
