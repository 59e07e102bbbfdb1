"""Every pipeline, split between two sites: each file stands alone, and together they are the pipeline."""

import functools
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from kfp import components

from pipeline_splitter.graph import Graph
from pipeline_splitter.kfp.pipeline import Absent, Binding, Constant, Entry, KfpPipeline, PipelineInput, TaskOutput
from pipeline_splitter.plan import Group
from tests.pipeline_splitter.groups import splitting
from tests.pipeline_splitter.groups.ir_faults import file_faults
from tests.pipeline_splitter.shared_data import each, pipelines

LARGE_BYTES = 100_000


@functools.cache
def split_file(path: Path) -> tuple[Graph, KfpPipeline, dict[str, str], tuple[Group, ...]]:
    """A pipeline, and what it is split into."""
    graph, pipeline = splitting.read_file(path)
    return graph, pipeline, *splitting.split(graph, pipeline)


@pytest.fixture
def quick_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's own loader in C, for kfp, which takes the slow one: the same values, in a tenth of the time."""
    if hasattr(yaml, "CSafeLoader"):
        monkeypatch.setattr(yaml, "safe_load_all", lambda text: yaml.load_all(text, Loader=yaml.CSafeLoader))


@pytest.mark.usefixtures("quick_yaml")
@each(pipelines())
def test_each_file_stands_alone(path: Path, tmp_path: Path) -> None:
    """Today's SDK loads it; what it names is there, nothing else is; names are unique."""
    _, _, files, groups = split_file(path)
    assert list(files) == [group.file for group in groups]
    names = set()
    for group in groups:
        file = tmp_path / f"{group.id}.yaml"
        file.write_text(files[group.file])
        loaded = components.load_component_from_file(str(file))
        names.add(loaded.pipeline_spec.pipeline_info.name)
        if len(groups) > 1:
            assert not file_faults(files[group.file])
    assert len(names) == len(groups)


def drawn(seed: int, _: int, name: str) -> str:
    """One of three sites, for a block with this name."""
    return random.Random(f"{seed} {name}").choice(("a", "b", "c"))  # noqa: S311 - a placement, no secret


@each([path for path in pipelines() if path.stat().st_size < LARGE_BYTES])
def test_any_placement_holds_together(path: Path) -> None:
    """Three sites, drawn three times."""
    graph, pipeline = splitting.read_file(path)
    for seed in range(3):
        files, groups = splitting.split(graph, pipeline, functools.partial(drawn, seed))
        given = {(item.origin, item.artifact, item.value) for group in groups for item in group.imports}
        assert given == {(group.id, item.artifact, item.value) for group in groups for item in group.exports}
        for text in files.values():
            assert len(groups) == 1 or not file_faults(text)


@each(pipelines())
def test_imports_are_exported(path: Path) -> None:
    """What a group imports, a group before it exports, and both are in their files with the right type."""
    graph, pipeline, files, groups = split_file(path)
    by_id = {group.id: group for group in groups}
    for group in groups:
        spec = splitting.documents(files[group.file])[0]["root"]
        for item in group.imports:
            (export,) = [
                each
                for each in by_id[item.origin].exports
                if (each.artifact, each.value) == (item.artifact, item.value)
            ]
            assert item.origin in group.after
            made = splitting.documents(files[by_id[item.origin].file])[0]["root"]["outputDefinitions"]
            definition = spec["inputDefinitions"]["parameters"][item.parameter]
            if item.artifact is not None:
                assert item.artifact in graph.data
                assert export.output in made["artifacts"]
                assert definition["parameterType"] == "STRING"
            else:
                assert definition["parameterType"] == made["parameters"][export.output]["parameterType"]
        own = pipeline.root.get("inputDefinitions", {}).get("parameters", {})
        given = set(spec.get("inputDefinitions", {}).get("parameters", {}))
        if len(groups) > 1:
            assert given <= {*own, *(item.parameter for item in group.imports)}


@each(pipelines())
def test_together_they_are_the_pipeline(path: Path) -> None:
    """Every input of every task comes from where it came before, and order within a group holds."""
    _, pipeline, files, groups = split_file(path)
    if len(groups) < 2:
        return
    written = set()
    for group in groups:
        _, again = splitting.read(files[group.file])
        names = {name.replace("/", "-"): name for name in pipeline.entries}
        assert len(names) == len(pipeline.entries)
        for name, entry in again.entries.items():
            if name not in names:
                assert entry.is_importer, name
                continue
            original = pipeline.entries[names[name]]
            written.add(original.path)
            assert origins(entry, again, group, names) == origins(original, pipeline, None, {})
            assert containers(entry, again) == containers(original, pipeline)
            before = {names[each] for each in entry.after if each in names}
            assert before <= set(original.after) | {each.path for each in pipeline.entries.values()}
            assert set(original.after) & {names[each] for each in again.entries if each in names} <= before
    assert written == set(pipeline.entries)


def origins(entry: Entry, pipeline: KfpPipeline, group: Group | None, names: Mapping[str, str]) -> list[str]:
    """What feeds an entry's inputs, in the words of the unsplit pipeline; names of inputs are left out for units."""
    found = []
    for kind, bindings in (("parameter", entry.parameters), ("artifact", entry.artifacts)):
        for name, binding in bindings.items():
            if isinstance(binding.source, Absent):
                continue
            said = "" if entry.is_unit else f"{name} of "
            found.append(f"{kind} {said}{origin(binding, pipeline, group, names)} {binding.selectors}")
    return sorted(found)


def origin(binding: Binding, pipeline: KfpPipeline, group: Group | None, names: Mapping[str, str]) -> str:
    """What one binding comes from."""
    source = binding.source
    if isinstance(source, TaskOutput) and group is not None:
        if source.path in names:
            return f"{names[source.path]}.{source.output}"
        source = pipeline.entries[source.path].parameters["uri"].source
    if isinstance(source, PipelineInput) and group is not None:
        for item in group.imports:
            if item.parameter == source.name:
                return str(item.artifact or item.value)
    if isinstance(source, TaskOutput):
        return f"{source.path}.{source.output}"
    if isinstance(source, Constant):
        return f"constant {source.value}"  # schema 2.0 writes integers as text
    return str(source)


def containers(entry: Entry, pipeline: KfpPipeline) -> list[str]:
    """The executors of an entry, without their names."""
    return sorted(str(pipeline.executors[name]) for name in entry.executors)
