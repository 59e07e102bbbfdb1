"""Reader of a compiled pipeline's documents into the planner's graph and the writer's entries."""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef
from pipeline_splitter.documents import digest
from pipeline_splitter.graph import Graph, Language
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp.components import Library
from pipeline_splitter.kfp.context import Context
from pipeline_splitter.kfp.data import DataBook
from pipeline_splitter.kfp.hinting import HintBook
from pipeline_splitter.kfp.ledger import Ledger
from pipeline_splitter.kfp.pipeline import KfpPipeline
from pipeline_splitter.kfp.spec import read_spec
from pipeline_splitter.kfp.walking import Walk


def read_pipeline(
    documents: Sequence[Any], hints: Hints, datasets: Mapping[DatasetRef, Dataset], subject: str
) -> tuple[Graph, KfpPipeline]:
    """Reads a compiled pipeline.

    Args:
        documents: parsed: one pipeline spec (also wrapped in `pipelineSpec`) and at most one platform document.
        hints: what a person says beside it.
        datasets: whose sources importers' URIs may lie in.
        subject: the pipeline, for errors: a file's name.

    Raises:
        InputError: naming the place in the documents or in the hints.
    """
    spec = read_spec(documents, subject)
    library, book = Library(spec), HintBook(hints)
    ledger = Ledger(DataBook(hints, datasets))
    outputs = Walk(Context(spec, library, book, datasets, ledger)).whole()
    root = library.root
    book.finish({*root.input_parameters, *root.input_artifacts})
    for name in sorted(set(hints.inputs) - set(root.input_artifacts) - ledger.used_inputs):
        ledger.warnings.add(f"the hint for input {name} means nothing: no importer takes its URI from it")
    try:
        digest_of_documents = digest(list(documents))
    except ValueError as error:
        raise InputError(subject, "document", f"can't be written as canonical JSON: {error}") from None
    by_value = {(each.producer, each.consumer) for each in ledger.parameters} | {
        (producer, task.name)
        for task in ledger.tasks.values()
        for key in task.reads
        if (producer := ledger.data.data[key].producer) is not None
    }
    graph = Graph(
        name=spec.name,
        digest=digest_of_documents,
        language=Language.KFP,
        tasks={name: ledger.tasks[name] for name in sorted(ledger.tasks)},
        importers=tuple(ledger.importers),
        data={key: ledger.data.data[key] for key in sorted(ledger.data.data)},
        parameters=tuple(sorted(ledger.parameters, key=lambda each: (each.consumer, each.input, each.producer))),
        order=frozenset(ledger.order - by_value),
        together=ledger.sharing.sets(),
        warnings=tuple(sorted(ledger.warnings)),
    )
    pipeline = KfpPipeline(
        name=spec.name,
        documents=tuple(documents),
        spec=spec.pipeline.raw,
        platform=spec.platform,
        runtime_config=None if spec.runtime_config is None else spec.runtime_config.raw,
        schema_version=spec.schema_version,
        entries=ledger.entries,
        output_parameters={name: value.binding(None) for name, value in sorted(outputs.parameters.items())},
        output_artifacts={name: value.binding(None) for name, value in sorted(outputs.artifacts.items())},
    )
    return graph, pipeline
