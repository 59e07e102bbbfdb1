"""What `why` tells of sites and pods."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.access import Access
from moorage.locality.snapshot import Request, Snapshot, request_of
from moorage.model import SITE_LABEL, DatasetRef, DatasetUse, Node, Pod, Reader, Usage, UseAs
from moorage_cli.stories import Outcome, as_document, outcome, reader_words, refusals, site_stories, writing_refusals
from tests.builders import make_dataset, make_site

CLAIMS, OTHER = DatasetRef("steward", "claims"), DatasetRef("steward", "other")
NODES = (Node("a", {SITE_LABEL: "eu-1"}), Node("b", {SITE_LABEL: "eu-1"}), Node("c", {SITE_LABEL: "us-1"}))


def make_snapshot() -> Snapshot:
    """Claims stay in the EU; the other dataset may be read at us-1 only."""
    return Snapshot.of(
        datasets=(
            make_dataset("claims").at("eu-1").staying_in("EU").for_consumers("fraud").sized(10**9).obj(),
            make_dataset("other").at("us-1").allowed_at("us-1").for_consumers("fraud").sized(10**9).obj(),
        ),
        sites=(make_site("eu-1", "DE"), make_site("us-1", "US")),
        nodes=NODES,
        purposes={"fraud": None},
    )


def make_pod(*refs: DatasetRef, node: str | None = None, scheduler: str = "moorage") -> Pod:
    """A pod of fraud/trainer that mounts them."""
    uses = tuple(DatasetUse(index, ref, frozenset({UseAs.MOUNT})) for index, ref in enumerate(refs))
    return Pod("fraud", "train", "uid", "trainer", Usage(uses), node_name=node, scheduler_name=scheduler)


def end_of(pod: Pod, **raw: Any) -> Outcome:  # noqa: ANN401 - JSON
    """The outcome of a pod whose raw form has these parts."""
    snapshot = make_snapshot()
    return outcome(raw, pod, request_of(pod, snapshot), snapshot, NODES)


def test_each_site_tells_where_the_bytes_would_come_from() -> None:
    """And how many of its nodes pass."""
    snapshot = make_snapshot()
    eu, us = site_stories(request_of(make_pod(CLAIMS), snapshot), snapshot, nodes_seen=True)
    assert (eu.origins, eu.nodes, eu.passing_nodes) == ({CLAIMS: "here"}, 2, 2)
    assert (us.origins, us.nodes, us.passing_nodes) == ({CLAIMS: "eu-1"}, 1, 0)
    assert eu.verdict.decision.allowed
    assert not us.verdict.decision.allowed


def test_of_several_datasets_each_is_told_alone() -> None:
    """Which of them refuses where."""
    snapshot = make_snapshot()
    stories = site_stories(request_of(make_pod(CLAIMS, OTHER), snapshot), snapshot, nodes_seen=True)
    alone = {story.verdict.site_name: [decision.allowed for decision in story.alone.values()] for story in stories}
    assert alone == {"eu-1": [True, False], "us-1": [False, True]}
    assert {sites for sites, _ in refusals(stories)} == {"eu-1", "us-1"}


def test_what_may_not_be_written_is_told_with_its_rule() -> None:
    """Whatever the sites say; a pod that only reads is told nothing."""
    snapshot = make_snapshot()
    reading = make_pod(CLAIMS, OTHER)
    uses = tuple(replace(use, access=Access.READ_WRITE) for use in reading.usage.uses[:1])
    pod = replace(reading, usage=Usage((*uses, *reading.usage.uses[1:])))
    (told,) = writing_refusals(pod, request_of(pod, snapshot), snapshot)
    assert told.startswith("It may not write to dataset steward/claims (AccessNotOffered): dataset steward/claims is")
    assert writing_refusals(reading, request_of(reading, snapshot), snapshot) == []


def test_a_sentence_that_holds_at_several_sites_is_told_once() -> None:
    """A reader who may not read is refused everywhere by the same words."""
    snapshot = make_snapshot()
    stories = site_stories(Request(Reader("lab"), (CLAIMS,)), snapshot, nodes_seen=False)
    told = dict(refusals(stories))
    assert "may be read by its consumers only, and service account lab/default is none of them" in told["eu-1"]
    request = Request(Reader("lab"), (DatasetRef("steward", "absent"),))
    assert [sites for sites, _ in refusals(site_stories(request, snapshot, nodes_seen=False))] == ["eu-1, us-1"]


def test_without_sight_of_nodes_none_are_counted() -> None:
    """Nothing is claimed that was not seen."""
    snapshot = make_snapshot()
    for story in site_stories(request_of(make_pod(CLAIMS), snapshot), snapshot, nodes_seen=False):
        assert story.nodes is None


@pytest.mark.parametrize(
    ("stated", "counts", "listed", "expected"),
    [
        ("research", "research", None, "as service account fraud/trainer, for the purpose research"),
        (None, None, None, "as service account fraud/trainer, without a purpose"),
        (
            "research",
            None,
            frozenset({"billing"}),
            "the purpose that it states, research, does not count, because namespace fraud lists billing only",
        ),
    ],
)
def test_the_reader_in_words(
    stated: str | None, counts: str | None, listed: frozenset[str] | None, expected: str
) -> None:
    """A purpose that does not count is told with the reason."""
    assert expected in reader_words(Request(Reader("fraud", "trainer", counts), (CLAIMS,)), stated, listed)


def test_a_placed_pod() -> None:
    """Node and site."""
    end = end_of(make_pod(CLAIMS, node="a"), status={"phase": "Running"})
    assert end == Outcome(placed_and_allowed=True, sentences=["It is on node a at site eu-1 (Running)."])


def test_a_pod_that_was_placed_before_a_rule_changed() -> None:
    """It is told that it would be refused now, and the code is 1."""
    end = end_of(make_pod(CLAIMS, node="c"), status={"phase": "Running"})
    assert not end.placed_and_allowed
    assert "It would be refused there now: dataset steward/claims must stay in EU" in end.sentences[1]


def test_a_waiting_pod_repeats_the_scheduler() -> None:
    """With what its selector leaves."""
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    end = end_of(
        make_pod(CLAIMS),
        spec={"nodeSelector": {SITE_LABEL: "us-1"}},
        status={"phase": "Pending", "conditions": [condition]},
    )
    assert end.sentences == [
        f"Its node selector ({SITE_LABEL}=us-1) leaves nodes of us-1 only, and the rules refuse all of them.",
        "It waits. The scheduler moorage says: 0/3 nodes are available",
    ]


def test_a_pod_that_no_scheduler_saw() -> None:
    """A missing scheduler is the likely cause."""
    assert end_of(make_pod(CLAIMS)).sentences == [
        "It waits, and no scheduler has looked at it yet: is the scheduler moorage running?"
    ]


def test_a_pod_of_another_scheduler_is_warned() -> None:
    """It is placed unasked."""
    assert "nothing checks the rules before it is placed" in end_of(make_pod(CLAIMS, scheduler="other")).sentences[0]


def test_the_document_for_programs() -> None:
    """What /sites/score answers, and each dataset's own decision."""
    snapshot = make_snapshot()
    request = request_of(make_pod(CLAIMS), snapshot)
    body = as_document(request, site_stories(request, snapshot, nodes_seen=True))
    eu, us = body["sites"]
    assert (eu["site"], eu["allowed"], eu["seconds"], eu["nodes"]) == ("eu-1", True, 1.0, 2)
    assert eu["datasets"][0]["from"] == "eu-1"
    assert (us["rule"], us["score"], us["passingNodes"]) == ("ResidencyViolated", None, 0)
