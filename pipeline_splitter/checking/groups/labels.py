"""Pod labels of a group's file, read as admission and the scheduler read them: what the plan counted with."""

from collections.abc import Mapping

from moorage.errors import InputError
from moorage.model import PURPOSE_LABEL, DatasetRef, DatasetUse
from moorage.wire.pod import looks_like_dataset_label, read_usage
from pipeline_splitter.checking.findings import Notes, shown
from pipeline_splitter.graph import Step

Labels = Mapping[str, str]


def check_labels(notes: Notes, where: str, step: Step | None, before: Labels, now: Labels) -> None:
    """Check that a pod's labels say what its step is planned with, and that others are unchanged but for hints.

    Args:
        notes: takes findings.
        where: the place.
        step: the container; None, or without a reader, for what hints give no labels.
        before: its labels in the pipeline.
        now: those in the group's file.
    """
    if step is None or step.reader is None:
        notes.same(f"{where} labels", now, before)
        return
    changed = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    kept = {name for name in changed if name in before and not _may_change(name)}
    strange = {name for name in changed - set(before) if not looks_like_dataset_label(name) and name != PURPOSE_LABEL}
    if kept:
        notes.add(f"{where} labels", f"lack {shown(kept)}")
    if strange:
        notes.add(f"{where} labels", f"have {shown(strange)}, which nothing asks for")
    notes.same(f"{where} {PURPOSE_LABEL}", now.get(PURPOSE_LABEL), step.reader.purpose or before.get(PURPOSE_LABEL))
    try:
        usage = read_usage(now, step.reader.namespace, where)
    except InputError as error:
        notes.add(f"{where} labels", f"can't be read: {error.field}: {error.problem}")
        return
    # An artifact input of the pipeline that a hint calls a dataset is named, too.
    named = {read.dataset: "" for read in step.reads if read.step is None and read.dataset is not None}
    found, expected = ({use.ref: _told(use) for use in uses} for uses in (usage.uses, step.uses))
    _compare(notes, f"{where} labels", found, {**named, **expected})


def _may_change(name: str) -> bool:
    return name == PURPOSE_LABEL or (looks_like_dataset_label(name) and name.endswith(".accepts"))


def _told(use: DatasetUse) -> str:
    """Describe a dataset's label in words; "" where the pod just reads it."""
    words = [f"useas {'.'.join(sorted(use.use_as))}"] if use.use_as else []
    words += [f"release {use.release}"] if use.release is not None else []
    words += [f"accepts {'.'.join(sorted(use.accepts))}"] if use.accepts else []
    return ", ".join(words)


def _compare(notes: Notes, where: str, found: Mapping[DatasetRef, str], expected: Mapping[DatasetRef, str]) -> None:
    for ref in sorted({*found, *expected}):
        if ref not in found:
            notes.add(where, f"do not name dataset {ref}, expected {expected[ref] or 'that it is read'}")
        elif ref not in expected:
            notes.add(where, f"name dataset {ref}, which has nothing to do with the task")
        elif found[ref] != expected[ref]:
            said, wanted = (words or "that it is read" for words in (found[ref], expected[ref]))
            notes.add(where, f"say of dataset {ref} {said}, expected {wanted}")
