"""What a plan rests on that nobody stated."""

from dataclasses import replace

from moorage.model import DatasetRef
from pipeline_splitter.costing import assumptions
from tests.pipeline_splitter.graphs import make_graph

CLAIMS = DatasetRef("steward", "claims")


def test_sizes_that_are_assumed_are_told_with_their_writer_or_their_readers() -> None:
    """Those that somebody reads; beside what the task itself assumes, sorted."""
    graph = (
        make_graph()
        .dataset(CLAIMS, 5)
        .task("a", reads=[str(CLAIMS)], writes={"out": 1, "unread": 1})
        .task("b", reads=["a.out", str(CLAIMS)], writes={"known": 3})
        .task("c", reads=["b.known"])
        .obj()
    )
    data = {key: replace(datum, assumed=key != "b.known") for key, datum in graph.data.items()}
    tasks = {**graph.tasks, "a": replace(graph.tasks["a"], assumed=("seconds", "cpu"))}
    assert assumptions(replace(graph, data=data, tasks=tasks)) == {
        "a": ("bytes of a.out", "bytes of steward/claims", "cpu", "seconds"),
        "b": ("bytes of steward/claims",),
        "c": (),
    }
