"""Where tasks may be, against the policy engine asked one by one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.model import Classification, Governance, Reader
from moorage.policy import decide, decide_joined, decide_transfer, join_maps
from pipeline_splitter.flow import carry, choose, insert, permit, pin_warnings, release_candidates
from pipeline_splitter.graph import Pin, Role, Step
from pipeline_splitter.plan import Denial
from tests.builders import make_site
from tests.pipeline_splitter.flow_stories import (
    INVENTORY,
    RULES,
    Story,
    governed,
    known,
    make_release,
    mounting,
    sites,
    stories,
)
from tests.pipeline_splitter.graphs import make_graph

EU_ONLY = governed("claims", Governance(residency=frozenset({"EU"}), purposes=frozenset({"care"})))


def rule(denial: Denial | None) -> str | None:
    """The code."""
    return None if denial is None else denial.rule


@given(RULES, st.builds(Reader, st.sampled_from(["steward", "lab"]), purpose=st.sampled_from(["care", None])))
def test_a_task_of_one_dataset_is_decided_by_the_policy_engine(rules: Governance, reader: Reader) -> None:
    """Same rule, same sentence, at each site."""
    dataset = governed("claims", rules)
    graph = make_graph().task("train", uses=mounting(dataset.ref), reader=reader).obj()
    permits = permit(graph, carry(graph, known(dataset)), known(dataset), INVENTORY)
    for site in INVENTORY.sites:
        decision = decide(dataset.ref, dataset, reader, INVENTORY.place(site), INVENTORY)
        denial = permits["train"][site]
        assert (denial is None) == decision.allowed
        if denial is not None:
            assert (denial.rule, denial.message, denial.dataset) == (decision.rule, decision.message, decision.dataset)


@given(stories())
def test_every_task_is_decided_on_all_that_it_reads(story: Story) -> None:
    """The map's join decides, for each task with its own reader."""
    flow = carry(story.graph, story.datasets)
    permits = permit(story.graph, flow, story.datasets, story.inventory)
    for name, task in story.graph.tasks.items():
        for site in story.inventory.sites:
            place = story.inventory.place(site)
            decision = decide_joined(flow.task[name], task.steps[0].reader, place)
            assert rule(permits[name][site]) == (decision.rule and str(decision.rule))


@given(stories(), RULES, st.sampled_from(["claims", "images"]))
def test_a_rule_more_never_permits_more(story: Story, more: Governance, name: str) -> None:
    """Stricter datasets: whatever was denied still is."""
    stricter = {
        ref: replace(
            dataset,
            governance=replace(
                join_maps([{ref: replace(dataset.governance, releases=())}, {ref: more}])[ref],
                releases=dataset.governance.releases,
            ),
        )
        if ref.name == name
        else dataset
        for ref, dataset in story.datasets.items()
    }
    before = permit(story.graph, carry(story.graph, story.datasets), story.datasets, story.inventory)
    after = permit(story.graph, carry(story.graph, stricter), stricter, story.inventory)
    for task, by_site in before.items():
        for site, denial in by_site.items():
            assert denial is None or after[task][site] is not None


@given(stories())
def test_weaker_yields_never_permit_less(story: Story) -> None:
    """With all releases inserted that can be: yields that permit anything, against those that are declared."""
    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)
    chosen = {candidate.slot: candidate for candidate in candidates}.values()
    anybody = Governance(consumers=frozenset({"steward", "lab"}))
    weaker = {
        ref: replace(
            dataset,
            governance=replace(
                dataset.governance,
                releases=tuple(replace(each, yields=anybody) for each in dataset.governance.releases),
            ),
        )
        for ref, dataset in story.datasets.items()
    }
    graph = insert(story.graph, chosen, story.datasets)
    before = permit(graph, carry(graph, story.datasets), story.datasets, story.inventory)
    after = permit(graph, carry(graph, weaker), weaker, story.inventory)
    for task, by_site in before.items():
        for site, denial in by_site.items():
            assert denial is not None or after[task][site] is None


@given(stories(), st.data())
def test_a_relaxation_permits_what_any_completion_does(story: Story, data: st.DataObject) -> None:
    """Whatever is chosen of the free candidates, no task may be where the relaxation forbids it."""
    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)
    slots: dict[object, list[object]] = {}
    for candidate in candidates:
        slots.setdefault(candidate.slot, []).append(candidate)
    picked = {slot: data.draw(st.sampled_from([None, *options])) for slot, options in slots.items()}
    open_slots = data.draw(st.frozensets(st.sampled_from(list(slots)))) if slots else frozenset()
    all_taken = [each for each in picked.values() if each is not None]
    decided = [each for each in all_taken if each.slot not in open_slots]  # type: ignore[attr-defined]
    free = [each for each in candidates if each.slot in open_slots]
    whole = choose(story.graph, candidates, story.datasets, all_taken)  # type: ignore[arg-type]
    half = choose(story.graph, candidates, story.datasets, decided, free)  # type: ignore[arg-type]
    strict = permit(whole.graph, whole.flow, story.datasets, story.inventory)
    loose = permit(half.graph, half.flow, story.datasets, story.inventory)
    for task, by_site in loose.items():
        for site, denial in by_site.items():
            assert denial is None or strict[task][site] is not None


def test_unknown_datasets_and_such_without_a_source_are_refused_everywhere() -> None:
    """DatasetUnknown comes first, then SiteUnknown."""
    nowhere = governed("claims", Governance(), at=["mars"])
    graph = make_graph().task("a", uses=mounting(nowhere.ref), writes={"out": 1.0}).task("b", reads=["a.out"]).obj()
    for datasets, code in (({}, "DatasetUnknown"), (known(nowhere), "SiteUnknown")):
        permits = permit(graph, carry(graph, datasets), datasets, INVENTORY)
        assert {rule(denial) for by_site in permits.values() for denial in by_site.values()} == {code}


def test_a_unit_names_the_step_that_is_refused_and_the_earliest_rule() -> None:
    """Control nodes are bound by the site rules alone; the earlier rule of a later step comes first."""
    reader = Reader("steward", purpose="research")
    steps = (
        Step("loop", "loop", Role.CONTROL, uses=mounting(EU_ONLY.ref)),
        Step("loop/a", "loop", reader=reader, uses=mounting(EU_ONLY.ref)),
    )
    graph = make_graph().task("loop").obj()
    unit = replace(graph.tasks["loop"], steps=steps, is_unit=True)
    datasets = known(EU_ONLY)
    control = replace(graph, tasks={"loop": replace(unit, steps=steps[:1])})
    permits = permit(control, carry(control, datasets), datasets, INVENTORY)
    assert [rule(permits["loop"][site]) for site in ("eu-1", "us-1")] == [None, "ResidencyViolated"]
    whole = replace(graph, tasks={"loop": unit})
    permits = permit(whole, carry(whole, datasets), datasets, INVENTORY)
    assert [rule(permits["loop"][site]) for site in ("eu-1", "us-1")] == ["PurposeNotAllowed", "ResidencyViolated"]
    denial = permits["loop"]["eu-1"]
    assert denial is not None
    assert denial.message.startswith("loop/a: dataset steward/claims")


@pytest.mark.parametrize(
    ("requests", "resources", "fits"),
    [
        ({"cpu": 64.0, "nvidia.com/gpu": 1.0}, None, True),
        ({"cpu": 4.0, "memory": 2e9}, {"cpu": 4.0, "memory": 2e9}, True),
        ({"cpu": 4.1}, {"cpu": 4.0}, False),
        ({"nvidia.com/gpu": 1.0}, {"cpu": 4.0}, False),
        ({"nvidia.com/gpu": 0.0}, {"cpu": 4.0}, True),
        ({}, {}, True),
    ],
)
def test_a_task_must_fit_the_largest_node(
    requests: dict[str, float],
    resources: dict[str, float] | None,
    fits: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Without `resources` everything fits; with them what is not listed is 0."""
    graph = make_graph().task("train", requests=requests).obj()
    permits = permit(graph, carry(graph, {}), {}, sites("eu-1", resources=resources))
    assert rule(permits["train"]["eu-1"]) == (None if fits else "ResourceExceeded")


def test_rules_come_before_resources_and_resources_before_pins() -> None:
    """One reason is told: the first."""
    inventory = sites("eu-1", "eu-2", resources={"cpu": 1.0})
    graph = make_graph().task("train", requests={"cpu": 2.0}, sites=["eu-2"], uses=mounting(EU_ONLY.ref)).obj()
    permits = permit(graph, carry(graph, known(EU_ONLY)), known(EU_ONLY), inventory)
    assert rule(permits["train"]["eu-1"]) == "PurposeMissing"
    free = make_graph().task("train", requests={"cpu": 2.0}, sites=["eu-2"]).obj()
    assert rule(permit(free, carry(free, {}), {}, inventory)["train"]["eu-1"]) == "ResourceExceeded"
    small = make_graph().task("train", sites=["eu-2"]).obj()
    denials = permit(small, carry(small, {}), {}, inventory)["train"]
    assert [rule(denials[site]) for site in ("eu-1", "eu-2")] == ["Pinned", None]


def test_a_pin_to_a_site_that_is_not_listed_permits_nothing_and_warns() -> None:
    """Several pins: the site must be in each."""
    graph = make_graph().task("train", sites=["mars"]).task("tune", sites=["eu-1", "mars"]).obj()
    inventory = sites("eu-1", "eu-2")
    permits = permit(graph, carry(graph, {}), {}, inventory)
    assert [rule(permits["train"][site]) for site in ("eu-1", "eu-2")] == ["Pinned", "Pinned"]
    assert [rule(permits["tune"][site]) for site in ("eu-1", "eu-2")] == [None, "Pinned"]
    assert len(pin_warnings(graph, inventory)) == 2
    misspelt = Pin(frozenset({"eu1"}), "hint sites", "tasks[train].sites")
    tasks = {"train": replace(graph.tasks["train"], pins=(misspelt,))}
    (warning,) = pin_warnings(replace(graph, tasks=tasks), inventory)
    assert warning.startswith("task train: hint sites (tasks[train].sites) names eu1, which is not a listed site ")
    assert warning.endswith(" (nearest: eu-1; listed: eu-1, eu-2)")
    both = replace(graph.tasks["tune"], pins=(Pin(frozenset({"eu-1"}), "a"), Pin(frozenset({"eu-2"}), "b")))
    graph = replace(graph, tasks={"tune": both})
    assert all(permit(graph, carry(graph, {}), {}, inventory)["tune"].values())


def test_an_inserted_release_is_bound_by_the_site_rules_alone() -> None:
    """Nobody reads for a purpose there, and the rules of places hold."""
    secret = governed(
        "claims",
        Governance(Classification.RESTRICTED, purposes=frozenset({"care"}), consumers=frozenset({"nobody"})),
        make_release("pseudonymise"),
    )
    datasets = known(secret)
    graph = make_graph().dataset(secret.ref, 1e9)
    graph_ = graph.task("train", reads=[str(secret.ref)], accepts=[(secret.ref, "pseudonymise")]).obj()
    chosen = release_candidates(graph_, carry(graph_, datasets), datasets)
    inserted = insert(graph_, chosen, datasets)
    inventory = replace(INVENTORY, sites={**INVENTORY.sites, "low": make_site("low", "DE")})
    permits = permit(inserted, carry(inserted, datasets), datasets, inventory)
    (name,) = set(inserted.tasks) - {"train"}
    for site in inventory.sites:
        decision = decide_transfer(secret.ref, secret, inventory.place(site), inventory)
        assert rule(permits[name][site]) == (decision.rule and str(decision.rule))
    assert not any(permits["train"].values())


def test_equal_tasks_share_one_answer() -> None:
    """A thousand tasks with one map, one reader and no pins are decided once."""
    builder = make_graph().task("a", uses=mounting(EU_ONLY.ref), writes={"out": 1.0})
    for index in range(20):
        builder = builder.task(f"b{index}", reads=["a.out"])
    graph = builder.obj()
    permits = permit(graph, carry(graph, known(EU_ONLY)), known(EU_ONLY), INVENTORY)
    assert len({id(by_site) for by_site in permits.values()}) == 1
