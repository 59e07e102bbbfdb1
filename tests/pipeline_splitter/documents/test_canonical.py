"""Canonical JSON is RFC 8785."""

import hashlib
import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.model import Component
from moorage.wire.governance import component_digest
from pipeline_splitter.documents import canonical_json, container_digest, digest

# The RFC's own table of doubles, and the edges of ECMAScript's layout.
NUMBERS = {
    0x0000000000000001: "5e-324",
    0x7FEFFFFFFFFFFFFF: "1.7976931348623157e+308",
    0x4340000000000000: "9007199254740992",
    0x4430000000000000: "295147905179352830000",
    0x44B52D02C7E14AF5: "9.999999999999997e+22",
    0x44B52D02C7E14AF6: "1e+23",
    0x444B1AE4D6E2EF4E: "999999999999999700000",
    0x444B1AE4D6E2EF50: "1e+21",
    0x3EB0C6F7A0B5ED8C: "9.999999999999997e-7",
    0x3EB0C6F7A0B5ED8D: "0.000001",
    0x41B3DE4355555553: "333333333.3333332",
    0xBECBF647612F3696: "-0.0000033333333333333333",
    0x43143FF3C1CB0959: "1424953923781206.2",
}


@pytest.mark.parametrize("bits", NUMBERS)
def test_numbers_are_written_as_ecmascript_does(bits: int) -> None:
    """Shortest digits, ECMAScript's layout."""
    [number] = struct.unpack(">d", bits.to_bytes(8, "big"))
    assert canonical_json(number).decode() == NUMBERS[bits]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0, "0"),
        (2**53 + 1, "9007199254740992"),
        (10**25, "1e+25"),
        (-1.5, "-1.5"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
        ((1, "a"), '[1,"a"]'),
        ({"b": 1, "a": [{}]}, '{"a":[{}],"b":1}'),
        ('\u20ac$\u000f\nA\'B"\\\\"/\u007f', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f"'),
        ({"\U0001f600": 1, "\ufb33": 2, "\u20ac": 3, "1": 4}, '{"1":4,"\u20ac":3,"\U0001f600":1,"\ufb33":2}'),
    ],
)
def test_the_form(value: object, expected: str) -> None:
    """Keys go by UTF-16 code units."""
    assert canonical_json(value).decode() == expected


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 10**400, "\ud800", {1: 2}, {"a": b"x"}, {"a": {1, 2}}, {"\ud800": 1}]
)
def test_what_is_no_json_is_refused(value: object) -> None:
    """By ValueError, whatever it is."""
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        canonical_json(value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def plain(value: object) -> object:
    """Numbers as doubles, so that 1 and 1.0 are one."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@given(VALUES)
def test_it_loses_nothing(value: object) -> None:
    """The standard library reads the value back, and writing that again changes nothing."""
    canonical = canonical_json(value)
    assert plain(json.loads(canonical)) == plain(value)
    assert canonical_json(json.loads(canonical)) == canonical


@given(st.dictionaries(st.text(), st.integers(), min_size=2), st.randoms(use_true_random=False))
def test_order_of_keys_changes_nothing(value: dict[str, int], chance: object) -> None:
    """One digest for one value."""
    keys = list(value)
    chance.shuffle(keys)  # type: ignore[attr-defined]
    assert digest({key: value[key] for key in keys}) == digest(value)


def test_the_digest_is_that_of_the_canonical_form() -> None:
    """SHA-256 in hex."""
    assert digest({"b": 1.0, "a": "x"}) == hashlib.sha256(b'{"a":"x","b":1}').hexdigest()


@given(st.text(min_size=1), st.lists(st.text(min_size=1)), st.lists(st.text(min_size=1)))
def test_a_container_has_the_digest_that_releases_declare(image: str, command: list[str], args: list[str]) -> None:
    """What the operator checks in a Dataset is what the planner finds in a pipeline."""
    declared = component_digest(Component(image, tuple(command), tuple(args)))
    assert container_digest(image, command, args) == declared
