"""The check of remedies: each makes a plan possible, and no other single change would."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline_splitter.checking.findings import CheckInputs, Notes
from pipeline_splitter.checking.impossible.changes import (
    Change,
    Kind,
    acceptances,
    change_of,
    changed,
    clearances,
    releases,
)
from pipeline_splitter.checking.impossible.effort import Effort, UndecidedError
from pipeline_splitter.checking.impossible.search import Search
from pipeline_splitter.plan import Infeasible


def check_remedies(answer: Infeasible, inputs: CheckInputs, effort: Effort, notes: Notes) -> None:
    """Check each remedy by trying it, and then all changes that are not among them.

    Args:
        answer: what is said of inputs for which there is no plan.
        inputs: these.
        effort: for all of it.
        notes: takes findings.
    """
    remedying = _Remedying(inputs, effort, notes)
    said = remedying.check_said(answer)
    if "remedies" in answer.undecided:
        notes.checked.append(f"{len(answer.remedies)} remedies")
        notes.unchecked.append("infeasible.json: whether a remedy is missing: it says that it could not tell")
    elif undecided := remedying.is_undecided_after(said):
        notes.unchecked.append(f"infeasible.json: {undecided}: there is too much to be tried")
    else:
        notes.checked.append(f"{len(answer.remedies)} remedies, and that no other single change would help")


class _Remedying:
    def __init__(self, inputs: CheckInputs, effort: Effort, notes: Notes) -> None:
        self._inputs, self._effort, self._notes = inputs, effort, notes
        self._undecided = ""

    def check_said(self, answer: Infeasible) -> frozenset[Change]:
        """Try each remedy, and return the changes that they say."""
        said: set[Change] = set()
        for number, words in enumerate(answer.remedies):
            where, change = f"remedies[{number}]", change_of(words, self._inputs)
            if change is None:
                self._notes.add(where, f"is not a change that could be made: {words['message']}")
            elif change in said:
                self._notes.add(where, f"stands there twice: {change}")
            else:
                said.add(change)
                self._check_one(where, change)
        return frozenset(said)

    def is_undecided_after(self, said: frozenset[Change]) -> str:
        """Find helpful changes that are not said; return what could not be decided, or ""."""
        try:
            for change in self._helpful_beside(said):
                self._notes.add("remedies", f"lack one that makes a plan possible: {change}")
        except UndecidedError:
            self._undecided = self._undecided or "whether a remedy is missing"
        return self._undecided

    def _check_one(self, where: str, change: Change) -> None:
        try:
            if not self._helps(change):
                self._notes.add(where, f"makes no plan possible: {change}")
            elif change.kind is Kind.CLEARANCE and (least := self._least(change.where)) != change:
                self._notes.add(where, f"asks for more than is needed: {least} suffices")
            elif change.kind is Kind.DECLARATION and change.where and self._helps_plainly(change.what):
                self._notes.add(where, f"asks for more than is needed: {replace(change, where='')} suffices")
        except UndecidedError:
            self._undecided = "whether the remedies help, and whether one is missing"

    def _helpful_beside(self, said: frozenset[Change]) -> Iterator[Change]:
        plain = {change.what for change in said if change.kind is Kind.DECLARATION and not change.where}
        for change in sorted(releases(self._inputs) - said):
            # A release that need not be a task's own container says all; it comes first.
            if not (change.kind is Kind.DECLARATION and change.what in plain) and self._helps(change):
                if change.kind is Kind.DECLARATION and not change.where:
                    plain.add(change.what)
                yield change
        cleared = {change.where for change in said if change.kind is Kind.CLEARANCE}
        for site in sorted(self._inputs.inventory.sites.keys() - cleared):
            if (least := self._least(site)) is not None:
                yield least
        yield from self._helpful(sorted(acceptances(self._inputs) - said))

    def _helpful(self, group: Sequence[Change]) -> Iterator[Change]:
        """Yield the acceptances that help alone. If all of a group together are ruled out at once, none of it helps."""
        if len(group) == 1 and self._helps(group[0]):
            yield group[0]
        if len(group) > 1 and not Search(changed(self._inputs, group), self._effort).is_ruled_out_at_once():
            half = len(group) // 2
            yield from self._helpful(group[:half])
            yield from self._helpful(group[half:])

    def _least(self, site: str) -> Change | None:
        """Return the least clearance of a site that makes a plan possible: a higher one does what a lower one does."""
        higher = [change for change in clearances(self._inputs) if change.where == site]
        if not higher or not self._helps(higher[-1]):
            return None
        return next(change for change in higher if self._helps(change))

    def _helps_plainly(self, form: str) -> bool:
        """Return whether declaring a release helps without the container of a task that claims to be it."""
        plain = Change(Kind.DECLARATION, form)
        return plain in releases(self._inputs) and self._helps(plain)

    def _helps(self, change: Change) -> bool:
        return Search(changed(self._inputs, [change]), self._effort).is_possible()
