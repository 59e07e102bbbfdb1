"""The strict reading of foreign JSON: size, depth, what counts as JSON, exact types, and no value of a secret."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.reading.documents import Bounds, Decode, decode_strictly, is_deeper, read_object

BOUNDS = Bounds(most_bytes=100_000, most_depth=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
DECODERS = {"standard library": decode_strictly, "orjson": orjson.loads}


def depth(raw: object) -> int:
    """The definition, spelled out."""
    if isinstance(raw, dict):
        return 1 + max(map(depth, raw.values()), default=0)
    return 1 + max(map(depth, raw), default=0) if isinstance(raw, list) else 0


@given(st.lists(JSON), st.integers(1, 6))
def test_depth_is_that_of_objects_and_lists(raw: object, most: int) -> None:
    """Scalars have none."""
    assert is_deeper(raw, most) == (depth(raw) > most)


@given(st.dictionaries(st.text(), JSON))
def test_what_is_json_is_read(raw: dict[str, object]) -> None:
    """Unless it is too deep."""
    body = json.dumps(raw).encode()
    if depth(raw) > BOUNDS.most_depth:
        with pytest.raises(InputError):
            read_object(body, "it", BOUNDS)
    else:
        assert read_object(body, "it", BOUNDS).raw == raw


@given(st.binary(max_size=60))
def test_bytes_are_read_or_refused(body: bytes) -> None:
    """Nothing else happens, by either decoder."""
    for decode in DECODERS.values():
        try:
            read_object(body, "it", BOUNDS, decode)
        except InputError:
            continue


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[" * 10_000 + b"]" * 10_000, "is not JSON that is nested at most 8 levels deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "is not JSON that is nested at most 8 levels deep"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "must be nested at most 8 levels deep"),
        (b'{"a": "' + b"x" * 100_000 + b'"}', "must have at most 100000 bytes, not 100009"),
        (b'{"a": NaN}', "is not JSON"),
        (b'{"a": "\xff"}', "is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"", "is not JSON"),
    ],
)
def test_what_is_refused(decode: Decode, body: bytes, problem: str) -> None:
    """With a sentence, and never by an end of the stack."""
    with pytest.raises(InputError, match=problem) as caught:
        read_object(body, "it", BOUNDS, decode)
    assert (caught.value.subject, caught.value.field) == ("it", "document")


def test_a_key_stands_once() -> None:
    """Two readers must not see two documents in one."""
    with pytest.raises(InputError):
        read_object(b'{"a": 1, "a": 2}', "it", BOUNDS)


@pytest.mark.parametrize("value", [1, 0, "true", "false", "", [], {}])
def test_a_flag_is_nothing_that_looks_like_one(value: object) -> None:
    """Exact types."""
    with pytest.raises(InputError, match="must be true or false"):
        read_object(json.dumps({"flag": value}).encode(), "it", BOUNDS).exact_flag("flag")


@pytest.mark.parametrize("value", [True, False, 1.0, "1", -1, 2**63])
def test_a_count_is_a_whole_number(value: object) -> None:
    """A boolean is none, although Python says so."""
    with pytest.raises(InputError):
        read_object(json.dumps({"count": value}).encode(), "it", BOUNDS).count("count")


@pytest.mark.parametrize(
    "value", ["5ecret\n", "5ecret\x1b[2J", "5ecret\ud800", ["5ecret"], {"5ecret": 1}, "5ecret" * 1000]
)
def test_no_message_repeats_a_text(value: object) -> None:
    """It may be a key; nor does it hold what a file or a terminal can't show."""
    with pytest.raises(InputError) as caught:
        read_object(json.dumps({"key": value}).encode(), "it", BOUNDS).text("key")
    assert "5ecret" not in str(caught.value)
    assert caught.value.field == "key"
