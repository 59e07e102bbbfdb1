"""Listing a folder: the version of the semantics, whatever order a store lists in, and in which words it fails."""

import base64
import hashlib
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_operator.listing.sorting import sorted_by_key
from dataset_operator.listing.tally import Entry, Tally
from moorage.errors import SourceError
from moorage.serving.certificates import make_authority, make_leaf
from moorage.sources import Credentials
from moorage.sources.certificates import certificates_of
from moorage.sources.s3 import folder_prefix
from tests.dataset_operator.parsing import looked_into
from tests.dataset_operator.stores import BUCKET, STEWARD, STRANGER, Store, listed, run_tls_store, silent_endpoint


def version_of(objects: dict[str, bytes]) -> str:
    """The version, written anew from semantics 5; etags of single uploads are MD5."""
    lines = sorted(
        key.encode() + b"\0" + str(len(body)).encode() + b"\0" + hashlib.md5(body).hexdigest().encode() + b"\n"  # noqa: S324
        for key, body in objects.items()
    )
    return hashlib.sha256(b"".join(lines)).hexdigest()


ODD = {
    "a/b": b"1",
    "a-1": b"22",
    "a.b": b"333",
    "A": b"",
    "ü/ö b": b"4",
    "z+%20=&": b"55",
    "a/c": b"6",
    "_SUCCESS": b"",
}


def test_version_is_the_semantics_one_though_the_store_lists_otherwise(store: Store) -> None:
    """SeaweedFS lists `a/b` before `a-1`; the version does not depend on it."""
    store.put({f"odd/{key}": body for key, body in ODD.items()})
    listing = listed(store.access("odd"))
    assert not listing.in_order
    assert listing.version == version_of(ODD)
    assert (listing.objects, listing.size_bytes) == (len(ODD), sum(map(len, ODD.values())))


def test_sorted_listing_needs_no_sort(store: Store) -> None:
    """A store that lists bytewise is read once; telling it to sort gives the same version."""
    objects = {f"part-{number:05}": b"x" * number for number in range(12)}
    store.put({f"plain/{key}": body for key, body in objects.items()})
    once = listed(store.access("plain/"))
    assert once.in_order
    assert once.version == version_of(objects)
    assert listed(store.access("plain"), known_unsorted=True).version == once.version


def test_a_prefix_is_a_folder(store: Store) -> None:
    """`claims` never takes `claims2/...` in, and slashes at its ends do not count."""
    store.put({"claims/a": b"1", "claims2/b": b"2", "claims.old": b"3"})
    assert [folder_prefix(word) for word in ("", "/", "claims", "/claims/", "a/b")] == [
        "",
        "",
        "claims/",
        "claims/",
        "a/b/",
    ]
    assert {listed(store.access(word)).objects for word in ("claims", "claims/", "/claims")} == {1}


def test_a_folder_without_objects_is_no_failure(store: Store) -> None:
    """Nothing there is something to tell, not an error."""
    listing = listed(store.access("nothing/here"))
    assert (listing.objects, listing.size_bytes) == (0, 0)


def test_pages_do_not_show(store: Store) -> None:
    """A listing of more than one page (1,000) is whole."""
    for number in range(1005):
        store.client.put_object(Bucket=BUCKET, Key=f"many/{number:04}", Body=b"")
    assert listed(store.access("many")).objects == 1005


def test_true_copies_have_the_same_shape(store: Store) -> None:
    """Shape compares keys and sizes and forgives other etags; the version does not."""
    store.put({"one/a": b"1", "two/a": b"2", "three/a": b"33"})
    one, two, three = (listed(store.access(name)) for name in ("one", "two", "three"))
    assert one.shape == two.shape
    assert one.version != two.version
    assert one.shape != three.shape


def test_listing_can_be_given_up(store: Store) -> None:
    """A look that nobody wants any more ends."""
    store.put({"given-up/a": b""})
    access = store.access("given-up")
    access.stop.cancel()
    with pytest.raises(SourceError) as caught:
        listed(access)
    assert caught.value.reason == "Interrupted"


def test_listing_has_a_time_limit(store: Store) -> None:
    """A store that answers each page late does not hold a thread for hours."""
    store.put({"slow/a": b""})
    with pytest.raises(SourceError) as caught:
        listed(store.access("slow", seconds=0))
    assert caught.value.reason == "ListTooSlow"


@pytest.mark.parametrize(
    ("reason", "told", "keys", "changes"),
    [
        ("BucketNotFound", "correct s3.bucket", STEWARD, {"bucket": "nowhere"}),
        ("AccessDenied", "correct the Secret", Credentials("NOBODY", "wrong"), {}),
        ("AccessDenied", "correct the Secret", Credentials(STEWARD.access_key_id, "wrong"), {}),
        ("AccessDenied", "permit them", STRANGER, {}),
        ("AccessDenied", "gives it to nobody without keys", None, {}),
        ("EndpointUnreachable", "Connection refused", STEWARD, {"endpoint": "http://127.0.0.1:9"}),
        ("EndpointUnreachable", "does not answer", STEWARD, {"endpoint": "http://nowhere.invalid"}),
        ("ListFailed", "check s3.endpoint", STEWARD, {"bucket": "not a bucket"}),
        ("CertificateUntrusted", "holds no certificate", STEWARD, {"ca": "what is this"}),
    ],
)
def test_failures_have_reasons_and_remedies(
    store: Store, reason: str, told: str, keys: Credentials | None, changes: dict[str, str]
) -> None:
    """Each way to fail has a stable reason and says what to do; keys are in none of them."""
    with pytest.raises(SourceError) as caught:
        listed(store.access("x", keys, **changes))
    assert caught.value.reason == reason
    assert told in str(caught.value)
    assert "secret-that-nobody" not in str(caught.value)


def test_plain_http_is_told_from_a_certificate(store: Store) -> None:
    """A wrong scheme is named as what it is."""
    with pytest.raises(SourceError, match=r"write s3\.endpoint with http:"):
        listed(store.access("x", endpoint=store.endpoint.replace("http:", "https:")))


def test_a_silent_endpoint_is_given_up(store: Store) -> None:
    """A store that takes connections and says nothing costs the read time-out, not forever."""
    with silent_endpoint() as endpoint, pytest.raises(SourceError) as caught:
        listed(store.access("x", endpoint=endpoint, silence_seconds=0.3))
    assert caught.value.reason == "EndpointUnreachable"


def test_ca_bundle_is_what_an_endpoint_is_verified_against(store: Store, tmp_path: Path) -> None:
    """Without the authority's certificate the store is not trusted; with it, as PEM or base64, it is."""
    now = datetime.now(tz=UTC)
    authority = make_authority("nobody", now, timedelta(days=1))
    leaf = make_leaf(authority, ("127.0.0.1",), now, timedelta(days=1))
    (tmp_path / "s3.crt").write_bytes(leaf.certificate.pem)
    (tmp_path / "s3.key").write_bytes(leaf.key_pem)
    bundle = authority.certificate.pem.decode()
    with run_tls_store(tmp_path / "root", tmp_path / "s3.crt", tmp_path / "s3.key") as endpoint:
        with pytest.raises(SourceError) as caught:
            listed(store.access("", endpoint=endpoint))
        assert caught.value.reason == "CertificateUntrusted"
        assert listed(store.access("", endpoint=endpoint, ca=bundle)).objects == 1


KEYS = st.binary(min_size=1, max_size=6).filter(lambda key: b"\0" not in key)
ENTRIES = st.lists(
    st.tuples(KEYS, st.integers(0, 2**40), st.text("abcdef0123456789-", max_size=8)), unique_by=lambda entry: entry[0]
)


@given(ENTRIES, st.integers(1, 5))
def test_sorting_on_disk_is_sorting(entries: list[Entry], run: int) -> None:
    """Runs of any length, keys with any bytes (line feeds too): the same as a sort in memory."""
    assert list(sorted_by_key(entries, entries_in_a_run=run)) == sorted(entries)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_version_depends_on_no_order(entries: list[Entry], dice: random.Random) -> None:
    """However a store lists, the version is one."""
    shuffled = list(entries)
    dice.shuffle(shuffled)
    assert _version(entries) == _version(shuffled)


def test_a_key_listed_twice_counts_once() -> None:
    """Stores that are written to may list one key on two pages."""
    entries: list[Entry] = [(b"a", 1, "x"), (b"b", 2, "y"), (b"a", 1, "x")]
    assert [key for key, _, _ in sorted_by_key(entries, entries_in_a_run=1)] == [b"a", b"b"]


def _version(entries: list[Entry]) -> str:
    tally = Tally()
    for entry in sorted_by_key(entries, entries_in_a_run=2):
        tally.add(entry, None)
    return tally.listing(in_order=False).version


def test_certificates_may_be_encoded() -> None:
    """Kubernetes' own caBundle fields are base64; both forms are taken."""
    pem = make_authority("x", datetime.now(tz=UTC), timedelta(days=1)).certificate.pem.decode()
    assert certificates_of(pem) == pem
    assert certificates_of(base64.b64encode(pem.encode()).decode()) == pem


def test_keys_that_lie_about_are_never_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own variables hold good keys; a source without a Secret is asked without any."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STEWARD.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STEWARD.secret_access_key)
    store.put({"private/a.parquet": b"x" * 16})
    listing = listed(store.access("private"))
    nobody = store.access("private", None)
    for read in (lambda: listed(nobody), lambda: looked_into(nobody, listing)):
        with pytest.raises(SourceError) as caught:
            read()
        assert caught.value.reason == "AccessDenied"
