"""Why nothing can be planned: facts of which none can be left out, remedies that work."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.model import Classification, Dataset, DatasetRef, DatasetUse, Governance
from moorage.sites import Inventory
from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.explaining import explain
from pipeline_splitter.explaining.explaining import irreducible
from pipeline_splitter.explaining.facts import Fact
from pipeline_splitter.explaining.feasibility import Feasibility
from pipeline_splitter.flow import Candidate, carry, insert, permit, release_candidates
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Infeasible
from pipeline_splitter.problem import Limits
from tests.builders import make_site
from tests.pipeline_splitter.flow_stories import (
    GENTLE,
    INVENTORY,
    RULES,
    Story,
    digest_of,
    governed,
    known,
    make_release,
    mounting,
    open_site,
    sites,
    stories,
)
from tests.pipeline_splitter.graphs import make_graph

STEWARDS = frozenset({"steward"})
SECRET = Governance(Classification.RESTRICTED, consumers=STEWARDS)
PUBLIC = Governance(consumers=STEWARDS)
LIMITS = Limits(gap=1.0, deadline=10.0, clock=lambda: 0.0)


def facts(infeasible: Infeasible, *keys: str) -> list[tuple[str, ...]]:
    """Those words of each fact."""
    return [tuple(fact.get(key, "") for key in keys) for fact in infeasible.facts]


def possible(graph: Graph, datasets: Mapping[DatasetRef, Dataset], inventory: Inventory) -> bool:
    """Whether any choice of releases leaves each block a site; by trying all."""
    slots: dict[object, list[Candidate]] = {}
    for each in release_candidates(graph, carry(graph, datasets), datasets):
        slots.setdefault(each.slot, []).append(each)
    for picked in itertools.product(*([None, *options] for options in slots.values())):
        inserted = insert(graph, [each for each in picked if each is not None], datasets)
        permits = permit(inserted, carry(inserted, datasets), datasets, inventory)
        if all(
            any(all(permits[task][site] is None for task in block) for site in inventory.sites)
            for block in make_blocks(inserted).members
        ):
            return True
    return False


def test_one_rule_at_each_site() -> None:
    """Each site with the first rule that refuses there; what refuses everywhere is told once, and alone."""
    inventory = Inventory.of([make_site("eu-1", "DE"), make_site("us-1", "US")])
    claims = governed("claims", replace(SECRET, residency=frozenset({"EU"})), at=["eu-1"])
    graph = make_graph().task("train", uses=mounting(claims.ref)).task("other").obj()
    told = explain(graph, known(claims), inventory)
    assert facts(told, "task", "dataset", "rule", "site") == [
        ("train", "steward/claims", "ClearanceTooLow", "eu-1"),
        ("train", "steward/claims", "ClearanceTooLow", "us-1"),
    ]
    assert [dict(remedy) for remedy in told.remedies] == [
        {
            "clearance": "restricted",
            "site": "eu-1",
            "message": "raise spec.clearance of site eu-1 from internal to restricted",
        }
    ]
    purposeful = governed("claims", replace(SECRET, purposes=frozenset({"care"})))
    told = explain(graph, known(purposeful), inventory)
    assert facts(told, "task", "rule", "site") == [("train", "PurposeMissing", "")]
    assert told.remedies == ()


def test_a_pin_a_resource_and_a_tie_are_facts() -> None:
    """Each alone would be possible."""
    inventory = Inventory.of([open_site("eu-1", resources={"cpu": 4.0}), open_site("eu-2", resources={"cpu": 8.0})])
    pinned = make_graph().task("train", sites=["eu-1"], requests={"cpu": 8.0}).obj()
    told = explain(pinned, {}, inventory)
    assert facts(told, "task", "site", "resource", "pin") == [
        ("train", "eu-1", "cpu", ""),
        ("train", "eu-1", "", "hint sites"),
    ]
    tied = (
        make_graph()
        .task("a", sites=["eu-1"], writes={"out": 1.0})
        .task("b", reads=["a.out"], writes={"out": 1.0})
        .task("c", reads=["b.out"], sites=["eu-2"])
        .together("a", "c")
        .together("a", "b")
        .obj()
    )
    told = explain(tied, {}, inventory)
    assert facts(told, "task", "pin", "together") == [
        ("a", "hint sites", ""),
        ("c", "hint sites", ""),
        ("a", "", "a, c"),
    ]
    assert "one group" in told.facts[2]["message"]


def test_a_pin_to_a_site_that_is_not_listed_is_a_fact_alone() -> None:
    """It says so, and names no site that is not there."""
    told = explain(make_graph().task("train", sites=["mars"]).obj(), {}, sites("eu-1"))
    assert facts(told, "task", "pin", "site") == [("train", "hint sites", "")]
    assert told.facts[0]["message"] == "task train must run at mars: hint sites says so (not listed: mars)"


def test_a_task_on_a_path_between_tied_tasks_is_tied() -> None:
    """The middle of a tie may not leave."""
    graph = (
        make_graph()
        .task("a", sites=["eu-1"], writes={"out": 1.0})
        .task("b", reads=["a.out"], writes={"out": 1.0}, sites=["eu-2"])
        .task("c", reads=["b.out"])
        .together("a", "c")
        .obj()
    )
    told = explain(graph, {}, sites("eu-1", "eu-2"))
    assert [fact.get("together", fact["task"]) for fact in told.facts] == ["a", "b", "a, c"]


def test_unknown_datasets_and_such_without_a_source_are_told_once() -> None:
    """They refuse at every site alike."""
    nowhere = governed("claims", PUBLIC, at=["mars"])
    graph = make_graph().task("train", uses=mounting(nowhere.ref)).obj()
    for datasets, rule in (({}, "DatasetUnknown"), (known(nowhere), "SiteUnknown")):
        told = explain(graph, datasets, INVENTORY)
        assert facts(told, "rule", "site") == [(rule, "")]
        assert told.remedies == ()


def crossing(accepts: list[tuple[DatasetRef, str]], *releases: str, sources: tuple[str, ...] = ("vault",)) -> Story:
    """Claims may not leave the vault, and the trainer runs elsewhere."""
    inventory = Inventory.of([open_site("vault"), make_site("eu-1", "DE")])
    claims = governed("claims", SECRET, *(make_release(name, PUBLIC) for name in releases), at=sources)
    graph = (
        make_graph()
        .task("clean", uses=mounting(claims.ref), writes={"out": 1e9})
        .task("train", reads=["clean.out"], accepts=accepts, sites=["eu-1"])
        .obj()
    )
    return Story(graph, known(claims), inventory)


def test_acceptance_declaration_and_clearance_are_remedies() -> None:
    """What is declared could be accepted, what is accepted could be declared, the site could be cleared."""
    story = crossing([], "pseudonymise", "sample")
    told = explain(story.graph, story.datasets, story.inventory)
    assert facts(told, "task", "rule", "site", "pin") == [
        ("train", "ClearanceTooLow", "eu-1", ""),
        ("train", "", "eu-1", "hint sites"),
    ]
    assert [(each.get("acceptance"), each.get("clearance"), each.get("task")) for each in told.remedies] == [
        ("steward/claims/pseudonymise", None, "train"),
        ("steward/claims/sample", None, "train"),
        (None, "restricted", None),
    ]
    ref = next(iter(story.datasets))
    story = crossing([(ref, "shred")])
    told = explain(story.graph, story.datasets, story.inventory)
    assert [(each.get("release"), each.get("clearance")) for each in told.remedies] == [
        ("steward/claims/shred", None),
        (None, "restricted"),
    ]
    story = crossing([(ref, "sample")], "sample")
    assert explain(story.graph, story.datasets, story.inventory) == Infeasible((), ())


def test_a_release_that_runs_nowhere_is_told_by_its_name() -> None:
    """Every way is refuted: reading the original, and releasing it."""
    story = crossing([(DatasetRef("steward", "claims"), "sample")], "sample")
    claims = next(iter(story.datasets.values()))
    nowhere = replace(claims, governance=replace(claims.governance, sites_deny=frozenset({"vault"})))
    graph = replace(story.graph, tasks={"train": story.graph.tasks["train"], "clean": story.graph.tasks["clean"]})
    # The cleaner is the release itself, so that only what it puts out is looked at.
    told = explain(graph, known(nowhere), story.inventory)
    assert {fact["task"] for fact in told.facts} == {"clean"}
    small = replace(
        story.inventory,
        sites={
            "vault": replace(story.inventory.sites["vault"], resources={"cpu": 0.5}),
            "eu-1": story.inventory.sites["eu-1"],
        },
    )
    told = explain(graph, story.datasets, small)
    assert {fact["task"] for fact in told.facts} == {"train", "release-clean-out-sample"}
    assert {fact.get("resource", "") for fact in told.facts} == {"", "cpu"}
    assert all(fact["message"] for fact in told.facts)


def test_a_task_that_only_claims_to_release_could_become_the_release() -> None:
    """Its container is another one than the declared."""
    story = crossing([], "sample")
    ref = next(iter(story.datasets))
    clean = story.graph.tasks["clean"]
    claiming = (*mounting(ref), DatasetUse(1, ref, release="sample"))
    step = replace(clean.steps[0], uses=claiming, container_digest="other")
    graph = replace(story.graph, tasks={**story.graph.tasks, "clean": replace(clean, steps=(step,))})
    told = explain(graph, story.datasets, story.inventory)
    (release,) = [each for each in told.remedies if "release" in each]
    assert (release["release"], release["task"]) == ("steward/claims/sample", "clean")
    assert digest_of("sample") in release["message"]


def test_a_release_that_a_task_claims_to_be_could_be_declared() -> None:
    """With the task's own container; where that of any other would do as well, because a task accepts it, with none."""
    claims = governed("claims", SECRET, at=["vault"])
    labels = (*mounting(claims.ref), DatasetUse(1, claims.ref, release="shred"))
    for accepts, task, words in (
        (
            [],
            "clean",
            "claims to be, in spec.governance.releases of dataset steward/claims, with its container (digest x)",
        ),
        (
            [(claims.ref, "shred")],
            "train",
            "accepts, in spec.governance.releases of dataset steward/claims, with rules",
        ),
    ):
        graph = (
            make_graph()
            .task("clean", uses=labels, writes={"out": 1e9}, container_digest="x")
            .task("train", reads=["clean.out"], accepts=accepts, sites=["eu-1"])
            .obj()
        )
        told = explain(graph, known(claims), Inventory.of([open_site("vault"), make_site("eu-1", "DE")]))
        (release,) = [each for each in told.remedies if "release" in each]
        assert (release["release"], release["task"]) == ("steward/claims/shred", task)
        assert words in release["message"]


def test_a_declared_container_helps_tasks_that_the_facts_do_not_name() -> None:
    """Two are refused: one accepts the release, the other reads what a task released that claims to be it."""
    claims = governed("claims", SECRET, at=["vault"])
    graph = (
        make_graph()
        .dataset(claims.ref, 1e9)
        .task("accepting", reads=[str(claims.ref)], accepts=[(claims.ref, "shred")], sites=["eu-1"])
        .task(
            "clean",
            uses=(*mounting(claims.ref), DatasetUse(1, claims.ref, release="shred")),
            writes={"out": 1e9},
            container_digest="x",
        )
        .task("train", reads=["clean.out"], sites=["eu-1"])
        .obj()
    )
    told = explain(graph, known(claims), Inventory.of([open_site("vault"), make_site("eu-1", "DE")]))
    assert {fact["task"] for fact in told.facts} == {"accepting"}
    assert [(each["release"], each["task"]) for each in told.remedies if "release" in each] == [
        ("steward/claims/shred", "clean")
    ]


def test_pins_say_all_their_sites() -> None:
    """Two by the same hand can be told apart, and a site that is not listed is none."""
    inventory = Inventory.of([open_site("eu-1"), open_site("eu-2"), open_site("eu-3")])
    graph = make_graph().task("train", sites=["eu-1", "eu-2"]).obj()
    train = graph.tasks["train"]
    pins = (*train.pins, replace(train.pins[0], sites=frozenset({"eu-3", "mars"})))
    told = explain(replace(graph, tasks={"train": replace(train, pins=pins)}), {}, inventory)
    assert facts(told, "pin", "site", "sites") == [("hint sites", "", "eu-1, eu-2"), ("hint sites", "eu-3", "eu-3")]


def test_quotas_are_facts() -> None:
    """Too much work for what the permitted sites compute."""
    inventory = Inventory.of([open_site("eu-1", quota_cpu_hours=1.5), open_site("eu-2")])
    graph = make_graph().task("a", seconds=3600, sites=["eu-1"]).task("b", seconds=3600, sites=["eu-1"]).task("c").obj()
    told = explain(graph, {}, inventory)
    assert facts(told, "task", "resource", "pin") == [
        ("a", "", "hint sites"),
        ("b", "", "hint sites"),
        ("", "quotaCpuHours", ""),
    ]
    assert told.facts[2]["site"] == "eu-1"


def test_a_pipeline_that_can_be_planned_has_no_facts() -> None:
    """Nothing to explain."""
    assert explain(make_graph().task("a").obj(), {}, INVENTORY) == Infeasible((), ())


def test_time_is_kept() -> None:
    """Without time there is a sentence, no crash."""
    story = crossing([], "sample")
    late = Limits(gap=1.0, deadline=0.0, clock=lambda: 1.0)
    told = explain(story.graph, story.datasets, story.inventory, late)
    assert len(told.facts) == 1
    assert told.remedies == ()
    assert told.undecided == ("facts", "remedies")


def test_what_was_not_settled_in_time_is_said() -> None:
    """However soon the time is over: what is told without `undecided` is what is told with all the time."""
    story = crossing([], "pseudonymise", "sample")
    whole = explain(story.graph, story.datasets, story.inventory)
    seen = set()
    for deadline in range(200):
        ticks = itertools.count()
        limits = Limits(gap=1.0, deadline=deadline, clock=partial(next, ticks))
        told = explain(story.graph, story.datasets, story.inventory, limits)
        seen.add(told.undecided)
        assert "facts" in told.undecided or told.facts == whole.facts
        assert "remedies" in told.undecided or (told.facts, told.remedies) == (whole.facts, whole.remedies)
        assert set(map(str, told.remedies)) <= set(map(str, whole.remedies)) or "facts" in told.undecided
    assert {("facts", "remedies"), ("remedies",), ()} <= seen


def test_hundreds_of_acceptances_are_told() -> None:
    """Whichever task on the way to the trainer takes the released form, it helps."""
    claims = governed("claims", SECRET, make_release("sample", PUBLIC), at=["vault"])
    graph = make_graph().task("t0", uses=mounting(claims.ref), writes={"out": 1e9})
    for number in range(1, 230):
        graph = graph.task(f"t{number}", reads=[f"t{number - 1}.out"], writes={"out": 1e9})
    graph = graph.task("train", reads=["t229.out"], sites=["eu-1"])
    told = explain(graph.obj(), known(claims), Inventory.of([open_site("vault"), make_site("eu-1", "DE")]))
    assert len([each for each in told.remedies if "acceptance" in each]) == 230


@given(
    st.frozensets(st.integers(0, 9), min_size=1),
    st.lists(st.frozensets(st.integers(0, 9), min_size=1), min_size=1, max_size=4),
)
def test_what_is_irreducible(extra: frozenset[int], conflicts: list[frozenset[int]]) -> None:
    """Of whatever conflicts there are, exactly one is kept, and it has no smaller one in it."""
    of = {number: Fact(task=str(number), rule="ClearanceTooLow", site="x") for number in range(10)}
    numbers = extra.union(*conflicts)

    def holds(kept: frozenset[Fact]) -> bool:
        return not any(all(of[number] in kept for number in conflict) for conflict in conflicts)

    kept = irreducible(frozenset(of[number] for number in numbers), holds)
    assert not holds(kept)
    assert all(holds(kept - {fact}) for fact in kept)


@settings(max_examples=30, deadline=None)
@given(stories(RULES | GENTLE, tasks=3), st.data())
def test_facts_are_irreducible_and_remedies_work(story: Story, data: st.DataObject) -> None:
    """Compared with trying all choices; each remedy is made and tried."""
    names = sorted(story.graph.tasks)
    tied = data.draw(st.frozensets(st.sampled_from(names), max_size=2))
    graph = replace(story.graph, together=(tied,) if len(tied) > 1 else ())
    told = explain(graph, story.datasets, story.inventory)
    assert bool(told.facts) != possible(graph, story.datasets, story.inventory)
    feasibility = Feasibility(graph, story.datasets, story.inventory, LIMITS)
    reason = feasibility.refuted()
    assert (reason is None) == (not told.facts)
    if reason is None:
        return
    kept = irreducible(reason, feasibility.holds)
    assert [fact.words() for fact in sorted(kept, key=Fact.order)] == list(told.facts)
    assert feasibility.refuted(kept) is not None
    assert all(feasibility.refuted(kept - {fact}) is None for fact in kept)
    for remedy in told.remedies:
        assert possible(*mended(graph, story, remedy))


@settings(max_examples=40, deadline=None)
@given(stories(GENTLE, tasks=3))
def test_no_remedy_is_missing(story: Story) -> None:
    """Every acceptance and every clearance that helps is told; of clearances the least of each site."""
    told = explain(story.graph, story.datasets, story.inventory)
    if not told.facts:
        return
    accepted = {
        (name, f"{ref}/{release.name}")
        for name in story.graph.tasks
        for ref, dataset in story.datasets.items()
        for release in dataset.governance.releases
        if possible(*mended(story.graph, story, {"acceptance": f"{ref}/{release.name}", "task": name}))
    }
    cleared = {
        site.name: helping[0].word
        for site in story.inventory.sites.values()
        if (
            helping := [
                each
                for each in Classification
                if each > site.clearance
                and possible(*mended(story.graph, story, {"clearance": each.word, "site": site.name}))
            ]
        )
    }
    assert {(each["task"], each["acceptance"]) for each in told.remedies if "acceptance" in each} == accepted
    assert {each["site"]: each["clearance"] for each in told.remedies if "clearance" in each} == cleared


def mended(
    graph: Graph, story: Story, remedy: Mapping[str, str]
) -> tuple[Graph, Mapping[DatasetRef, Dataset], Inventory]:
    """All after a remedy, made by what it says."""
    if "clearance" in remedy:
        site = story.inventory.sites[remedy["site"]]
        raised = replace(site, clearance=Classification[remedy["clearance"].upper()])
        return graph, story.datasets, Inventory({**story.inventory.sites, site.name: raised})
    assert "acceptance" in remedy
    namespace, name, release = remedy["acceptance"].split("/")
    task = graph.tasks[remedy["task"]]
    accepting = task.steps[0].accepts | {(DatasetRef(namespace, name), release)}
    changed = replace(task, steps=(replace(task.steps[0], accepts=accepting),))
    return replace(graph, tasks={**graph.tasks, task.name: changed}), story.datasets, story.inventory


@pytest.mark.parametrize("story", [crossing([], "sample"), crossing([(DatasetRef("steward", "claims"), "shred")])])
def test_the_words_fit_the_schema(story: Story) -> None:
    """`infeasible.json` can be written."""
    import json  # noqa: PLC0415
    from importlib import resources  # noqa: PLC0415

    from pipeline_splitter.plan_json import write_infeasible  # noqa: PLC0415

    schema = json.loads((resources.files("pipeline_splitter") / "infeasible.schema.json").read_text())
    told = explain(story.graph, story.datasets, story.inventory)
    jsonschema.validate(json.loads(write_infeasible(told)), schema)
