"""The check of an explanation: facts that leave no plan, none superfluous, and single changes that help."""

from collections.abc import Mapping, Sequence

from pipeline_splitter.checking.findings import CheckInputs, Notes, shown
from pipeline_splitter.checking.impossible.effort import Effort, UndecidedError
from pipeline_splitter.checking.impossible.facts import Fact, UnsaidError, fact_of
from pipeline_splitter.checking.impossible.remedies import check_remedies
from pipeline_splitter.checking.impossible.search import Search
from pipeline_splitter.plan import Infeasible

EFFORT = 1_000_000
"""The budget of steps and blocks looked at for the facts, and again for the remedies, before the check gives up."""
_FILE = "infeasible.json"
_SENTENCE = "message"
_FACTS = "facts"


def check_impossible(answer: Infeasible, inputs: CheckInputs, notes: Notes, effort: int = EFFORT) -> None:
    """Check the facts, their sum over all choices of releases, each one's part in it, and the remedies.

    Args:
        answer: what is said.
        inputs: what there is said to be no plan of.
        notes: takes findings.
        effort: so many steps and blocks may be looked at for the facts, and as many for the remedies.
    """
    if not set(answer.undecided) <= {_FACTS, "remedies"}:
        notes.add("undecided", f"is {shown(answer.undecided)}, expected some of facts, remedies")
    search = Search(inputs, Effort(effort))
    try:
        if not _leave_no_plan(answer, search, notes) and search.is_possible():
            notes.unchecked.append(f"{_FILE}: the remedies: a plan is possible without them")
            return
    except UndecidedError:
        notes.unchecked.append(f"{_FILE}: whether there is no plan, and the remedies: there is too much to be tried")
        return
    check_remedies(answer, inputs, Effort(effort), notes)


def _leave_no_plan(answer: Infeasible, search: Search, notes: Notes) -> bool:
    """Return whether the facts leave no plan; if so, each of them is checked.

    Raises:
        UndecidedError: that was not decided.
    """
    if _FACTS in answer.undecided and len(answer.facts) == 1 and set(answer.facts[0]) == {_SENTENCE}:
        notes.unchecked.append(f"{_FILE}: which facts leave no plan: it says that it could not tell")
        if search.is_possible():
            notes.add("facts", "say that there is no plan, but there is one")
            return False
        return True
    if not answer.facts:
        notes.add("facts", "there are none, expected at least one")
        return False
    facts = _read(answer.facts, notes)
    stand = not search.is_possible_under(tuple(facts.values()))
    if not stand:
        notes.add("facts", "leave a plan: with all of them, every task has a site still")
    try:
        _check_each(answer, facts, search, notes, stand=stand)
    except UndecidedError:
        notes.unchecked.append(f"{_FILE}: whether a fact can be left out: there is too much to be tried")
    return stand


def _check_each(answer: Infeasible, facts: Mapping[int, Fact], search: Search, notes: Notes, *, stand: bool) -> None:
    """Check that each fact is true and, where together they are said to leave no plan, is needed.

    Raises:
        UndecidedError: that was not decided.
    """
    settled = _FACTS not in answer.undecided
    for number, fact in facts.items():
        others = tuple(other for index, other in facts.items() if index != number)
        if not search.is_so(fact):
            notes.add(f"facts[{number}]", f"is not so: {answer.facts[number][_SENTENCE]}")
        elif stand and settled and not search.is_possible_under(others):
            notes.add(f"facts[{number}]", f"can be left out: {answer.facts[number][_SENTENCE]}")
    notes.checked.append(f"{len(facts)} facts that leave no plan{', each of which is needed' * settled}")
    if not settled:
        notes.unchecked.append(f"{_FILE}: whether a fact can be left out: it says that it could not tell")


def _read(said: Sequence[Mapping[str, str]], notes: Notes) -> dict[int, Fact]:
    """Read the facts by number."""
    facts: dict[int, Fact] = {}
    for number, words in enumerate(said):
        try:
            facts[number] = fact_of(words)
        except UnsaidError as error:
            notes.add(f"facts[{number}]", str(error))
    return facts
