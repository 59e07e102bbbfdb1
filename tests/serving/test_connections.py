"""Which connection goes when there are too many: as tables and as a property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.serving.connections import Connection, ConnectionTable, Phase
from moorage.serving.limits import FREE_BODY_BYTES, Limits

LIMITS = Limits(connections=4, connections_per_peer=3, body_bytes=4 * FREE_BODY_BYTES)
LARGE = 2 * FREE_BODY_BYTES


class Listener:
    """A table whose connections have names; what a letter means is in `open`."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.table = ConnectionTable(limits)
        self.named: dict[str, Connection] = {}

    def open(self, name: str, peer: str, state: str) -> None:
        """Open a connection that is new, idle (answered once), busy, or waits for its body."""
        connection = Connection(peer, float(len(self.named)))
        self.named[name] = connection
        self.table.add(connection)
        if state == "idle":
            self.table.request_arrived(connection, connection.since)
            self.table.answered(connection, connection.since)
        elif state == "busy":
            self.table.request_arrived(connection, connection.since)
        elif state == "body":
            self.table.header_arrived(connection, connection.since)
            assert self.table.reserve_body(connection, LARGE)

    def goes_for(self, peer: str) -> str | None:
        """The name of the connection that makes room for one from this address."""
        if self.table.has_room_for(peer):
            return "nobody"
        victim = self.table.replaceable(peer)
        return next((name for name, each in self.named.items() if each is victim), None)


@pytest.mark.parametrize(
    ("open_ones", "newcomer", "goes"),
    [
        pytest.param("", "x", "nobody", id="there is room"),
        pytest.param("a:x:new b:x:new c:y:new d:y:idle", "z", "a", id="a flood of newcomers replaces itself"),
        pytest.param("a:x:idle b:x:idle c:y:new d:y:new", "z", "a", id="few newcomers: the oldest idle one"),
        pytest.param("a:x:new b:y:new c:y:new d:z:idle", "w", "b", id="the oldest of the address with most"),
        pytest.param("a:x:busy b:x:busy c:y:busy d:y:idle", "z", "d", id="busy ones stay"),
        pytest.param("a:x:busy b:x:busy c:y:busy d:y:busy", "z", None, id="all are busy"),
        pytest.param("a:x:idle b:y:idle c:z:idle d:w:body", "v", "a", id="one body to come is one newcomer"),
        pytest.param("a:x:body b:y:body c:z:new d:w:idle", "v", "a", id="many bodies to come are a flood"),
        pytest.param("a:x:idle b:x:idle c:x:new", "x", "a", id="an address at its own limit replaces its own"),
        pytest.param("a:x:new b:x:new c:x:idle", "x", "a", id="and by the same rule"),
        pytest.param("a:x:busy b:x:busy c:x:busy", "x", None, id="all of an address are busy"),
        pytest.param("a:x:busy b:x:busy c:x:busy", "y", "nobody", id="which is nothing to another address"),
    ],
)
def test_what_goes_to_make_room(open_ones: str, newcomer: str, goes: str | None) -> None:
    """Newcomers beyond half of the room, else idle ones; of the address with most; the oldest; never a busy one."""
    listener = Listener()
    for word in open_ones.split():
        listener.open(*word.split(":"))
    assert listener.goes_for(newcomer) == goes


@pytest.mark.parametrize(
    ("phase", "seconds"),
    [
        (Phase.HEADER, LIMITS.header_seconds),
        (Phase.BODY, LIMITS.body_seconds),
        (Phase.IDLE, LIMITS.idle_seconds),
        (Phase.ANSWER, None),
    ],
)
def test_each_phase_has_its_timeout(phase: Phase, seconds: float | None) -> None:
    """An answer's is its request's own, so that the client is told."""
    connection = Connection("x", 100.0, phase)
    if seconds is None:
        assert not connection.is_overdue(1e9, LIMITS)
    else:
        assert not connection.is_overdue(100.0 + seconds, LIMITS)
        assert connection.is_overdue(100.1 + seconds, LIMITS)


def test_bodies_have_a_limit_together() -> None:
    """Small ones are free; of large ones, those of the greediest address are closed, the oldest first."""
    listener = Listener(Limits(body_bytes=3 * LARGE))
    listener.open("a", "x", "body")
    listener.open("b", "y", "body")
    listener.open("c", "y", "body")
    newcomer = Connection("z", 9.0)
    listener.table.add(newcomer)
    assert listener.table.reserve_body(newcomer, FREE_BODY_BYTES)
    assert not listener.table.reserve_body(newcomer, LARGE)
    assert listener.table.largest_body_to_come() is listener.named["b"]
    listener.table.remove(listener.named["b"])
    assert listener.table.reserve_body(newcomer, LARGE)
    listener.table.remove(newcomer)
    assert listener.table.reserve_body(Connection("w", 10.0), LARGE)


_STEPS = st.lists(st.tuples(st.sampled_from(["open", "ask", "answer", "lose"]), st.integers(0, 3)), max_size=60)


@given(_STEPS)
def test_limits_hold_and_nobody_is_forgotten(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order: within the limits, no busy one closed, and empty once all are gone."""
    table, opened, busy = ConnectionTable(LIMITS), list[Connection](), set[Connection]()
    for now, (step, number) in enumerate(steps):
        if step == "open":
            peer = f"10.0.0.{number}"
            while not table.has_room_for(peer):
                victim = table.replaceable(peer)
                if victim is None:
                    break
                assert victim not in busy
                table.remove(victim)
                opened.remove(victim)
            else:
                opened.append(Connection(peer, float(now)))
                table.add(opened[-1])
        elif opened:
            connection = opened[number % len(opened)]
            if step == "ask":
                table.request_arrived(connection, float(now))
                busy.add(connection)
            elif step == "answer":
                table.answered(connection, float(now))
                busy.discard(connection)
            else:
                table.remove(connection)
                opened.remove(connection)
                busy.discard(connection)
        assert len(table) == len(opened) <= LIMITS.connections
        assert all(table.of_peer(each.peer) <= LIMITS.connections_per_peer for each in opened)
        idle = [each for each in opened if each not in busy]
        assert (table.replaceable("10.0.0.9") is None) == (not idle)
    for connection in opened:
        table.remove(connection)
    assert len(table) == 0
    assert table.replaceable("10.0.0.9") is None
