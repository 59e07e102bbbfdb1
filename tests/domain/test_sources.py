"""Kinds of sources: every form and every word of each, in one table."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.errors import BrokerError, InputError, SourceError
from moorage.reading.fields import Fields
from moorage.sources import KINDS, LOCAL_KINDS, MOUNTED_KINDS, SPEC_KINDS, Credentials, HandOut, Location, unserved
from moorage.sources.bucket_claim import BucketClaimSource
from moorage.sources.hive import HiveSource
from moorage.sources.host_path import HostPathSource
from moorage.sources.http import HttpSource
from moorage.sources.iceberg import IcebergSource
from moorage.sources.memory import MemorySource
from moorage.sources.nfs import NfsSource
from moorage.sources.pvc import PvcSource
from moorage.sources.reasons import Reason
from moorage.sources.s3 import S3Source
from moorage.sources.unsupported import UnsupportedSource
from moorage.sources.web_identity import WebIdentity

PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
FULL = S3Source("https://s3.test", "b", "/p/", region="eu-1", secret_name="keys", ca_bundle=PEM)

FINE: dict[str, object] = {"webIdentity": {"roleARN": "r"}, "prefix": "p", "secretRef": None, "writerSecretRef": None}

# One of each kind, and its words.
SAMPLES: dict[str, tuple[Location, str]] = {
    "s3": (FULL, "https://s3.test/b/p"),
    "nfs": (NfsSource("nfs.test", "/data"), "nfs.test:/data"),
    "pvc": (PvcSource("claims"), "claim claims"),
    "hostPath": (HostPathSource("/srv/data"), "/srv/data"),
    "http": (HttpSource("https://h.test/a/", ca_bundle=PEM), "https://h.test/a/"),
    "hive": (HiveSource("thrift://m", table="t", within=FULL), "thrift://m t"),
    "iceberg": (
        IcebergSource("https://c", table="a.t", within=FULL, warehouse="w", snapshot=7, secret_name="k", ca_bundle=PEM),
        "https://c w a.t at snapshot 7",
    ),
    "bucketClaim": (BucketClaimSource("bc", "/p/", tls=True, ca_bundle=PEM), "bucket claim bc, folder p"),
    "memory": (MemorySource(4 << 30), "4,294,967,296 bytes of each node's memory"),
    "unsupported": (UnsupportedSource("H3"), "H3"),
}


def fields(**raw: object) -> Fields:
    """A mapping of Dataset a/b."""
    return Fields("Dataset a/b", "spec", raw)


def test_every_kind_has_a_sample_here() -> None:
    """A kind that is added is tested by the tables of this file."""
    assert SAMPLES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_words(kind: str) -> None:
    """One line, with nothing secret in it."""
    location, words = SAMPLES[kind]
    assert (location.kind, location.words) == (kind, words)


@pytest.mark.parametrize("kind", SPEC_KINDS)
def test_a_kind_reads_what_it_wrote(kind: str) -> None:
    """Nothing is lost, and nothing is left that nobody asked for."""
    location, _ = SAMPLES[kind]
    read = fields(**location.write())
    assert SPEC_KINDS[kind].read(read) == location
    read.finish()


@pytest.mark.parametrize("kind", KINDS)
def test_a_grant_tells_what_a_mount_needs_and_no_key(kind: str) -> None:
    """What can't be mounted is granted to nobody; what can reads back on the node."""
    location, _ = SAMPLES[kind]
    if kind not in MOUNTED_KINDS:
        assert unserved(location)
        with pytest.raises(BrokerError):
            location.granted()
        return
    assert unserved(location) is None
    granted = location.granted()
    assert granted.keys is None or (granted.keys.secret_name, granted.keys.inline) == (None, None)
    assert type(location).read(fields(**granted.write())) == granted


@pytest.mark.parametrize("kind", KINDS)
def test_admission_keeps_no_key(kind: str) -> None:
    """What many copies are kept of holds no keys, and still tells that there are some."""
    location, _ = SAMPLES[kind]
    kept = location.without_keys()
    assert (kept.served, kept.abilities, kept.label) == (location.served, location.abilities, location.label)
    assert PEM not in repr(kept)
    inline = replace(FULL, inline_credentials=Credentials("id", "5ecret")).without_keys()
    assert "5ecret" not in repr(FULL)
    assert inline.ca_bundle is None
    assert inline.keys is not None
    assert inline.keys.inline == Credentials("", "")


BY_TOKEN = S3Source("https://s3.test", "b", "/p/", web_identity=WebIdentity("arn:aws:iam::1:role/r", None, 900))


def test_a_session_is_of_one_folder() -> None:
    """Its policy names the folder and what is in it, and permits to write where that is asked; a grant keeps it."""
    assert BY_TOKEN.read(fields(**BY_TOKEN.write())) == BY_TOKEN
    granted = BY_TOKEN.granted()
    reads, writes = (granted.session(writes=writing) for writing in (False, True))
    assert reads is not None
    assert writes is not None
    assert (reads.endpoint, reads.role_arn, reads.seconds) == ("https://s3.test", "arn:aws:iam::1:role/r", 900)
    listing, objects = json.loads(reads.policy)["Statement"]
    assert (listing["Resource"], listing["Condition"]) == (
        ["arn:aws:s3:::b"],
        {"StringLike": {"s3:prefix": ["p", "p/*"]}},
    )
    assert objects["Resource"] == ["arn:aws:s3:::b/p/*", "arn:aws:s3:::b/p"]
    assert objects["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    *same, writing = json.loads(writes.policy)["Statement"]
    assert same == [listing, objects]
    assert (writing["Resource"], "s3:PutObject" in writing["Action"]) == (["arn:aws:s3:::b/p/*"], True)
    whole = replace(BY_TOKEN, prefix="").session(writes=False)
    assert whole is not None
    assert "Condition" not in json.loads(whole.policy)["Statement"][0]
    assert FULL.session(writes=True) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoint": "http://s3.test"}, "s3.endpoint: must begin with https://"),
        ({"endpoint": "http://10.0.0.1:8333"}, "s3.endpoint: must begin with https://"),
        ({"endpoint": "http://a/.svc"}, "s3.endpoint: must begin with https://"),
        (
            {"webIdentity": {"roleARN": "r", "stsEndpoint": "http://x.svc.evil.test"}},
            "webIdentity.stsEndpoint: must begin",
        ),
        ({"webIdentity": {"roleARN": "r", "stsEndpoint": "https://u:p@x"}}, "webIdentity.stsEndpoint: must be a host"),
        (
            {"webIdentity": {"roleARN": "r", "sessionSeconds": 60}},
            "sessionSeconds: must be a whole number of at least 900",
        ),
        ({"webIdentity": {"roleARN": "r", "audience": "x"}}, "webIdentity.audience: is not a field here"),
        ({"prefix": "a*"}, "s3.prefix: must not contain *"),
        ({"secretRef": {"name": "x"}}, "webIdentity: can't be given beside secretRef"),
        ({"writerSecretRef": {"name": "x"}}, "writerSecretRef: can't be given beside webIdentity"),
    ],
)
def test_a_token_is_not_sent_to_everybody(changes: dict[str, object], field: str) -> None:
    """Over TLS, or inside the cluster; and there is one way to keys."""
    s3 = {"endpoint": "https://s3.test", "bucket": "b", "webIdentity": {"roleARN": "r"}, **changes}
    with pytest.raises(InputError, match=re.escape(field)):
        S3Source.read(Fields("Dataset a/b", "s3", s3))
    for endpoint in ("http://s3.stores.svc", "http://s3.stores.svc.cluster.local:8333/a", "https://s3.test:1"):
        S3Source.read(Fields("Dataset a/b", "s3", {**s3, **FINE, "endpoint": endpoint}))


@pytest.mark.parametrize("kind", ["hive", "iceberg"])
@pytest.mark.parametrize("key", ["webIdentity", "writerSecretRef"])
def test_the_place_of_tables_has_fewer_fields_than_a_bucket(kind: str, key: str) -> None:
    """As in the CRD: what the API server does not take, the planner's files can't have either."""
    location, _ = SAMPLES[kind]
    raw = location.write()
    given = {"webIdentity": {"roleARN": "r"}, "writerSecretRef": {"name": "x"}}
    raw["within"]["s3"][key] = given[key]
    with pytest.raises(InputError, match=rf"within\.s3\.{key}: is not a field here"):
        SPEC_KINDS[kind].read(fields(**raw))


def test_an_archive_is_a_file_that_needs_a_copy() -> None:
    """Whatever its URL ends with; it is granted with what it is."""
    place = HttpSource("https://h.test/a/", extract=True)
    assert (place.served, place.needs_copy, place.is_folder, place.file_name) == (True, True, False, "a")
    assert place.granted() == place
    assert not HttpSource("https://h.test/a.tar").needs_copy


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h.test/a/b.csv", "b.csv"),
        ("https://h.test/a%20b.csv?token=/5ecret/", "a b.csv"),
        ("https://h.test/download/?file=x/", "download"),
        ("https://h.test", "data"),
        ("https://h.test/?x", "data"),
        ("https://h.test/a/%2e%2e?x", "data"),
        ("https://h.test/a/b%2Fc", "data"),
        ("https://h.test/a/b%0Ac", "data"),
        ("https://h.test/" + "x" * 256, "data"),
    ],
)
def test_a_single_file_has_a_name_and_no_query_in_words(url: str, name: str) -> None:
    """The name is one that a file can have; a query may hold a token, and is told to nobody but who mounts it."""
    place = HttpSource(url)
    assert (place.served, place.is_folder, place.file_name) == (True, False, name)
    assert "?" not in place.words + place.where["url"] + place.label
    assert place.hand_out() == HandOut({"url": url})


def test_what_is_not_served_names_what_is() -> None:
    """From the table, whatever is in it."""
    assert (
        unserved(UnsupportedSource("H3"))
        == "H3 is accepted but not served yet: give the data as s3, nfs, hostPath or http"
    )


def test_certificates_that_are_none_are_granted_to_nobody() -> None:
    """Base64 of PEM is understood, as in Kubernetes' own fields."""
    with pytest.raises(SourceError, match=r"s3\.caBundle holds no certificate"):
        replace(FULL, ca_bundle="hello").granted()


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (
            FULL,
            HandOut(
                {"endpoint": "https://s3.test", "bucket": "b", "prefix": "/p/", "region": "eu-1"},
                "keys",
                {"accessKeyID": "accessKeyID", "secretAccessKey": "secretAccessKey"},
            ),
        ),
        (S3Source("https://s3.test", "b"), HandOut({"endpoint": "https://s3.test", "bucket": "b"})),
        (replace(FULL, inline_credentials=Credentials("i", "s")), "its keys in spec.local"),
        (S3Source("https://s3.test", "b", web_identity=WebIdentity("arn:x")), "webIdentity instead of keys"),
        (NfsSource("nfs.test", "/data"), "a source of kind nfs"),
    ],
)
def test_what_configmap_tells(location: Location, told: HandOut | str) -> None:
    """Where the store is and which Secret, or what is in the way."""
    assert location.hand_out() == told


def test_every_word_of_spec_local_has_one_kind() -> None:
    """No two kinds claim the same word."""
    words = [word for each in KINDS.values() for word in each.local_types]
    assert sorted(words) == sorted(LOCAL_KINDS)


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        ("s3", {"endpoint": "s3.test", "bucket": "b"}, "spec.endpoint"),
        ("s3", {"endpoint": "https://s3.test", "bucket": "a/b"}, "spec.bucket"),
        ("s3", {"endpoint": "https://s3.test", "bucket": "b", "region": "x\n[other]"}, "spec.region"),
        ("nfs", {"server": "s", "path": "export"}, "spec.path"),
        ("hostPath", {"path": "/srv/../etc"}, "spec.path"),
        ("memory", {}, "spec.size"),
        ("memory", {"size": "1Ki"}, "spec.size"),
        ("memory", {"size": "4GiB"}, "spec.size"),
        ("unsupported", {}, "spec"),
    ],
)
def test_what_no_mount_can_be_made_of_is_refused_where_it_is_read(
    kind: str, raw: dict[str, object], field: str
) -> None:
    """Names the field."""
    with pytest.raises(InputError) as caught:
        KINDS[kind].read(fields(**raw))
    assert caught.value.field == field


def test_no_message_repeats_a_key() -> None:
    """Whatever is wrong with the keys that somebody wrote into a Dataset."""
    for keys in ({"accessKeyID": "id", "secretAccessKey": ["5ecret"]}, {"accessKeyID": "5ecret\n"}):
        with pytest.raises(InputError) as caught:
            S3Source.read_local(fields(endpoint="s3.test", bucket="b", **keys), "COS")
        assert "5ecret" not in str(caught.value)


def test_every_reason_is_explained() -> None:
    """People look for what a status says; `Interrupted` is never in one."""
    page = (Path(__file__).parents[2] / "docs" / "dataset-status.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == [Reason.INTERRUPTED]
