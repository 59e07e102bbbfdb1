"""Lines that wait for the store."""

from moorage.evidence.chain import Chain, chain_name
from moorage.recording.outbox import Outbox, Waiting
from tests.evidence.logs import BEGUN, granted, ticking


def test_a_batch_stays_what_it_is_until_it_is_stored() -> None:
    """An answer that got lost must not leave two objects with some of the same lines."""
    chain = Chain("broker", chain_name(BEGUN, b"random"), ticking())
    outbox = Outbox(1 << 20)
    assert outbox.batch() is None
    lines = [chain.append(granted(number)) for number in range(3)]
    outbox.put(lines[0])
    outbox.put(lines[1])
    first = outbox.batch()
    assert first is not None
    assert (first.first, first.last, first.lines) == (0, lines[1].link, 2)
    assert first.content == lines[0].write() + b"\n" + lines[1].write() + b"\n"
    outbox.put(lines[2])
    assert outbox.batch() is first
    outbox.stored()
    second = outbox.batch()
    assert second is not None
    assert (second.first, second.content) == (2, lines[2].write() + b"\n")
    outbox.stored()
    outbox.stored()
    assert (len(outbox), outbox.batch()) == (0, None)


def test_large_batches_are_parted() -> None:
    """At a mebibyte; each line is in one of them."""
    chain = Chain("broker", chain_name(BEGUN, b"random"), ticking())
    outbox = Outbox(1 << 30)
    lines = [chain.append(granted(number)) for number in range(3_000)]
    for line in lines:
        outbox.put(line)
    parts: list[Waiting] = []
    while (batch := outbox.batch()) is not None:
        assert len(batch.content) <= 1 << 20
        assert batch.first == sum(each.lines for each in parts)
        parts.append(batch)
        outbox.stored()
    assert len(parts) > 1
    assert b"".join(each.content for each in parts) == b"".join(line.write() + b"\n" for line in lines)


def test_room_and_age() -> None:
    """What has waited longest tells how long the store is away."""
    now = 0.0
    outbox = Outbox(1_000, lambda: now)
    assert outbox.has_room(0.5)
    assert outbox.oldest_seconds == 0
    chain = Chain("broker", chain_name(BEGUN, b"random"), ticking())
    outbox.put(chain.append(granted(1)))
    now = 7.0
    assert outbox.oldest_seconds == 7
    assert not outbox.has_room(0.5)
    assert outbox.has_room()
    outbox.put(chain.append(granted(2)))
    assert not outbox.has_room()
    outbox.batch()
    outbox.stored()
    assert outbox.has_room(0.5)
