"""Builders that read as a sentence: `make_graph().task("a", writes={"out": 3e9}).task("b", reads=["a.out"]).obj()`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from moorage.model import DatasetRef, DatasetUse, Reader
from pipeline_splitter.graph import Datum, DatumKind, Graph, Language, ParameterEdge, Pin, Read, Step, Task

READER = Reader("steward")


@dataclass(frozen=True)
class GraphBuilder:
    """Builds a Graph. Data must be there before a task reads them; tasks may come in any order otherwise."""

    graph: Graph

    def _with(self, **changes: object) -> Self:
        return replace(self, graph=replace(self.graph, **changes))  # type: ignore[arg-type]

    def artifact(self, key: str, size_bytes: float, kind: DatumKind = DatumKind.ARTIFACT) -> Self:
        """What the task before the last dot writes."""
        producer = key.rpartition(".")[0]
        return self._with(data={**self.graph.data, key: Datum(key, kind, producer, size_bytes)})

    def dataset(self, ref: DatasetRef, size_bytes: float, key: str = "") -> Self:
        """A whole dataset; with a `key`, an input that has its own size."""
        datum = Datum(key or str(ref), DatumKind.DATASET, None, size_bytes, ref)
        return self._with(data={**self.graph.data, datum.key: datum})

    def task(  # noqa: PLR0913 - all but the name are optional
        self,
        name: str,
        *,
        reads: Iterable[str] = (),
        writes: Mapping[str, float] | None = None,
        seconds: float = 60.0,
        cpu: float = 1.0,
        requests: Mapping[str, float] | None = None,
        sites: Iterable[str] | None = None,
        reader: Reader = READER,
        uses: tuple[DatasetUse, ...] = (),
        accepts: Iterable[tuple[DatasetRef, str]] = (),
        container_digest: str | None = None,
    ) -> Self:
        """A task of one step. `writes`: output to bytes; `sites`: a pin by hint."""
        keys = tuple(sorted(set(reads)))
        data = [self.graph.data[key] for key in keys]
        step = Step(
            name,
            name,
            reader=reader,
            uses=uses,
            container_digest=container_digest,
            reads=tuple(
                Read(datum.key, datum.producer, datum.key.rpartition(".")[2], datum.key, datum.dataset)
                for datum in data
            ),
            accepts=frozenset(accepts),
        )
        pins = () if sites is None else (Pin(frozenset(sites), "hint sites"),)
        task = Task(name, (step,), seconds, seconds * cpu, dict(requests or {}), keys, pins)
        built = self._with(tasks=dict(sorted({**self.graph.tasks, name: task}.items())))
        for output, size_bytes in (writes or {}).items():
            built = built.artifact(f"{name}.{output}", size_bytes)
        return built

    def parameter(self, producer: str, consumer: str, output: str = "value") -> Self:
        """A parameter that crosses, and flows."""
        edge = ParameterEdge(producer, output, consumer, output)
        step = self.graph.tasks[consumer].steps[0]
        flowing = replace(step, parameters_from=(*step.parameters_from, producer))
        task = replace(self.graph.tasks[consumer], steps=(flowing, *self.graph.tasks[consumer].steps[1:]))
        return self._with(parameters=(*self.graph.parameters, edge), tasks={**self.graph.tasks, consumer: task})

    def order(self, earlier: str, later: str) -> Self:
        """An order-only edge."""
        return self._with(order=self.graph.order | {(earlier, later)})

    def together(self, *names: str) -> Self:
        """They must stay in one group."""
        return self._with(together=(*self.graph.together, frozenset(names)))

    def obj(self) -> Graph:
        """The Graph."""
        return self.graph


def make_graph(name: str = "pipeline", language: Language = Language.KFP) -> GraphBuilder:
    """An empty graph."""
    return GraphBuilder(Graph(name, "0" * 64, language, {}))
