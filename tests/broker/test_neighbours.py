"""What the broker tells a node of its neighbours: tables, on what nodes tell of their copies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.neighbours import NodeCopies, neighbourhood, sight
from broker.passes import READING_LIFE, reading_pass, serving_pass
from moorage.grants.neighbours import (
    MOST_BRINGING,
    MOST_IN_MEMORY,
    MOST_WHOLE,
    Neighbour,
    Neighbourhood,
    Reading,
    read_neighbourhood,
    read_pass,
    server_name,
    write_neighbourhood,
    write_pass,
)
from moorage.model import DatasetRef
from moorage.serving.certificates import make_authority
from tests.builders import make_dataset

CLAIMS = make_dataset("claims").sized(100, "v2").obj()


def copies(node: str, held: int | None, *, version: str = "v2", address: str = "10.0.0.1:9809") -> NodeCopies:
    """A node that holds so many bytes of claims."""
    return NodeCopies(node, address, {} if held is None else {(CLAIMS.ref, version): held})


def site_of(node: str) -> str | None:
    """The first part of its name."""
    return node.partition("/")[0] if "/" in node else None


def told(*all_copies: NodeCopies, node: str = "eu/me") -> Neighbourhood:
    """What the node is told."""
    site = site_of(node)
    there = [each for each in all_copies if site is not None and site_of(each.node) == site]
    return neighbourhood(sight(CLAIMS, there), node)


@pytest.mark.parametrize(
    ("other", "neighbours", "others"),
    [
        (copies("eu/a", 100), (Neighbour("eu/a", "10.0.0.1:9809", whole=True),), 1),
        (copies("eu/a", 0), (Neighbour("eu/a", "10.0.0.1:9809", whole=False),), 1),
        (copies("eu/a", 40), (Neighbour("eu/a", "10.0.0.1:9809", whole=False),), 1),
        (copies("eu/a", None), (), 1),
        (copies("eu/a", 100, version="v1"), (), 1),
        (copies("eu/a", 100, address=""), (), 0),
        (copies("us/a", 100), (), 0),
        (copies("nowhere", 100), (), 0),
    ],
)
def test_who_is_a_neighbour(other: NodeCopies, neighbours: tuple[Neighbour, ...], others: int) -> None:
    """Nodes of the same site that serve, and have the current version or bring it."""
    assert told(other) == Neighbourhood(neighbours=neighbours, others=others)


def test_of_memory_all_are_told_that_have_any() -> None:
    """Nobody has all of it; who has just begun counts, too. It is told by the Dataset's uid."""
    dataset = replace(make_dataset("features").in_memory_at("eu").obj(), uid="this")
    crowd = [NodeCopies(f"n{at:03}", "10.0.0.1:9809", {(dataset.ref, "this"): at % 2}) for at in range(MOST_IN_MEMORY)]
    other = NodeCopies("other", "10.0.0.1:9809", {(dataset.ref, "a later one"): 1})
    told = neighbourhood(sight(dataset, [*crowd, other]), "n000")
    assert {each.node for each in told.neighbours} == {each.node for each in crowd[1:]}
    assert not any(each.whole for each in told.neighbours)
    assert read_neighbourhood(200, write_neighbourhood(told)) == told


def test_a_node_learns_whether_it_is_seen() -> None:
    """Its own NodeCache says that it brings the version; it is no neighbour of itself."""
    assert told(copies("eu/me", 0)) == Neighbourhood(shares=True, seen=True)
    assert told(copies("eu/me", 100)) == Neighbourhood(shares=False, seen=True)
    assert told(copies("me", 0), node="me") == Neighbourhood()


def test_of_very_many_nodes_all_are_told_of_the_same_ones() -> None:
    """Those that share the bringing; the others know that they don't, and whole copies are spread."""
    crowd = [copies(f"eu/{number:03}", 0) for number in range(100)]
    whole = [copies(f"eu/whole-{number:03}", 100) for number in range(20)]
    answers = {each.node: told(*crowd, *whole, node=each.node) for each in crowd}
    sharing = {node for node, answer in answers.items() if answer.shares}
    assert len(sharing) == MOST_BRINGING
    for node, answer in answers.items():
        assert {each.node for each in answer.neighbours if not each.whole} == sharing - {node}
        assert sum(each.whole for each in answer.neighbours) == MOST_WHOLE
        assert read_neighbourhood(200, write_neighbourhood(answer)) == answer
    assert len({each.node for answer in answers.values() for each in answer.neighbours if each.whole}) == len(whole)


def test_passes_say_one_thing_each() -> None:
    """One serves and can't ask; one asks for one dataset, for minutes, and can't serve."""
    now = datetime.now(tz=UTC)
    authority = make_authority("test", now, timedelta(days=1))
    serving = x509.load_pem_x509_certificate(serving_pass(authority, "n1", now).certificate.encode())
    reading = x509.load_pem_x509_certificate(
        reading_pass(authority, Reading("n1", CLAIMS.ref), now).certificate.encode()
    )
    for made, usage, name in (
        (serving, ExtendedKeyUsageOID.SERVER_AUTH, server_name("n1")),
        (reading, ExtendedKeyUsageOID.CLIENT_AUTH, Reading("n1", CLAIMS.ref).uri),
    ):
        assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
        assert [each.value for each in made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value] == [
            name
        ]
    assert reading.not_valid_after_utc <= now + READING_LIFE
    for said in (Reading("n1", CLAIMS.ref), Reading("n1", CLAIMS.ref, "uid-1")):
        assert Reading.read(said.uri) == said
    assert Reading.read("moorage://n1/a/b/c") is None
    made_pass = reading_pass(authority, Reading("n" * 253, DatasetRef("n" * 63, "d" * 63)), now)
    assert read_pass(200, write_pass(made_pass)) == made_pass
    assert "PRIVATE" not in repr(made_pass)
