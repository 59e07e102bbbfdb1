"""Importer components: what they import."""

from collections.abc import Mapping

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp.executors import Importer
from pipeline_splitter.kfp.pipeline import PipelineInput
from pipeline_splitter.kfp.scopes import Inputs
from pipeline_splitter.kfp.spec import Spec
from pipeline_splitter.kfp.uris import dataset_of
from pipeline_splitter.kfp.values import Value, fill_in, mentioned


def imported(
    importer: Importer, inputs: Inputs, spec: Spec, hints: Hints, datasets: Mapping[DatasetRef, Dataset]
) -> tuple[DatasetRef | None, str | None]:
    """Return the imported dataset (None: something that is present everywhere), and the hint that says so.

    Its URI is the constant in its executor, else the task's constant, else the pipeline's default. Where it is a
    parameter of the pipeline and a hint says which dataset that input is, the hint counts, whatever the default; that
    input's name is the second thing returned.
    """
    if importer.uri is not None:
        uri = _filled(importer.uri, inputs, spec)
    else:
        value = inputs.parameters.get(importer.parameter or "", Value())
        name = _pipeline_input(value)
        if name is not None and name in hints.inputs:
            return hints.inputs[name].dataset, name
        uri = _text(value, spec)
    return (None if uri is None else dataset_of(uri, datasets)), None


def _pipeline_input(value: Value) -> str | None:
    if len(value.parts) == 1 and not value.selectors:
        source = value.parts[0].source
        return source.name if isinstance(source, PipelineInput) else None
    return None


def _text(value: Value, spec: Spec) -> str | None:
    name = _pipeline_input(value)
    found = value.constant() if name is None else spec.pipeline_default(name)
    if not isinstance(found, str):
        return None
    return fill_in(found, {each: _text(mention, spec) for each, mention in value.mentions.items()})


def _filled(uri: str, inputs: Inputs, spec: Spec) -> str | None:
    names = mentioned(uri)
    return fill_in(uri, {name: _text(inputs.parameters.get(name, Value()), spec) for name in names})
