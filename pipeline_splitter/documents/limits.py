"""Limits of one text. Real pipelines stay far below: the largest known has 580 KB, 17,000 values, depth 15."""

from typing import NoReturn

from moorage.errors import InputError

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 100
MAX_JSON_NODES = 4_000_000
"""Half a gigabyte once read."""
MAX_YAML_NODES = 1_000_000
"""Counted after aliases are expanded; YAML is read an order of magnitude slower than JSON."""
MAX_NUMBER_LENGTH = 400
"""A number of more characters is a mistake or an attack: converting long ones takes quadratic time."""

MOST = 1e24
"""The greatest measured value: seconds, cores, bytes, prices. Products of a few such numbers are still finite."""
MOST_SLOTS = 10**15
"""The most slots of a site: a number that arrays of integers hold."""
LEAST_RATE = 1e-12
"""The least divisor: speeds, bytes per second."""

TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels: flatten it"
TOO_LARGE_NUMBER = "is a number that a double can't hold: write it as a string, or correct it"
NOT_A_NUMBER = "NaN and infinity are not JSON numbers: write a finite number, or a string"
LONE_SURROGATE = "holds half of a surrogate pair, which is not a character: correct the \\u escapes"


def fail(subject: str, line: int, column: int, problem: str) -> NoReturn:
    """Raise InputError at a place; lines and columns count from 1."""
    raise InputError(subject, f"line {line}, column {column}", problem)


def place(text: str, position: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def has_lone_surrogate(text: str) -> bool:
    """Return whether the text can't be encoded: half of a surrogate pair is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
