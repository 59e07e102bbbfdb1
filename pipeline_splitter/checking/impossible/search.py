"""Branch and bound: whether any choice of releases leaves a plan, each part left alone once it is ruled out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pipeline_splitter.checking.definition.choices import Branch, slots_of
from pipeline_splitter.checking.definition.governance import all_steps
from pipeline_splitter.checking.definition.insertions import Option, insertion_names, open_reads, options, spot_of
from pipeline_splitter.checking.findings import CheckInputs
from pipeline_splitter.checking.impossible.cases import Case
from pipeline_splitter.checking.impossible.effort import Effort
from pipeline_splitter.checking.impossible.facts import Fact

Slots = Sequence[Sequence[Option]]


@dataclass
class Search:
    """The choices of one pipeline, each looked at once however often they are asked about.

    Attributes:
        effort: one for each step of a part that is looked at, and for each block that is put at a site.
        cases: what was looked at, by what is inserted and what is open.
    """

    inputs: CheckInputs
    effort: Effort
    cases: dict[tuple[frozenset[Option], frozenset[Option]], Case] = field(default_factory=dict)
    _options: frozenset[Option] = field(init=False)

    def __post_init__(self) -> None:
        self._options = options(self.inputs.graph, self.inputs.datasets)

    def is_possible(self) -> bool:
        """Return whether there is a plan.

        Raises:
            UndecidedError: the effort ran out.
        """
        return self._any(slots_of(self._options), lambda case: case.is_possible(self.effort))

    def is_possible_under(self, facts: Sequence[Fact]) -> bool:
        """Return whether there would be a plan if these facts were all constraints.

        A slot of which none of them depends keeps the original: what is inserted there only takes up room.

        Raises:
            UndecidedError: the effort ran out.
        """
        slots = slots_of(_concerning(facts, self._options, self.inputs))
        return self._any(slots, lambda case: case.is_possible_under(facts, self.effort))

    def is_ruled_out_at_once(self) -> bool:
        """Return whether one look shows that there is no plan; False: there may be one.

        Raises:
            UndecidedError: the effort ran out.
        """
        return not self._case(frozenset(), self._options).is_possible(self.effort)

    def is_so(self, fact: Fact) -> bool:
        """Return whether a fact is in force in a choice that was looked at, or that inserts at most one release.

        Raises:
            UndecidedError: the effort ran out.
        """
        if any(case.is_in_force(fact) for case in self.cases.values()):
            return True
        concerning = sorted(_concerning([fact], self._options, self.inputs))
        choices = [frozenset[Option](), *(frozenset({option}) for option in concerning)]
        return any(self._case(taken, frozenset()).is_in_force(fact) for taken in choices)

    def _any(self, slots: Slots, is_possible: Callable[[Case], bool]) -> bool:
        waiting: list[tuple[frozenset[Option], Slots]] = [(frozenset(), slots)]
        while waiting:
            taken, free = waiting.pop()
            if not is_possible(self._case(taken, frozenset(option for slot in free for option in slot))):
                continue
            if not free:
                return True
            # The two ends decide most cases: nothing is inserted, or the first that can be, everywhere.
            for more in (frozenset[Option](), frozenset(slot[0] for slot in free)):
                if is_possible(self._case(taken | more, frozenset())):
                    return True
            first, *rest = free
            waiting.extend((taken | more, rest) for more in (*(frozenset({option}) for option in first), frozenset()))
        return False

    def _case(self, taken: frozenset[Option], free: frozenset[Option]) -> Case:
        if (taken, free) not in self.cases:
            self.effort.spend(len(self.inputs.graph.tasks))
            self.cases[taken, free] = Case(Branch(taken, frozenset(), free), self.inputs)
        case = self.cases[taken, free]
        self.effort.spend(case.size)
        return case


def _concerning(facts: Iterable[Fact], possible: Iterable[Option], inputs: CheckInputs) -> frozenset[Option]:
    """Return the options on which it may depend what a task of the facts reads, or whether it is there."""
    steps, tasks = all_steps(inputs.graph), inputs.graph.tasks
    named = {fact.task for fact in facts}
    waiting = {step.name for name in named & tasks.keys() for step in tasks[name].steps}
    options = frozenset(possible)
    inserted = {insertion for insertion, name in insertion_names(inputs.graph).items() if name in named - tasks.keys()}
    for _, _, read in open_reads(inputs.graph):
        if read.step is not None and any(spot_of(read, inputs.graph) == spot for spot, _, _ in inserted):
            waiting.add(read.step)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        earlier = {*(read.step for read in steps[name].reads if read.step is not None), *steps[name].parameters_from}
        waiting |= earlier - seen
    return frozenset(option for option in options if option.reader in seen or option.insertion in inserted)
