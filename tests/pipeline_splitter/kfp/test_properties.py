"""Pipelines of any shape: what the walk finds is what following each binding by itself finds."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline_splitter.kfp.ir import Raw, artifact_input, artifact_of, dag, group, leaf, read, spec, task

LOOP = {"parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2]"}}}
LEAF = leaf("exec-leaf", artifacts={"a": {"isOptional": True}}, makes=["o"])


@st.composite
def documents(draw: st.DrawFn) -> Raw:
    """Dags in dags to a depth of three, some of them loops; every task may read one artifact and wait for others."""
    components = {"leaf": LEAF}

    def make_dag(depth: int, *, has_input: bool) -> Raw:
        names = [f"t{index}" for index in range(draw(st.integers(1, 4)))]
        tasks = {}
        for index, name in enumerate(names):
            sources = [artifact_of(earlier, "o") for earlier in names[:index]]
            sources += [artifact_input("a")] if has_input else []
            bound = draw(st.sampled_from([None, *sources]))
            component = "leaf"
            if depth and draw(st.booleans()):
                component = f"c{len(components)}"
                components[component] = {}
                components[component] = make_dag(depth - 1, has_input=bound is not None or draw(st.booleans()))
            after = draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
            artifacts = {"a": bound} if bound is not None else {}
            if component != "leaf" and draw(st.integers(0, 3)) == 0:
                tasks[name] = group(component, artifacts=artifacts, after=after, **LOOP)
            else:
                tasks[name] = task(component, artifacts=artifacts, after=after)
        # What is declared later in the file may come earlier in it.
        shuffled = {name: tasks[name] for name in draw(st.permutations(names))}
        chosen = draw(st.sampled_from(names))
        return dag(shuffled, artifacts=["a"] if has_input else [], makes={"o": [(chosen, "o")]})

    root = make_dag(2, has_input=False)
    return spec(root, components)


@dataclass(frozen=True)
class Naive:
    """Follows one binding at a time through the raw document."""

    document: Raw

    def inside(self, path: tuple[str, ...]) -> Raw | None:
        """The tasks inside of the task at a path; None for a leaf."""
        component = self.document["root"]
        for name in path:
            component = self.document["components"][component["dag"]["tasks"][name]["componentRef"]["name"]]
        dag_here: Raw | None = component.get("dag")
        return dag_here

    def task(self, path: tuple[str, ...]) -> Raw:
        """The task's spec."""
        around = self.inside(path[:-1])
        assert around is not None
        found: Raw = around["tasks"][path[-1]]
        return found

    def all(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Every task, nested ones and what is inside of them."""
        around = self.inside(path)
        for name in around["tasks"] if around else ():
            yield (*path, name)
            yield from self.all((*path, name))

    def leaves(self, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        """The containers at or beneath a task."""
        beneath = {each for each in self.all(path) if self.inside(each) is None}
        return beneath or {path}

    def maker(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The container that makes the output of a task."""
        here = self.inside(path)
        if here is None:
            return path
        (selector,) = here["outputs"]["artifacts"]["o"]["artifactSelectors"]
        return self.maker((*path, selector["producerSubtask"]))

    def source(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """The container that makes what a task reads; None where it reads nothing."""
        binding = self.task(path)["inputs"]["artifacts"].get("a")
        if binding is None:
            return None
        if "componentInputArtifact" in binding:
            return self.source(path[:-1])
        return self.maker((*path[:-1], binding["taskOutputArtifact"]["producerTask"]))

    def placed(self, path: tuple[str, ...]) -> str:
        """The task of the plan that a container is, or is inside of."""
        for length in range(1, len(path) + 1):
            if "parameterIterator" in self.task(path[:length]):
                return "/".join(path[:length])
        return "/".join(path)

    def edges(self) -> set[tuple[str, str]]:
        """Who must come before whom."""
        found = set()
        for path in self.all():
            source = self.source(path)
            if source is not None and (self.inside(path) is None or "parameterIterator" in self.task(path)):
                found.add((self.placed(source), self.placed(path)))
            for earlier in self.task(path).get("dependentTasks", ()):
                found |= {
                    (self.placed(one), self.placed(other))
                    for one in self.leaves((*path[:-1], earlier))
                    for other in self.leaves(path)
                }
        return {(one, other) for one, other in found if one != other}


@given(documents())
@settings(max_examples=150, deadline=None)
def test_flattening_agrees_with_following_each_binding(document: Raw) -> None:
    """The same tasks, edges and sources, however deep and in whatever order they are written."""
    graph, pipeline = read(document)
    naive = Naive(document)
    containers = [path for path in naive.all() if naive.inside(path) is None]
    assert set(graph.tasks) == {naive.placed(path) for path in containers}
    assert graph.edges() == naive.edges()
    found = {step.name: step for task_ in graph.tasks.values() for step in task_.steps}
    for path in containers:
        source = naive.source(path)
        reads = found["/".join(path)].reads
        assert [each.step for each in reads] == ([] if source is None else ["/".join(source)])
        assert found["/".join(path)].task == naive.placed(path)
    positions = {name: index for index, name in enumerate(pipeline.entries)}
    assert all(positions[earlier] < positions[later] for earlier, later in graph.edges())


@given(documents())
@settings(max_examples=100, deadline=None)
def test_core_seconds_are_those_of_the_containers_as_often_as_they_run(document: Raw) -> None:
    """60 s each, twice for each loop around it."""
    graph, _ = read(document)
    naive = Naive(document)
    total = 0
    for path in naive.all():
        if naive.inside(path) is None:
            loops = sum("parameterIterator" in naive.task(path[:length]) for length in range(1, len(path) + 1))
            total += 60 * 2**loops
    assert sum(each.cpu_seconds for each in graph.tasks.values()) == total
