"""The policy, asked again before bytes cross: by the rules that the plan went by and by the Datasets as they are. Pure.

The site rules alone: whoever reads is asked by admission and by the broker, when its pod comes.
"""

from collections.abc import Mapping
from dataclasses import replace

from moorage.model import Dataset, DatasetRef, Governance
from moorage.policy import join, refusals
from moorage.sites import Inventory
from pipeline_executor.hub.inforce import InForce, PlannedGroup, Rules


def refusal(
    group: PlannedGroup, plan: InForce, datasets: Mapping[DatasetRef, Dataset], inventory: Inventory
) -> str | None:
    """Why what the group imports may not be brought to its site; None where it may.

    Returns:
        the rule's code and its sentence.
    """
    place = inventory.place(group.site)
    for each in group.imports:
        carried = {ref: as_now(planned, ref, plan.datasets, datasets) for ref, planned in each.carried.items()}
        denied = next(refusals(carried, datasets, None, place, inventory), None)
        if denied is not None:
            return f"{denied.rule}: {each.datum} may not be brought to site {group.site}: {denied.message}"
    return None


def as_now(planned: Governance, ref: DatasetRef, then: Rules, datasets: Mapping[DatasetRef, Dataset]) -> Governance:
    """What holds for data of a dataset that the plan went by `planned` for, now that the Dataset may have changed.

    Data carry the dataset's own rules, or those that a release yields. Which it is, is told by which of them `planned`
    implies; what it is has the rules of today besides. A release that is declared no more weakens nothing.

    Args:
        planned: what the plan went by.
        ref: the dataset.
        then: the Datasets as the planner saw them.
        datasets: as they are.
    """
    dataset = datasets.get(ref)
    if dataset is None:
        return planned  # whoever asks refuses it as unknown
    before, now = then.get(ref), dataset.governance
    if before is None:
        return join((planned, _bare(now)))
    if _implies(planned, before):
        return join((planned, _bare(now)))
    declared = {release.name: release.yields for release in now.releases}
    released = [release.name for release in before.releases if _implies(planned, release.yields)]
    today = [declared.get(name, now) for name in released] or [now]
    return join((planned, *(_bare(each) for each in today)))


def _implies(stricter: Governance, other: Governance) -> bool:
    """Whether whatever `other` refuses of a site, `stricter` refuses too."""
    return join((_bare(stricter), _bare(other))) == _bare(stricter)


def _bare(governance: Governance) -> Governance:
    """The rules that are joined."""
    return join((replace(governance, releases=(), consumers=None), Governance()))
