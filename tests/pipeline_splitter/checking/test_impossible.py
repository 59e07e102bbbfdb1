"""The check of an explanation: small stories told by the planner hold, and whatever is changed in them is found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moorage.model import Classification, Dataset, DatasetRef, DatasetUse, Governance, Site
from moorage.sites import Inventory
from pipeline_splitter.checking import CheckInputs
from pipeline_splitter.checking.findings import Notes
from pipeline_splitter.checking.impossible.changes import acceptances
from pipeline_splitter.checking.impossible.explanation import EFFORT, check_impossible
from pipeline_splitter.explaining import explain
from pipeline_splitter.explaining.facts import facts_of_quotas, facts_of_task
from pipeline_splitter.flow.permitting import Asked
from pipeline_splitter.flow.relaxing import choose
from pipeline_splitter.plan import Infeasible
from tests.builders import make_site
from tests.pipeline_splitter.checking.troubles import leaks, troubles
from tests.pipeline_splitter.flow_stories import Story, digest_of, governed, known, make_release, mounting, open_site
from tests.pipeline_splitter.graphs import GraphBuilder, make_graph

Words = Mapping[str, str]
STEWARDS = frozenset({"steward"})
SECRET = Governance(Classification.RESTRICTED, consumers=STEWARDS)
PUBLIC = Governance(consumers=STEWARDS)
CLAIMS = DatasetRef("steward", "claims")
FULL = (CLAIMS, "sample")


def story(graph: GraphBuilder, *sites: Site, datasets: tuple[Dataset, ...] = ()) -> Story:
    """With its sites."""
    return Story(graph.obj(), known(*datasets), Inventory.of(sites))


def crossing(*, accepts: bool, declares: bool, claims: bool = False, label: bool = False) -> Story:
    """Claims may not leave the vault, and the trainer runs elsewhere."""
    releases = [make_release("sample", PUBLIC)] if declares else []
    uses = (*mounting(CLAIMS), *((DatasetUse(1, CLAIMS, release="sample"),) if claims or label else ()))
    graph = (
        make_graph()
        .task("clean", uses=uses, writes={"out": 1e9}, container_digest=digest_of("sample" if label else "other"))
        .task("train", reads=["clean.out"], accepts=[FULL] if accepts else [], sites=["eu-1"])
    )
    return story(graph, open_site("vault"), make_site("eu-1", "DE"), datasets=(governed("claims", SECRET, *releases),))


def quotas() -> Story:
    """Three hours of work for sites that compute one each, and one that this work may not go to."""
    graph = make_graph()
    for name in "abc":
        graph = graph.task(name, seconds=3600, sites=["eu-1", "eu-2"])
    limited = [open_site(name, quota_cpu_hours=1.0) for name in ("eu-1", "eu-2")]
    return story(graph, *limited, open_site("eu-3"))


def tied() -> Story:
    """The ends of a chain stay together and are pinned apart."""
    graph = (
        make_graph()
        .task("a", sites=["eu-1"], writes={"out": 1.0})
        .task("b", reads=["a.out"], writes={"out": 1.0})
        .task("c", reads=["b.out"], sites=["eu-2"])
        .together("a", "c")
    )
    return story(graph, open_site("eu-1"), open_site("eu-2"))


def nowhere_large() -> Story:
    """Pinned where nodes are small."""
    graph = make_graph().task("train", sites=["eu-1"], requests={"cpu": 8.0})
    return story(graph, open_site("eu-1", resources={"cpu": 4.0}), open_site("eu-2", resources={"cpu": 8.0}))


def twice_pinned() -> Story:
    """Two pins by the same hand, and one site that both name; there the nodes are small."""
    found = story(
        make_graph().task("train", sites=["eu-1", "eu-2"], requests={"cpu": 8.0}),
        open_site("eu-1"),
        open_site("eu-2", resources={"cpu": 4.0}),
        open_site("eu-3"),
    )
    task = found.graph.tasks["train"]
    pins = (*task.pins, replace(task.pins[0], sites=frozenset({"eu-2", "eu-3"})))
    return replace(found, graph=replace(found.graph, tasks={"train": replace(task, pins=pins)}))


def purposeless() -> Story:
    """A rule that looks at no site."""
    claims = governed("claims", replace(PUBLIC, purposes=frozenset({"care"})))
    return story(make_graph().task("train", uses=mounting(CLAIMS)), open_site("eu-1"), datasets=(claims,))


def released_nowhere() -> Story:
    """The trainer takes the released form, but the release finds no node."""
    found = crossing(accepts=True, declares=True)
    small = replace(found.inventory.sites["vault"], resources={"cpu": 0.5})
    return replace(found, inventory=Inventory({**found.inventory.sites, "vault": small}))


def asks_much() -> Story:
    """A clearance suffices that is not the highest."""
    claims = governed("claims", replace(SECRET, classification=Classification.CONFIDENTIAL))
    return story(make_graph().task("train", uses=mounting(CLAIMS)), make_site("eu-1", "DE"), datasets=(claims,))


STORIES: Mapping[str, Story] = {
    "an acceptance": crossing(accepts=False, declares=True),
    "a declaration": crossing(accepts=True, declares=False),
    "a mended task": crossing(accepts=False, declares=True, claims=True),
    "a declared task": crossing(accepts=False, declares=False, label=True),
    "a clearance": asks_much(),
    "quotas": quotas(),
    "ties": tied(),
    "resources": nowhere_large(),
    "pins": twice_pinned(),
    "a purpose": purposeless(),
    "an inserted task": released_nowhere(),
}


@dataclass(frozen=True)
class Told:
    """A story with what the planner says of it."""

    story: Story
    said: Infeasible

    @classmethod
    def of(cls, one: Story) -> "Told":
        """Told by the planner."""
        return cls(one, explain(one.graph, one.datasets, one.inventory))

    @property
    def inputs(self) -> CheckInputs:
        """For the check."""
        return CheckInputs(self.story.graph, None, self.story.inventory, self.story.datasets)

    def places(self, effort: int = EFFORT, **changed: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - facts, remedies
        """Where the check finds something, and the first words of what."""
        notes = Notes()
        check_impossible(replace(self.said, **changed), self.inputs, notes, effort)
        return [(finding.where, finding.problem) for finding in notes.findings]


each = pytest.mark.parametrize("told", [Told.of(one) for one in STORIES.values()], ids=list(STORIES))


def has(found: list[tuple[str, str]], where: str, words: str) -> bool:
    """Whether there is a finding at a place that begins so."""
    return any(place == where and problem.startswith(words) for place, problem in found)


@each
def test_what_the_planner_says_holds(told: Told) -> None:
    """All of it is looked at."""
    notes = Notes()
    check_impossible(told.said, told.inputs, notes)
    assert told.said.facts
    assert (notes.findings, notes.unchecked) == ([], [])
    assert len(notes.checked) == 2


@each
def test_without_a_fact_the_others_leave_a_plan(told: Told) -> None:
    """Whichever is dropped."""
    for number in range(len(told.said.facts)):
        rest = told.said.facts[:number] + told.said.facts[number + 1 :]
        words = "leave a plan" if rest else "there are none"
        assert [words for _, problem in told.places(facts=rest) if problem.startswith(words)] == [words]


@each
def test_a_fact_that_is_so_but_superfluous_is_found(told: Told) -> None:
    """One that holds of the same inputs, and one that stands there twice."""
    more = superfluous(told)
    for fact in more:
        assert has(told.places(facts=(*told.said.facts, fact)), f"facts[{len(told.said.facts)}]", "can be left out")
    twice = told.places(facts=(*told.said.facts, told.said.facts[0]))
    assert [where for where, _ in twice] == ["facts[0]", f"facts[{len(told.said.facts)}]"]


def test_some_facts_are_superfluous() -> None:
    """The test before this one has something to add."""
    assert sum(len(superfluous(Told.of(one))) for one in STORIES.values()) > 4


def superfluous(told: Told) -> list[Words]:
    """Facts of the pipeline as it is, that are not among those told."""
    graph, datasets, inventory = told.story.graph, told.story.datasets, told.story.inventory
    asked = Asked(choose(graph, (), datasets).flow, datasets, inventory)
    facts = facts_of_quotas(inventory).union(*(facts_of_task(task, asked, inventory) for task in graph.tasks.values()))
    return [
        words for fact in sorted(facts, key=lambda fact: fact.order()) if (words := fact.words()) not in told.said.facts
    ]


@each
def test_a_remedy_that_is_not_told_is_missed(told: Told) -> None:
    """Whichever is dropped."""
    for number in range(len(told.said.remedies)):
        rest = told.said.remedies[:number] + told.said.remedies[number + 1 :]
        (found,) = told.places(remedies=rest)
        assert found[0] == "remedies"
        assert found[1].startswith("lack one that makes a plan possible: ")


@each
def test_a_remedy_that_does_not_help_is_found(told: Told) -> None:
    """A clearance of a site for what it is cleared for already, or that is too low, or that is not the matter."""
    for site in told.story.inventory.sites.values():
        for clearance in Classification:
            remedy = {"clearance": clearance.word, "site": site.name, "message": "raise it"}
            if any(all(said.get(key) == remedy[key] for key in ("clearance", "site")) for said in told.said.remedies):
                continue
            where = f"remedies[{len(told.said.remedies)}]"
            found = told.places(remedies=(*told.said.remedies, remedy))
            words = "is not a change" if clearance <= site.clearance else ("makes no plan", "asks for more")
            assert any(place == where and problem.startswith(words) for place, problem in found), remedy


def test_a_release_or_an_acceptance_that_does_not_help_is_found() -> None:
    """What is accepted already, what nobody declares, what is of another dataset, who is no task."""
    told = Told.of(STORIES["an acceptance"])
    good = {"acceptance": "steward/claims/sample", "dataset": "steward/claims", "task": "train", "message": "do"}
    assert told.places(remedies=(good, told.said.remedies[1])) == []
    for change in (
        {"acceptance": "steward/claims/shred"},
        {"acceptance": "sample"},
        {"task": "clean"},
        {"task": "nobody"},
        {"dataset": "steward/images"},
        {"site": "eu-1"},
        {"release": "steward/claims/sample"},
    ):
        found = told.places(remedies=(*told.said.remedies, {**good, **change}))
        assert has(found, "remedies[2]", "is not a change"), change
    assert has(told.places(remedies=(*told.said.remedies, good)), "remedies[2]", "stands there twice")
    other = Told.of(STORIES["a declaration"])
    release = dict(next(remedy for remedy in other.said.remedies if "release" in remedy))
    for change in ({"task": "clean"}, {"task": "nobody"}, {"release": "steward/claims/shred"}):
        assert has(other.places(remedies=({**release, **change},)), "remedies[0]", "is not a change"), change


def test_what_helps_nothing_is_found_for_each_kind() -> None:
    """Where another reader is refused at the same time, one acceptance, declaration or mending does not do."""
    blocked = make_graph().task("other", sites=["mars"])
    for name, kind in (("an acceptance", "acceptance"), ("a declaration", "release"), ("a mended task", "release")):
        told = Told.of(STORIES[name])
        graph = replace(told.story.graph, tasks={**told.story.graph.tasks, **blocked.obj().tasks})
        stuck = Told.of(replace(told.story, graph=graph))
        assert stuck.said.remedies == ()
        remedies = tuple(remedy for remedy in told.said.remedies if kind in remedy)
        assert has(stuck.places(remedies=remedies), "remedies[0]", "makes no plan possible")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rule": "SiteDenied"}, "is not so"),
        ({"dataset": None}, "is not so"),
        ({"task": "nobody"}, "is not so"),
        ({"site": "mars"}, "is not so"),
        ({"dataset": "steward/images"}, "is not so"),
        ({"site": ""}, "names no site"),
        ({"rule": "PurposeMissing"}, "names eu-1"),
        ({"resource": "cpu"}, "has rule, resource"),
        ({"rule": None}, "has none of"),
        ({"task": None}, "lacks task"),
        ({"colour": "red"}, "has colour"),
    ],
)
def test_a_fact_that_is_not_so_is_told(change: Mapping[str, str | None], words: str) -> None:
    """And so is one whose words are not those of a fact."""
    told = Told.of(STORIES["an acceptance"])
    assert "rule" in told.said.facts[0]
    fact = {key: text for key, text in {**told.said.facts[0], **change}.items() if text is not None}
    found = told.places(facts=(fact, *told.said.facts[1:]))
    assert has(found, "facts[0]", words), found
    assert has(found, "facts", "leave a plan")


@pytest.mark.parametrize(
    ("name", "kind", "change", "words"),
    [
        ("quotas", "resource", {"site": "eu-3"}, "is not so"),
        ("quotas", "resource", {"site": "mars"}, "is not so"),
        ("quotas", "pin", {"sites": "eu-1"}, "has site nowhere"),
        ("quotas", "pin", {"sites": "eu-1, eu-3"}, "is not so"),
        ("ties", "together", {"together": "a, b"}, "is not so"),
        ("ties", "pin", {"pin": "annotation moorage.dev/site"}, "is not so"),
        ("resources", "resource", {"resource": "memory"}, "is not so"),
        ("resources", "resource", {"site": "eu-2"}, "is not so"),
    ],
)
def test_other_facts_that_are_not_so_are_told(name: str, kind: str, change: Words, words: str) -> None:
    """Of every kind."""
    told = Told.of(STORIES[name])
    number = next(index for index, fact in enumerate(told.said.facts) if kind in fact)
    facts = list(told.said.facts)
    facts[number] = {**facts[number], **change}
    assert has(told.places(facts=tuple(facts)), f"facts[{number}]", words)


def test_what_can_be_planned_is_not_impossible() -> None:
    """Neither with facts nor with the sentence that stands for them; remedies are not looked at."""
    said = Told.of(STORIES["an acceptance"]).said
    for facts, undecided in ((said.facts, ()), (({"message": "it could not be told"},), ("facts",)), ((), ())):
        notes = Notes()
        told = Told(crossing(accepts=True, declares=True), said)
        check_impossible(replace(said, facts=facts, undecided=undecided), told.inputs, notes)
        assert {finding.where for finding in notes.findings} == {"facts"}
        assert "infeasible.json: the remedies: a plan is possible without them" in notes.unchecked


@each
def test_when_facts_could_not_be_told_that_is_noted(told: Told) -> None:
    """That there is no plan is checked all the same, and so are the remedies."""
    notes = Notes()
    facts = ({"message": "it could not be told"},)
    check_impossible(replace(told.said, facts=facts, undecided=("facts",)), told.inputs, notes)
    assert notes.findings == []
    assert notes.unchecked == ["infeasible.json: which facts leave no plan: it says that it could not tell"]
    assert len(notes.checked) == 1


@each
def test_what_was_not_settled_is_noted(told: Told) -> None:
    """Where the file says that time ran out a fact may be superfluous, and remedies may be missing; no more."""
    more = (*told.said.facts, *superfluous(told)[:1])
    notes = Notes()
    late = replace(told.said, facts=more, remedies=told.said.remedies[1:], undecided=("facts", "remedies"))
    check_impossible(late, told.inputs, notes)
    assert notes.findings == []
    assert [sentence.partition(": it says")[0] for sentence in notes.unchecked] == [
        "infeasible.json: whether a fact can be left out",
        "infeasible.json: whether a remedy is missing",
    ]
    assert told.places(facts=told.said.facts[1:], undecided=("facts",))
    assert [where for where, _ in told.places(undecided=("all",))] == ["undecided"]


@each
def test_what_takes_too_much_is_noted_and_no_finding(told: Told) -> None:
    """Whatever the effort, nothing wrong is found; with none of it nothing is confirmed."""
    for effort in (0, 1, 2, 4, 8, 16, 32, 64, 128):
        notes = Notes()
        check_impossible(told.said, told.inputs, notes, effort)
        assert notes.findings == []
        assert len(notes.checked) + len(notes.unchecked) > 0
        assert effort or not notes.checked


@settings(max_examples=60, deadline=None)
@given(st.one_of(troubles(), leaks()))
def test_whatever_the_planner_says_holds(one: Story) -> None:
    """Of random pipelines with every kind of trouble; all of it is decided."""
    told = Told.of(one)
    assume(told.said.facts)
    notes = Notes()
    check_impossible(told.said, told.inputs, notes)
    assert (notes.findings, notes.unchecked) == ([], [])


@settings(max_examples=40, deadline=None)
@given(st.one_of(troubles(), leaks()), st.data())
def test_whatever_is_changed_is_found(one: Story, data: st.DataObject) -> None:
    """A fact dropped or added, a remedy dropped, an acceptance added that does not help."""
    told = Told.of(one)
    facts, remedies = told.said.facts, told.said.remedies
    assume(facts)
    dropped = data.draw(st.sampled_from(facts))
    assert told.places(facts=tuple(fact for fact in facts if fact is not dropped))
    for fact in superfluous(told)[:3]:
        assert has(told.places(facts=(*facts, fact)), f"facts[{len(facts)}]", "can be left out")
    if remedies:
        left_out = data.draw(st.sampled_from(remedies))
        assert has(told.places(remedies=tuple(each for each in remedies if each is not left_out)), "remedies", "lack")
    accepted = {(remedy["acceptance"], remedy["task"]) for remedy in remedies if "acceptance" in remedy}
    for change in sorted(acceptances(told.inputs))[:3]:
        if (change.what, change.where) not in accepted:
            dataset = change.what.rpartition("/")[0]
            more = {"acceptance": change.what, "dataset": dataset, "task": change.where, "message": "accept it"}
            assert has(told.places(remedies=(*remedies, more)), f"remedies[{len(remedies)}]", "makes no plan possible")
