"""The rule chain: each rule as a table, the order, the join's algebra."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.model import Classification, Governance, Reader
from moorage.policy import (
    COUNTRIES,
    EEA,
    EU,
    Rule,
    decide,
    decide_all,
    decide_reader,
    decide_transfer,
    effective_purpose,
    join,
    join_maps,
    lies_in,
    meet,
    refusals,
    unknown_places,
)
from moorage.sites import Inventory, Place
from tests.builders import DatasetBuilder, make_dataset, make_site

INVENTORY = Inventory.of(
    [
        make_site("eu-1", "DE"),
        make_site("us-1", "US-CA", clearance=Classification.RESTRICTED),
        make_site("bare"),
        make_site("vault", "FR", clearance=Classification.RESTRICTED, confidential_compute=True),
    ]
)
READER = Reader("fraud", "trainer", "research")


def claims() -> DatasetBuilder:
    """A dataset at eu-1 that namespace fraud may read."""
    return make_dataset("claims").at("eu-1").for_consumers("fraud")


@pytest.mark.parametrize(
    ("dataset", "site", "rule"),
    [
        (claims(), "eu-1", None),
        (claims().classified(Classification.INTERNAL), "eu-1", None),
        (claims().classified(Classification.CONFIDENTIAL), "eu-1", Rule.CLEARANCE_TOO_LOW),
        (claims().classified(Classification.RESTRICTED), "us-1", None),
        (claims().staying_in("EU"), "eu-1", None),
        (claims().staying_in("EU"), "us-1", Rule.RESIDENCY_VIOLATED),
        (claims().staying_in("US"), "us-1", None),
        (claims().staying_in("US-NY"), "us-1", Rule.RESIDENCY_VIOLATED),
        (claims().staying_in("EEA", "US-CA"), "us-1", None),
        (claims().staying_in("EU"), "bare", Rule.RESIDENCY_VIOLATED),
        (claims().allowed_at("us-1"), "eu-1", Rule.SITE_NOT_ALLOWED),
        (claims().allowed_at("us-1"), "us-1", None),
        (claims().denied_at("eu-1"), "eu-1", Rule.SITE_DENIED),
        (claims().denied_at("eu-1"), "us-1", None),
        (claims().for_purposes("research"), "eu-1", None),
        (claims().for_purposes("billing"), "eu-1", Rule.PURPOSE_NOT_ALLOWED),
        (claims().for_consumers("fraud/trainer"), "eu-1", None),
        (claims().for_consumers("fraud/other"), "eu-1", Rule.CONSUMER_NOT_ALLOWED),
        (claims().for_consumers("steward"), "eu-1", Rule.CONSUMER_NOT_ALLOWED),
        (make_dataset("claims").at("eu-1"), "eu-1", Rule.CONSUMER_NOT_ALLOWED),
        (make_dataset("claims", "fraud").at("eu-1"), "eu-1", None),
        (claims().confidential_only(), "eu-1", Rule.CONFIDENTIAL_COMPUTE_REQUIRED),
        (claims().confidential_only(), "vault", None),
        (claims(), "atlantis", Rule.SITE_UNKNOWN),
        (make_dataset("claims").at("atlantis").for_consumers("fraud"), "eu-1", Rule.SITE_UNKNOWN),
        (make_dataset("claims").at("eu-1").diverged_at("eu-1").for_consumers("fraud"), "eu-1", Rule.SITE_UNKNOWN),
    ],
)
def test_each_rule(dataset: DatasetBuilder, site: str, rule: Rule | None) -> None:
    """Each rule permits and refuses where the table says, and a refusal names the dataset."""
    decision = decide(dataset.obj().ref, dataset.obj(), READER, INVENTORY.place(site), INVENTORY)
    assert decision.rule == rule
    assert decision.allowed == (rule is None)
    if rule is not None:
        assert "steward/claims" in decision.message
        assert decision.dataset == dataset.obj().ref


def test_refusals_come_in_the_fixed_order() -> None:
    """Where everything refuses, mending one rule after another reveals the next one."""
    everything = (
        claims()
        .classified(Classification.RESTRICTED)
        .staying_in("JP")
        .allowed_at("none")
        .denied_at("eu-1")
        .for_purposes("billing")
        .for_consumers("nobody")
        .confidential_only()
    )
    mended = [
        everything,
        everything.classified(Classification.PUBLIC),
        everything.classified(Classification.PUBLIC).staying_in("EU"),
        everything.classified(Classification.PUBLIC).staying_in("EU").allowed_at("eu-1"),
        everything.classified(Classification.PUBLIC).staying_in("EU").allowed_at("eu-1").denied_at(),
        everything.classified(Classification.PUBLIC)
        .staying_in("EU")
        .allowed_at("eu-1")
        .denied_at()
        .for_purposes("research"),
        everything.classified(Classification.PUBLIC)
        .staying_in("EU")
        .allowed_at("eu-1")
        .denied_at()
        .for_purposes("research")
        .for_consumers("fraud"),
    ]
    place = INVENTORY.place("eu-1")
    rules = [decide(each.obj().ref, each.obj(), READER, place, INVENTORY).rule for each in mended]
    assert rules == [
        Rule.CLEARANCE_TOO_LOW,
        Rule.RESIDENCY_VIOLATED,
        Rule.SITE_NOT_ALLOWED,
        Rule.SITE_DENIED,
        Rule.PURPOSE_NOT_ALLOWED,
        Rule.CONSUMER_NOT_ALLOWED,
        Rule.CONFIDENTIAL_COMPUTE_REQUIRED,
    ]


def test_a_missing_purpose_names_the_label() -> None:
    """Without a purpose the sentence says which label to add."""
    dataset = claims().for_purposes("research").obj()
    decision = decide_reader(dataset.ref, dataset, Reader("fraud", "trainer", None))
    assert decision.rule == Rule.PURPOSE_MISSING
    assert "moorage.dev/purpose: research" in decision.message


_WRITTEN = ("FR-ZZ", "secret-site", "secret-purpose", "secret-team/secret-account", "secret-source")


@pytest.mark.parametrize("purpose", [None, "research"])
@pytest.mark.parametrize("site", ["eu-1", "us-1", "bare"])
@pytest.mark.parametrize(
    "dataset",
    [
        claims().staying_in("FR-ZZ"),
        claims().allowed_at("secret-site"),
        claims().for_purposes("secret-purpose"),
        claims(),
        make_dataset("claims").at("secret-source"),
    ],
)
def test_who_is_no_consumer_learns_nothing_that_the_steward_wrote(
    dataset: DatasetBuilder, site: str, purpose: str | None
) -> None:
    """In any refusal, alone or joined with data that the reader may read; the consumers are told nobody."""
    foreign = dataset.for_consumers("secret-team/secret-account").obj()
    own = replace(claims().obj(), ref=replace(foreign.ref, name="own"))
    pairs = [(each.ref, each) for each in (foreign, own)]
    for asked in (pairs[:1], pairs):
        decision = decide_all(asked, Reader("fraud", "trainer", purpose), INVENTORY.place(site), INVENTORY)
        assert not decision.allowed
        assert not [word for word in _WRITTEN if word in decision.message]


def test_a_joined_refusal_lists_nothing_unless_the_reader_is_a_consumer_of_all() -> None:
    """The join of two is as much the one's as the other's."""
    one = claims().staying_in("FR").obj()
    other = make_dataset("other").at("eu-1").staying_in("DE")
    for consumers, listed in (("fraud", True), ("secret-team", False)):
        both = [(each.ref, each) for each in (one, other.for_consumers(consumers).obj())]
        decision = decide_all(both, READER, INVENTORY.place("vault"), INVENTORY)
        assert decision.rule == Rule.RESIDENCY_VIOLATED
        assert ("DE" in decision.message) == listed, decision.message


@pytest.mark.parametrize(
    ("stated", "listed", "counts"),
    [
        ("research", None, "research"),
        ("research", frozenset({"research"}), "research"),
        ("research", frozenset({"billing"}), None),
        ("research", frozenset(), None),
        (None, None, None),
    ],
)
def test_a_purpose_counts_only_if_the_namespace_lists_it(
    stated: str | None, listed: frozenset[str] | None, counts: str | None
) -> None:
    """A namespace that limits purposes must list the stated one."""
    assert effective_purpose(stated, listed) == counts


def test_an_unknown_dataset_is_refused_before_anything_else() -> None:
    """No dataset, no other rule."""
    decision = decide(claims().obj().ref, None, READER, INVENTORY.place("atlantis"), INVENTORY)
    assert decision.rule == Rule.DATASET_UNKNOWN


def test_admission_asks_no_site_rule() -> None:
    """What another placement could mend does not refuse at admission."""
    dataset = claims().staying_in("JP").allowed_at("nowhere").confidential_only().obj()
    assert decide_reader(dataset.ref, dataset, READER).allowed


def test_a_transfer_asks_no_reader_rule() -> None:
    """A transfer has no reader, and the site rules bind it all the same."""
    dataset = claims().for_purposes("billing").for_consumers("nobody").staying_in("EU").obj()
    assert decide_transfer(dataset.ref, dataset, INVENTORY.place("eu-1"), INVENTORY).allowed
    refused = decide_transfer(dataset.ref, dataset, INVENTORY.place("us-1"), INVENTORY)
    assert refused.rule == Rule.RESIDENCY_VIOLATED


def test_a_node_must_offer_confidential_compute_too() -> None:
    """A site that offers it does not vouch for each of its nodes."""
    dataset = claims().confidential_only().obj()
    site = INVENTORY.sites["vault"]
    for offers, rule in ((True, None), (False, Rule.CONFIDENTIAL_COMPUTE_REQUIRED), (None, None)):
        place = Place("vault", site, confidential_node=offers)
        assert decide(dataset.ref, dataset, READER, place, INVENTORY).rule == rule


def test_of_several_the_first_by_identity_that_refuses_is_named() -> None:
    """Two datasets refuse; the rule's order comes first, then the name's."""
    late = make_dataset("b").at("eu-1").for_consumers("fraud").staying_in("US").obj()
    early = make_dataset("a").at("eu-1").for_consumers("nobody").obj()
    decision = decide_all([(late.ref, late), (early.ref, early)], READER, INVENTORY.place("eu-1"), INVENTORY)
    assert (decision.rule, decision.dataset) == (Rule.RESIDENCY_VIOLATED, late.ref)


PLACES = st.frozensets(st.sampled_from(["EU", "EEA", "DE", "DE-BY", "FR", "US", "US-CA", "NO", "JP"]), min_size=1)
WORDS = st.frozensets(st.sampled_from("abc"), min_size=1)
GOVERNANCES = st.builds(
    Governance,
    classification=st.sampled_from(Classification),
    residency=st.none() | PLACES,
    sites_allow=st.none() | WORDS,
    sites_deny=WORDS | st.just(frozenset()),
    purposes=st.none() | WORDS,
    confidential_compute=st.booleans(),
)
JURISDICTIONS = st.sampled_from(["DE", "DE-BY", "DE-BE", "FR", "US", "US-CA", "US-NY", "NO", "JP", "BR"])


@given(PLACES, PLACES, JURISDICTIONS)
def test_the_intersection_of_places_is_where_both_hold(one: frozenset[str], other: frozenset[str], where: str) -> None:
    """A jurisdiction lies in the joined residency exactly if it lies in each."""
    joined = join([Governance(residency=one), Governance(residency=other)]).residency
    assert joined is not None
    assert lies_in(where, joined) == (lies_in(where, one) and lies_in(where, other))


@given(st.lists(GOVERNANCES, max_size=4), st.randoms(use_true_random=False))
def test_a_join_is_the_same_in_any_order(governances: list[Governance], random: object) -> None:
    """Whether a site is permitted does not hang on the order of the join."""
    shuffled = list(governances)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = join(governances), join(shuffled)
    assert one.classification == other.classification
    assert (one.sites_allow, one.sites_deny, one.purposes) == (other.sites_allow, other.sites_deny, other.purposes)
    for where in ("DE", "DE-BY", "US-CA", "NO"):
        left = one.residency is None or lies_in(where, one.residency)
        assert left == (other.residency is None or lies_in(where, other.residency))


def test_equal_keys_of_maps_are_joined_and_others_kept() -> None:
    """A map's consumers narrow to the accounts that both entries name."""
    ref, other = claims().obj().ref, make_dataset("other").obj().ref
    one = {ref: Governance(consumers=frozenset({"fraud"}), purposes=frozenset({"a", "b"}))}
    two = {ref: Governance(consumers=frozenset({"fraud/trainer", "x"}), purposes=frozenset({"b"})), other: Governance()}
    joined = join_maps([one, two])
    assert joined[ref] == Governance(consumers=frozenset({"fraud/trainer"}), purposes=frozenset({"b"}))
    assert joined[other] == Governance()


@given(GOVERNANCES, GOVERNANCES, st.sampled_from(sorted(INVENTORY.sites)))
def test_what_a_meet_refuses_both_refuse(one: Governance, other: Governance, site: str) -> None:
    """A meet never refuses what either permits."""
    ref, place = claims().obj().ref, INVENTORY.place(site)
    reader = Reader(ref.namespace, "trainer", "a")
    met = _rules(meet(ref, one, other), reader, place)
    assert met <= _rules(one, reader, place) & _rules(other, reader, place)


def _rules(governance: Governance, reader: Reader, place: Place) -> set[Rule | None]:
    dataset = claims().obj()
    found = refusals({dataset.ref: governance}, {dataset.ref: dataset}, reader, place, INVENTORY)
    # Without any purpose, or with a wrong one: the same rule of two names.
    return {Rule.PURPOSE_MISSING if each.rule == Rule.PURPOSE_NOT_ALLOWED else each.rule for each in found}


@given(st.lists(GOVERNANCES, max_size=3), st.sampled_from(sorted(INVENTORY.sites)))
def test_the_first_refusal_decides(governances: list[Governance], site: str) -> None:
    """All refusals start with the one that a decision names, and none is there where it allows."""
    datasets = [replace(make_dataset(f"d{at}").at("eu-1").obj(), governance=g) for at, g in enumerate(governances)]
    known = {dataset.ref: dataset for dataset in datasets}
    carried = {dataset.ref: dataset.governance for dataset in datasets}
    place = INVENTORY.place(site)
    decision = decide_all([(ref, known[ref]) for ref in known], READER, place, INVENTORY)
    found = list(refusals(carried, known, READER, place, INVENTORY))
    assert found[:1] == ([] if decision.allowed else [decision])


def test_data_of_an_unknown_dataset_are_refused_and_so_are_others_in_them() -> None:
    """Everything that refuses is told, the unknown first."""
    secret = claims().classified(Classification.RESTRICTED).for_purposes("billing").obj()
    unknown = make_dataset("a").obj().ref
    carried = {unknown: Governance(), secret.ref: secret.governance}
    found = list(refusals(carried, {secret.ref: secret}, READER, INVENTORY.place("eu-1"), INVENTORY))
    assert [(each.rule, each.dataset) for each in found] == [
        (Rule.DATASET_UNKNOWN, unknown),
        (Rule.CLEARANCE_TOO_LOW, secret.ref),
        (Rule.PURPOSE_NOT_ALLOWED, secret.ref),
    ]
    without_reader = refusals(carried, {secret.ref: secret}, None, INVENTORY.place("eu-1"), INVENTORY)
    assert [each.rule for each in without_reader] == [Rule.DATASET_UNKNOWN, Rule.CLEARANCE_TOO_LOW]


def test_the_unions_are_countries() -> None:
    """27 members, three more in the EEA, all of them assigned codes."""
    assert (len(EU), len(EEA), len(COUNTRIES)) == (27, 30, 249)
    assert EEA <= COUNTRIES
    assert unknown_places(["EU", "DE", "US-CA", "XX", "de", "QQ-1"]) == ("QQ-1", "XX", "de")


MEMORY = make_dataset("features").in_memory_at("eu-1").for_consumers("fraud").classified(Classification.RESTRICTED)


def test_the_memory_of_nodes_is_at_their_sites_alone() -> None:
    """Nothing is brought from one site to another, so no other has it; and this is told before all rules but one."""
    dataset = MEMORY.obj()
    assert decide(dataset.ref, dataset, READER, INVENTORY.place("us-1"), INVENTORY).message == (
        "dataset steward/features is in the memory of the nodes of site eu-1, and site us-1 has none of it: run there, "
        "or ask the steward of dataset steward/features to add site us-1 to spec.sources"
    )
    assert decide(dataset.ref, dataset, READER, INVENTORY.place("vault"), INVENTORY).rule is Rule.SITE_UNKNOWN
    assert decide_transfer(dataset.ref, dataset, INVENTORY.place("vault"), INVENTORY).rule is Rule.SITE_UNKNOWN
    assert decide(dataset.ref, dataset, READER, INVENTORY.place("eu-1"), INVENTORY).rule is Rule.CLEARANCE_TOO_LOW
    stranger = decide(dataset.ref, dataset, Reader("lab"), INVENTORY.place("us-1"), INVENTORY)
    assert "of certain sites" in stranger.message


def test_data_that_was_read_from_memory_may_go_on() -> None:
    """Only the rules of the Dataset go with it: where its bytes lay is no rule."""
    dataset = make_dataset("features").in_memory_at("eu-1").for_consumers("fraud").obj()
    carried = {dataset.ref: dataset.governance}
    assert list(refusals(carried, {dataset.ref: dataset}, None, INVENTORY.place("us-1"), INVENTORY)) == []
