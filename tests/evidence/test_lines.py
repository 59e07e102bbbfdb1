"""Lines: a closed schema, one way to write each, and what is in them is bounded."""

import json
import subprocess
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.evidence import ed25519, trust
from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.heads import read_head, sealed_head
from moorage.evidence.line import MOST_LINE_BYTES, Event, Link, What, canonical, digest_of, read_line
from moorage.evidence.places import Batch
from moorage.evidence.selecting import Wanted
from moorage.evidence.signing import SealingKey
from moorage.evidence.trust import TrustedKeys, read_public_keys
from tests.evidence.logs import BEGUN, KEY, TRUSTED, granted, refused, ticking

TEXT = st.one_of(st.none(), st.text(max_size=20), st.text(st.characters(categories=["Cc", "Cs", "So"]), min_size=1))
EVENTS = st.builds(
    Event,
    what=st.sampled_from(What),
    **dict.fromkeys(("dataset", "pod", "account", "purpose", "rule", "reason", "address", "version"), TEXT),
    run=TEXT,
    bytes=st.none() | st.integers(0, 2**53 - 1),
    source=st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=10),
    status=st.none() | st.integers(0, 2**53 - 1),
    chains=st.none() | st.just((Link("broker", "20261130T060000Z-0123456789ab", 3, "a" * 64),)),
)


def _chain() -> Chain:
    return Chain("broker", chain_name(BEGUN, b"random"), ticking())


@given(event=EVENTS)
def test_what_is_written_is_read(event: Event) -> None:
    """Whatever somebody's texts are, halves of characters too; and the hash is that of the line without it."""
    line = _chain().append(event)
    assert read_line(line.write()) == line
    document = json.loads(line.write())
    assert document.pop("hash") == digest_of(document)


def test_a_line_is_bounded() -> None:
    """The longest texts that there can be, of the characters that take most room."""
    long = "\x01" * 100_000
    texts: dict[str, Any] = {name: long for name, kind in Event.__annotations__.items() if kind == (str | None)}
    links = (Link("b" * 40, "20261130T060000Z-0123456789ab", 2**53 - 1, "a" * 64),) * 100
    source = {f"{number}{long}": long for number in range(50)}
    line = _chain().append(Event(what=What.REFUSED, source=source, chains=links, status=2**53 - 1, **texts))
    assert len(line.write()) < MOST_LINE_BYTES
    assert read_line(line.write()) == line


_GOOD = json.loads(_chain().append(granted(1)).write())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"format": 2}, "format"),
        ({"format": True}, "format"),
        ({"event": "forgiven"}, "event"),
        ({"extra": "x"}, "document"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": 1.0}, "sequence"),
        ({"status": True}, "status"),
        ({"dataset": None}, "dataset"),
        ({"reason": "x" * 1025}, "reason"),
        ({"source": {"kind": 1}}, "kind"),
        ({"chains": [{}]}, "chains"),
        ({"previous": "0" * 63}, "previous"),
        ({"chain": "../../x"}, "chain"),
        ({"time": "yesterday"}, "time"),
        ({"pod": "fraud/other"}, "hash"),
    ],
)
def test_what_no_line_has_is_refused(changes: dict[str, Any], field: str) -> None:
    """Also where its hash was made anew."""
    document = _GOOD | changes
    if field != "hash":
        document["hash"] = digest_of({name: value for name, value in document.items() if name != "hash"})
    with pytest.raises(InputError) as raised:
        read_line(canonical(document))
    assert raised.value.field == field


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 50_000,
        json.dumps(_GOOD).encode(),
        canonical(_GOOD) + b" ",
        canonical(_GOOD).replace(b'"node-1"', b'"node\\u002d1"'),
        canonical(_GOOD).replace(b'"event"', b'"event":"granted","event"'),
        b'"' + b"x" * MOST_LINE_BYTES + b'"',
        b"\xff",
    ],
)
def test_there_is_one_way_to_write_a_line(data: bytes) -> None:
    """Spaces, escapes, doubled keys, other orders: the same meaning in other bytes is another line."""
    with pytest.raises(InputError):
        read_line(data)


def test_a_seal_is_over_all_before_it() -> None:
    """By its own key alone; the head that it signs can be held and read again."""
    chain = _chain()
    chain.begin(())
    before = chain.append(granted(1))
    line = chain.append(KEY.seal(before.link))
    head = sealed_head(line)
    assert head is not None
    assert head.link == before.link
    assert TRUSTED.signed(head)
    assert read_head(head.write()) == head
    assert not TrustedKeys([SealingKey.make().public]).signed(head)
    other = SealingKey.make().sign(before.link)
    assert not TRUSTED.signed(other)
    assert not TRUSTED.signed(type(head)(chain.append(granted(2)).link, head.key, head.signature))
    assert sealed_head(before) is None


def test_keys_are_read_again() -> None:
    """Private and public; and what is none is refused without a word of it."""
    assert SealingKey.read(KEY.write()).public == KEY.public
    other = SealingKey.make().public
    assert read_public_keys(f"# two keys\n{KEY.public.write()}{other.write()}") == [KEY.public, other]
    with pytest.raises(InputError) as raised:
        SealingKey.read(b"-----BEGIN PRIVATE KEY-----\nsecret")
    assert "secret" not in str(raised.value)
    for text in (KEY.write().decode(), KEY.public.write().replace("MCow", "MCox"), ""):
        with pytest.raises(InputError):
            read_public_keys(text)


def test_public_keys_are_written_as_everybody_writes_them() -> None:
    """Beside cryptography's."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    theirs = KEY.private.public_key().public_bytes(serialization.Encoding.PEM, form)
    assert KEY.public.write().encode() == theirs


@settings(max_examples=30, deadline=None)
@given(message=st.binary(max_size=100), place=st.integers(0, 127), bit=st.integers(0, 7), changed=st.booleans())
def test_signatures_are_verified_as_cryptography_does(message: bytes, place: int, bit: int, changed: bool) -> None:  # noqa: FBT001
    """Without it, in plain Python: genuine ones, and with any bit of key or signature turned."""
    everything = bytearray(KEY.public.raw + KEY.private.sign(message) + bytes(32))
    everything[place] ^= (1 << bit) if changed else 0
    public, signature = bytes(everything[:32]), bytes(everything[32:96])
    expected = trust.is_genuine(public, signature, message)
    assert ed25519.is_genuine(public, signature, message) == expected
    assert expected == (not changed or place >= 96)


def test_verifying_needs_no_package() -> None:
    """The archives of `kubectl dataset` have no cryptography."""
    script = (
        "import sys; sys.modules['cryptography'] = None; import moorage_cli.audit.proving\n"
        "from moorage.evidence import ed25519, trust; assert trust.is_genuine is ed25519.is_genuine"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_signatures_that_no_signer_makes() -> None:
    """A scalar beyond the group's order, points that are none, other lengths."""
    signature = KEY.private.sign(b"x")
    order = 2**252 + 27742317777372353535851937790883648493
    beyond = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert ed25519.is_genuine(KEY.public.raw, signature, b"x")
    for public, signed in (
        (KEY.public.raw, signature[:32] + beyond),
        (KEY.public.raw, b"\xff" * 32 + signature[32:]),
        (b"\xff" * 32, signature),
        (KEY.public.raw, signature[:63]),
        (KEY.public.raw[:31], signature),
    ):
        assert not ed25519.is_genuine(public, signed, b"x")
        assert not trust.is_genuine(public, signed, b"x")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"key":1,"signature":"x"}', b"{" * 5_000])
def test_what_is_no_head_is_refused(data: bytes) -> None:
    """With what to give instead, or what is wrong."""
    with pytest.raises(InputError, match="head: "):
        read_head(data)


@pytest.mark.parametrize("prefix", ["", "audit", "/a/b/"])
def test_batches_have_names(prefix: str) -> None:
    """Which are read again; others are none."""
    batch = Batch("broker", "20261130T060000Z-0123456789ab", 1200)
    assert Batch.read(prefix, batch.key(prefix)) == batch
    assert Batch.read(prefix, batch.key(prefix) + "x") is None
    assert Batch.read(f"{prefix}/other", batch.key(prefix)) is None


def test_lines_are_chosen() -> None:
    """By dataset, pod, run and time; lines about chains only where they are asked for."""
    chain = _chain()
    lines = [chain.begin(()), chain.append(granted(1)), chain.append(refused(2)), chain.append(granted(4))]
    assert [line for line in lines if Wanted()(line)] == lines[1:]
    assert [line for line in lines if Wanted(chains=True)(line)] == lines
    assert [line for line in lines if Wanted(dataset="steward/claims-1")(line)] == [lines[1], lines[3]]
    assert [line for line in lines if Wanted(pod="fraud/train-2")(line)] == [lines[2]]
    moved = chain.append(Event(what=What.TRANSFER, run="fraud/nightly/uid", artifact="train.model", bytes=7))
    assert [line for line in [*lines, moved] if Wanted(run="fraud/nightly")(line)] == [moved]
    assert not Wanted(run="fraud/night")(moved)
    assert [line for line in lines if Wanted(since=lines[3].time)(line)] == [lines[3]]
