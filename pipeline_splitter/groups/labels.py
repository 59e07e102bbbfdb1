"""Labels that hints add to a task's pod: what the pipeline itself does not say, so that admission knows it too.

- `moorage.dev/purpose`: what a hint states (for the plan too it counted more than the pipeline's own), or the hints'
  default, where neither a hint nor the pipeline states one;
- `dataset.N.accepts` with `dataset.N.id` and `dataset.N.namespace`, where a hint says that the task takes the released
  form, beside the releases that the pipeline's own label accepts already;
- `dataset.N.id` and `dataset.N.namespace`, where a hint says that an artifact input of the pipeline, which this task
  reads, is that dataset.

N is the next free number, or that at which the pipeline itself names the dataset. So a pod means what the step was
planned with: a dataset that is named without `useas` counts as read, until a hint accepts a release of it, as with a
label. Nothing else that the pipeline says is overwritten.
"""

from collections.abc import Mapping

from moorage.model import PURPOSE_LABEL, DatasetRef
from moorage.wire.pod import looks_like_dataset_label
from pipeline_splitter.graph import Step


def added_labels(step: Step | None, own: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a step's pod gets beside the pipeline's, `own`; purpose and accepts replace them."""
    if step is None or step.reader is None:
        return {}
    added: dict[str, str] = {}
    if step.reader.purpose and own.get(PURPOSE_LABEL) != step.reader.purpose:
        added[PURPOSE_LABEL] = step.reader.purpose
    known = _indices(own, step.reader.namespace)
    taken = {int(key.split(".")[1]) for key in own if looks_like_dataset_label(key) and key.split(".")[1].isdigit()}
    accepts = _accepts(step)
    given = {read.dataset for read in step.reads if read.step is None and read.dataset is not None}
    for ref in sorted({*accepts, *given}):
        index = known.get(ref)
        if index is None:
            index = next(number for number in range(len(taken) + 1) if number not in taken)
            taken.add(index)
            added[f"dataset.{index}.id"] = ref.name
            added[f"dataset.{index}.namespace"] = ref.namespace
        said = own.get(f"dataset.{index}.accepts")
        if ref in accepts and (said is None or set(said.split(".")) != accepts[ref]):
            added[f"dataset.{index}.accepts"] = ".".join(sorted(accepts[ref]))
    return added


def _indices(own: Mapping[str, str], namespace: str) -> dict[DatasetRef, int]:
    """Return the index at which the pipeline's own labels name each dataset."""
    found = {}
    for key, value in own.items():
        if looks_like_dataset_label(key) and key.endswith(".id"):
            index = key.split(".")[1]
            if index.isdigit():
                found[DatasetRef(own.get(f"dataset.{index}.namespace") or namespace, value)] = int(index)
    return found


def _accepts(step: Step) -> dict[DatasetRef, set[str]]:
    accepts: dict[DatasetRef, set[str]] = {}
    for ref, release in step.accepts:
        accepts.setdefault(ref, set()).add(release)
    return accepts
