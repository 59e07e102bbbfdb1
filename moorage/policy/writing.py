"""Decision on a pod's writing to a dataset, given all that it reads: pure, in addition to the rules on reading.

What a pod writes may hold anything that it read. So what it writes to must be ruled at least as strictly, by the rules
of each dataset that it reads, or of what a release yields where the pod is that release.
"""

from collections.abc import Iterable, Mapping

from moorage.access import Access
from moorage.model import Dataset, DatasetRef, Governance, Reader, Release, Usage
from moorage.policy.chain import unknown
from moorage.policy.decision import ALLOWED, Decision, Rule
from moorage.policy.join import is_covered
from moorage.policy.rules import is_consumer
from moorage.policy.strictness import Weakness, weaknesses

Datasets = Mapping[DatasetRef, Dataset | None]


def decide_write(
    target: Dataset, writer: Reader, datasets: Datasets, carried: Mapping[DatasetRef, Governance]
) -> Decision:
    """Decide whether `writer` may write to `target`; the first rule that refuses decides.

    Args:
        target: the dataset.
        writer: who, as it reads.
        datasets: all that the pod reads; None where there is no such Dataset, or it can't be read.
        carried: what holds for the data of each, as `carried_rules` tells it.
    """
    if target.access is not Access.READ_WRITE:
        message = (
            f"dataset {target.ref} is for reading only, and this pod asks to write to it: remove the label "
            f"dataset.N.access, or ask the steward of dataset {target.ref} to set spec.access: readWrite"
        )
        return Decision.denied(Rule.ACCESS_NOT_OFFERED, message, target.ref)
    if not may_write(target, writer):
        message = (
            f"dataset {target.ref} may be written by its writers only, and service account {writer.namespace}/"
            f"{writer.service_account} is none of them: ask the steward of dataset {target.ref} to add it to "
            "spec.governance.writers"
        )
        return Decision.denied(Rule.WRITER_NOT_ALLOWED, message, target.ref)
    return decide_flow(target, writer, datasets, carried)


def decide_flow(
    target: Dataset, writer: Reader, datasets: Datasets, carried: Mapping[DatasetRef, Governance]
) -> Decision:
    """Decide whether what `writer` reads may end up in `target`; the arguments are those of `decide_write`."""
    for ref in sorted(datasets):
        if ref == target.ref:
            continue
        dataset = datasets[ref]
        if dataset is None:
            problem = f"what this pod writes to dataset {target.ref} can't be judged: {unknown(ref)}"
            return Decision.denied(Rule.DATASET_UNKNOWN, problem, ref)
        found = weaknesses(target.ref, target.governance, ref, carried.get(ref, dataset.governance))
        if found:
            return Decision.denied(Rule.RULES_TOO_WEAK, _too_weak(target, dataset, found, writer), target.ref)
    return ALLOWED


def may_write(target: Dataset, writer: Reader) -> bool:
    """Return whether the account is among the writers, by default the dataset's namespace."""
    writers = target.governance.writers
    named = frozenset({target.ref.namespace}) if writers is None else writers
    return is_covered(f"{writer.namespace}/{writer.service_account}", named)


def carried_rules(usage: Usage, datasets: Datasets, component_digest: str | None) -> dict[DatasetRef, Governance]:
    """Return the rules on each dataset's data after a pod has processed them.

    A pod releases a dataset if it is labelled so and its only container is the one that the steward declared; then what
    the release yields holds. It reads nothing that it does not release, but what it writes to: other data could lead
    the program to something else than it was declared for. Anything else releases nothing.
    """
    rules = {ref: dataset.governance for ref, dataset in datasets.items() if dataset is not None}
    released: dict[DatasetRef, Governance] = {}
    for use in usage.uses:
        governance = rules.get(use.ref)
        if governance is not None and use.release is not None and component_digest is not None:
            made = (each for each in governance.releases if each.name == use.release)
            release = next((each for each in made if each.component.digest == component_digest), None)
            if release is not None:
                released[use.ref] = release.yields
    besides = datasets.keys() - released.keys() - {use.ref for use in usage.writing}
    return rules if besides else {**rules, **released}


def _too_weak(target: Dataset, source: Dataset, found: tuple[Weakness, ...], writer: Reader) -> str:
    explained = is_consumer(source.ref, source.governance, writer)
    needed = "; ".join(f"{each.field}: {each.at_least if explained else each.otherwise}" for each in found)
    message = (
        f"this pod reads dataset {source.ref}, and may not write to dataset {target.ref}, whose rules are weaker: ask "
        f"its steward for, in spec.governance, {needed}"
    )
    helping = ", ".join(release.name for release in _releases_that_fit(target, source))
    if helping and explained:
        message += (
            f"; or write what a release makes, whose rules fit ({helping}): run its container alone, labelled "
            "dataset.N.release"
        )
    return message


def _releases_that_fit(target: Dataset, source: Dataset) -> Iterable[Release]:
    return (
        release
        for release in source.governance.releases
        if not weaknesses(target.ref, target.governance, source.ref, release.yields)
    )
