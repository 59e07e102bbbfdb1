"""What is collected at the end of a test is what tests left, and no more."""

import gc
import weakref

import pytest

from tests.leftovers import collect


class _Knot:
    """Refers to itself, so that only the garbage collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_test_leaves_is_collected_and_what_was_imported_is_not_looked_at() -> None:
    """The collector passes over what was there before the first test: it would cost more than most tests."""
    left = weakref.ref(_Knot())
    collect()
    assert left() is None
    assert gc.get_freeze_count()
    assert all(each is not vars(pytest) for each in gc.get_objects())
