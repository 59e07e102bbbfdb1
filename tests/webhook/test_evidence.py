"""A refusal at admission is a line of evidence: which ones, how many, and what they tell."""

import logging
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest

from moorage.errors import LabelError
from moorage.evidence.line import Line, What, canonical, read_line
from moorage.kube import Client
from moorage.recording import EvidenceStore, Limits, Places, Recorder, Retention
from moorage.refusal import Refusal
from moorage.sources.s3 import S3Source
from tests.ports import free_port
from tests.webhook.pods import NAMESPACE, SUBJECT, an_s3_dataset, make_pod, reading
from webhook.evidence import AT_ONCE, Witness
from webhook.mutate import Facts, PodRequest, Serving, mutate, read_request, refuse

PLACES = Places("nowhere", "nothing")
GOVERNED = an_s3_dataset(purposes=frozenset({"research"}))
LABELS = reading("claims", **{"moorage.dev/purpose": "sale"})


@pytest.fixture
async def nobody() -> AsyncIterator[Client]:
    """No API server."""
    async with Client(httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False)) as client:
        yield client


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is recorded."""
    caplog.set_level(logging.INFO, logger="moorage.audit")
    return caplog


def _refusals(log: pytest.LogCaptureFixture) -> list[Line]:
    lines = [read_line(canonical(each.audit)) for each in log.records if hasattr(each, "audit")]
    return [line for line in lines if line.event.what is What.REFUSED]


def _asked(namespace: str = NAMESPACE, **metadata: str) -> tuple[PodRequest, Refusal]:
    pod = make_pod(labels=LABELS, serviceAccountName="trainer")
    if metadata:
        pod["metadata"] = {"labels": LABELS, **metadata}
    request = read_request(pod, namespace, SUBJECT)
    foreign = Facts({use.ref: GOVERNED for use in request.usage.uses})
    outcome = mutate(request, foreign, Serving())
    assert isinstance(outcome, Refusal)
    return request, outcome


async def test_a_line_says_who_asked_for_what(nobody: Client, log: pytest.LogCaptureFixture) -> None:
    """And by which rule it was refused; a pod without a name is known by its prefix."""
    async with Recorder(nobody, "webhook", PLACES) as recorder:
        witness = Witness(recorder)
        witness.refused(*_asked())
        witness.refused(*_asked(generateName="train-"))
    named, prefixed = (line.event for line in _refusals(log))
    assert (named.dataset, named.pod, named.account) == ("fraud/claims", "fraud/reader", "fraud/trainer")
    assert (named.rule, named.status, named.purpose) == ("PurposeNotAllowed", 403, "sale")
    assert "may be read for research only" in (named.reason or "")
    assert prefixed.pod == "fraud/train-*"


async def test_what_is_about_no_dataset_is_no_evidence(nobody: Client, log: pytest.LogCaptureFixture) -> None:
    """Labels that can't be read, a volume that clashes: nobody was refused anything."""
    request, _ = _asked()
    async with Recorder(nobody, "webhook", PLACES) as recorder:
        Witness(recorder).refused(request, refuse(LabelError(SUBJECT, "metadata.labels", "is wrong")))
    assert _refusals(log) == []


async def test_a_namespace_that_is_refused_without_end_has_some_lines(
    nobody: Client, log: pytest.LogCaptureFixture
) -> None:
    """And takes none of its neighbours'."""
    async with Recorder(nobody, "webhook", PLACES) as recorder:
        witness = Witness(recorder, clock=lambda: 0.0)
        for _ in range(AT_ONCE * 3):
            witness.refused(*_asked())
        witness.refused(*_asked("neighbour", name="reader"))
    pods = [line.event.pod for line in _refusals(log)]
    assert pods.count("fraud/reader") == AT_ONCE
    assert pods.count("neighbour/reader") == 1


async def test_a_store_that_is_away_refuses_no_answer(nobody: Client, log: pytest.LogCaptureFixture) -> None:
    """Lines that may not wait are left out; the pod was refused before."""
    there = S3Source(f"http://127.0.0.1:{free_port()}", "evidence")
    store = EvidenceStore(nobody, "", there, Retention())
    async with Recorder(nobody, "webhook", PLACES, store, Limits(waiting_bytes=4_096)) as recorder:
        witness = Witness(recorder)
        for _ in range(20):
            witness.refused(*_asked())
    assert 0 < len(_refusals(log)) < 20
