"""What broker, node plugin and sidecar say to each other of a grant."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import BrokerError, InputError
from moorage.grants.answer import read_answer, write_answer
from moorage.grants.grant import Grant, read_grant, write_grant
from moorage.grants.question import GrantQuestion, PodIdentity, read_question, write_question
from moorage.model import DatasetRef
from moorage.refusal import DENIED, NOT_FOUND, NOT_POSSIBLE, Refusal
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source

ROOT = Path(__file__).parents[2]
S3 = {"kind": "s3", "endpoint": "https://s3.example", "bucket": "b"}
GRANT = Grant(
    location=S3Source("https://s3.example", "b", "p/q"), local=True, credentials=Credentials("id", "secret", None)
)
QUESTION = GrantQuestion(PodIdentity("lab", "reader-0.a", "uid-1"), DatasetRef("steward", "claims"))


def test_a_question_reads_as_it_was_written() -> None:
    """The node plugin's is the broker's."""
    assert read_question(write_question(QUESTION)) == QUESTION


@pytest.mark.parametrize(
    "answer",
    [
        GRANT,
        Refusal(DENIED, "SiteDenied", "no"),
        Refusal(NOT_FOUND, "", "pod lab/reader is not there"),
        Refusal(NOT_POSSIBLE, "", "pod lab/reader has finished"),
    ],
)
def test_an_answer_reads_as_it_was_written(answer: Grant | Refusal) -> None:
    """The broker's is the node plugin's, over JSON."""
    status, body = write_answer(answer)
    assert read_answer(status, json.loads(json.dumps(body))) == answer


def test_grants_of_an_earlier_release_are_read() -> None:
    """A sidecar outlives its node plugin's upgrade: sites may be missing, fields null or new."""
    document = write_grant(GRANT) | {"more": {"to": "come"}}
    del document["site"], document["version"]
    document["source"] = {**document["source"], "region": None, "caBundle": None, "more": 1}
    del document["source"]["site"]
    assert read_grant(document) == GRANT


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": None}, "source"),
        ({"source": {"kind": "tape"}}, "source.kind"),
        ({"source": {"kind": "s3"}}, "source.endpoint"),
        ({"source": {**S3, "bucket": "a/b"}}, "source.bucket"),
        ({"source": {**S3, "endpoint": "s3.example"}}, "source.endpoint"),
        ({"source": {**S3, "region": "x\n[other]"}}, "source.region"),
        ({"source": {"kind": "nfs", "server": "s", "path": "export"}}, "source.path"),
        ({"source": {"kind": "hostPath", "path": "/srv/../etc"}}, "source.path"),
        ({"credentials": {"accessKeyId": "a"}}, "credentials.secretAccessKey"),
        ({"credentials": {"accessKeyId": "a", "secretAccessKey": "b\nendpoint = evil"}}, "credentials.secretAccessKey"),
        ({"cache": {"mode": "sometimes"}}, "cache.mode"),
        ({"cache": {"sizeLimitBytes": "1Gi"}}, "cache.sizeLimitBytes"),
    ],
)
def test_a_grant_that_can_not_be_used_names_the_field(change: dict[str, object], field: str) -> None:
    """And never shows the value of a key."""
    with pytest.raises(InputError) as caught:
        read_grant(write_grant(GRANT) | change)
    assert caught.value.field == field
    assert "evil" not in str(caught.value)


def test_the_brokers_answers_are_decisions_or_errors() -> None:
    """403, 404 and 409 are no's with a sentence; everything else that is no 200 is worth another try."""
    assert read_answer(200, write_grant(GRANT)) == GRANT
    assert read_answer(403, {"rule": "SiteDenied", "message": "no"}) == Refusal(DENIED, "SiteDenied", "no")
    assert read_answer(404, {"message": "gone"}) == Refusal(NOT_FOUND, "", "gone")
    assert read_answer(409, {"message": "other node"}) == Refusal(NOT_POSSIBLE, "", "other node")
    for status, body in ((401, None), (500, "<html>"), (302, {}), (200, {"source": 1})):
        with pytest.raises(BrokerError):
            read_answer(status, body)


@pytest.mark.parametrize("body", [b"[" * 10_000, b'{"pod":' * 10_000, b"{}" + b" " * 20_000])
def test_questions_without_bounds_are_refused_with_a_sentence(body: bytes) -> None:
    """Neither depth nor size ends the reader."""
    with pytest.raises(InputError, match="document: "):
        read_question(body)


def test_a_deep_grant_is_refused_with_a_sentence() -> None:
    """Also where it is decoded already."""
    deep: object = "x"
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(InputError, match="nested at most 6 levels deep"):
        read_grant(write_grant(GRANT) | {"source": deep})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["source", "kind", "credentials", "cache", "x"]), inner)))  # fmt: skip # noqa: E501
def test_no_document_crashes_the_reader(document: object) -> None:
    """Anything at all is read or refused."""
    try:
        read_grant(document)
    except InputError:
        return


def test_sources_and_grants_need_the_standard_library_only() -> None:
    """A sidecar's image holds nothing else, and it imports neither the model nor fractions: it starts once a pod."""
    script = (
        "import sys; import moorage.grants.grant, moorage.sources\n"
        "top = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(top - sys.stdlib_module_names - {'moorage', '__main__'}))\n"
        "print(sorted({'moorage.model', 'fractions', 'decimal'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-S", "-E", "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout == b"[]\n[]\n"
