"""Kubernetes quantities."""

from fractions import Fraction

import pytest

from moorage.wire import format_memory, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12Gi", 12 * 2**30),
        ("125M", 125 * 10**6),
        ("500m", Fraction(1, 2)),
        ("1.5k", 1500),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("0.1", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        (7, 7),
    ],
)
def test_quantities_are_exact(text: str | float, value: Fraction | int) -> None:
    """Suffixes and exponents, without rounding."""
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "abc", "1 Gi", "1gi", "0x10", "--1", "\u0661", True])
def test_what_is_not_a_quantity_is_refused(text: str) -> None:
    """With the way to write one."""
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (2**20, "1 MiB"), (int(1.234e9), "1.15 GiB")])
def test_bytes_for_people(size: int, text: str) -> None:
    """Three significant digits, binary units."""
    assert format_memory(size) == text
