"""One group that holds the whole pipeline is the pipeline."""

from pathlib import Path
from typing import Any

from pipeline_splitter.documents import parse
from tests.pipeline_splitter.groups import splitting
from tests.pipeline_splitter.shared_data import each, pipelines

_TYPES = {"INT": "NUMBER_INTEGER", "STRING": "STRING", "DOUBLE": "NUMBER_DOUBLE"}


def normal(value: Any, key: str = "") -> Any:  # noqa: ANN401 - raw JSON
    """A raw value with schema 2.0's spellings as 2.1's, and order only where it means something."""
    if isinstance(value, list):
        items = [normal(item) for item in value]
        return sorted(items) if key == "dependentTasks" else items
    if not isinstance(value, dict):
        return value
    made = {name: normal(item, name) for name, item in value.items()}
    if set(made) == {"type"} and made["type"] in _TYPES:
        return {"parameterType": _TYPES[made["type"]]}
    if set(made) == {"constantValue"}:
        ((kind, plain),) = made["constantValue"].items()
        return {"constant": int(plain) if kind == "intValue" else plain}
    if "schemaVersion" in made and "root" in made:
        made["schemaVersion"] = "2.1.0"
    return made


@each(pipelines())
def test_the_whole_pipeline_is_written_back(path: Path) -> None:
    """Same components, executors, task graph, defaults and platform configuration; schema 2.0 is written as 2.1.0."""
    graph, pipeline = splitting.read_file(path)
    files, groups = splitting.split(graph, pipeline, splitting.one_site)
    assert list(files) == [group.file for group in groups]
    if not groups:
        assert not graph.tasks
        return
    original = parse(path.read_text(), path.name)
    original[0] = original[0].get("pipelineSpec", original[0])
    (text,) = files.values()
    assert splitting.documents(text) == normal(original)
    assert groups[0].imports == ()
    assert groups[0].exports == ()


@each(pipelines())
def test_what_is_written_is_read_the_same(path: Path) -> None:
    """Reading the file again gives the same tasks, edges and importers."""
    graph, pipeline = splitting.read_file(path)
    files, _ = splitting.split(graph, pipeline, splitting.one_site)
    for text in files.values():
        again, pipeline_again = splitting.read(text)
        assert again.tasks == graph.tasks
        assert again.edges() == graph.edges()
        assert again.importers == graph.importers
        assert splitting.split(again, pipeline_again, splitting.one_site)[0] == files
