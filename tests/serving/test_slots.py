"""What strangers asked for takes so many slots, and no more."""

from moorage.serving.slots import Slots


def test_each_has_so_many_and_all_together_too() -> None:
    """Who finds none is told, takes none, and is not remembered."""
    slots = Slots(most=3, most_of_one=2)
    with slots.taken("a") as first, slots.taken("a") as second, slots.taken("a") as third:
        assert (first, second, third) == (True, True, False)
        with slots.taken("b") as other, slots.taken("c") as late:
            assert (other, late) == (True, False)
            assert slots.count == 3
        assert slots.count == 2
    assert slots.count == 0
