"""Grants as OpenLineage events: what the specification requires, and the names that it gives to data."""

from dataclasses import replace

import pytest

from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.line import read_line
from moorage_cli.audit.commands import HEADER, row
from moorage_cli.audit.lineage import run_event
from tests.evidence.logs import BEGUN, granted, refused, ticking

UID = "6A1F0C9A-4b77-4de0-8c11-0123456789ab"


def _chain() -> Chain:
    return Chain("broker", chain_name(BEGUN, b"random"), ticking())


def test_a_grant_is_an_event_of_its_pods_run() -> None:
    """With all that an event and a facet must have, and the line that proves it."""
    line = _chain().append(replace(granted(1), uid=UID))
    event = run_event(line)
    assert event is not None
    assert {"eventTime", "producer", "schemaURL", "run", "job"} <= event.keys()
    assert event["eventType"] == "OTHER"
    assert event["run"]["runId"] == UID.lower()
    assert event["job"] == {"namespace": "fraud", "name": "train-1"}
    (told,) = event["inputs"]
    assert (told["namespace"], told["name"]) == ("s3://claims", "/")
    assert told["facets"]["version"]["datasetVersion"] == line.event.version
    assert told["facets"]["moorage_dataset"]["dataset"] == "steward/claims-1"
    grant = event["run"]["facets"]["moorage_grant"]
    assert (grant["account"], grant["site"], grant["hash"]) == ("fraud/trainer", "eu-1", line.hash)
    assert "purpose" not in grant
    for facet in (grant, *told["facets"].values()):
        assert {"_producer", "_schemaURL"} <= facet.keys()


def test_a_grant_to_write_has_an_output() -> None:
    """The same data, without the version that it had before; a grant to read has none."""
    chain = _chain()
    event = run_event(chain.append(replace(granted(1), uid=UID, access="readWrite")))
    assert event is not None
    (told,) = event["outputs"]
    assert (told["namespace"], told["name"]) == ("s3://claims", "/")
    assert "version" not in told["facets"]
    assert event["run"]["facets"]["moorage_grant"]["access"] == "readWrite"
    reading = run_event(chain.append(replace(granted(1), uid=UID)))
    assert reading is not None
    assert reading["outputs"] == []


def test_the_table_says_which_grant_was_to_write() -> None:
    """In a column of its own; and a line with it reads back as it was written."""
    line = _chain().append(replace(granted(1), uid=UID, access="readWrite"))
    assert dict(zip(HEADER, row(line), strict=False))["ACCESS"] == "readWrite"
    assert read_line(line.write()) == line


@pytest.mark.parametrize(
    ("source", "identity"),
    [
        ({"kind": "s3", "bucket": "b", "prefix": "/a/b/"}, ("s3://b", "a/b")),
        ({"kind": "http", "url": "https://x.example:8443/data.tar"}, ("https://x.example:8443", "/data.tar")),
        ({"kind": "nfs", "server": "s", "path": "/p"}, ("moorage", "steward/claims-1")),
        (None, ("moorage", "steward/claims-1")),
    ],
)
def test_data_has_the_names_that_others_give_it(source: dict[str, str] | None, identity: tuple[str, str]) -> None:
    """Where OpenLineage has none for a kind, the Dataset's."""
    event = run_event(_chain().append(replace(granted(1), uid=UID, source=source)))
    assert event is not None
    assert (event["inputs"][0]["namespace"], event["inputs"][0]["name"]) == identity


def test_other_lines_are_no_events() -> None:
    """Refusals, lines about chains, and pods whose uid can't be a run's."""
    chain = _chain()
    assert run_event(chain.begin(())) is None
    assert run_event(chain.append(refused(1))) is None
    assert run_event(chain.append(granted(1))) is None
