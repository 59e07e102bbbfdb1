"""Ports for servers under test."""

import pytest

from tests.ports import free_port


def test_no_port_is_given_twice() -> None:
    """Though none of the servers that they are for listens yet."""
    given = [free_port() for _ in range(1000)]
    assert len(set(given)) == len(given)


def test_workers_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers that start servers at once never meet."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    for number in (0, 1):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        assert {free_port() % 2 for _ in range(100)} == {number}
