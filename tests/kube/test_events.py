"""Events are found where kubectl looks, counted instead of repeated, and never in the way."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moorage.kube import CONFIG_MAPS, EVENTS, NODES, Client, RawObject, Recorder
from moorage.kube.client import Selection
from moorage.kube.events import _QUIET  # how long the same words are only counted


class Clock:
    """A clock that stands still unless told."""

    def __init__(self) -> None:
        self.now = datetime.now(tz=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def forward(self) -> None:
        """Go on to where the same words are written again."""
        self.now += _QUIET


@pytest.fixture
async def about(client: Client, namespace: str) -> RawObject:
    """An object that something can be told about."""
    return await client.create(
        CONFIG_MAPS,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": "x"}},
    )


async def events(client: Client, namespace: str) -> list[RawObject]:
    """All Events of a namespace about our object."""
    found = await client.list(EVENTS, Selection(namespace))
    return [event for event in found if event["regarding"].get("name") == "x"]


async def test_an_event_is_found_at_its_object(client: Client, namespace: str, about: RawObject) -> None:
    """With the words, the kind, and the object's identity, as `kubectl describe` asks for it."""
    recorder = Recorder(client, "node-plugin", "node-plugin-abc")
    await recorder.warning(about, "AccessDenied", "Purpose research is missing.", action="Mount")
    (event,) = await events(client, namespace)
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "AccessDenied", "Mount")
    assert event["note"] == "Purpose research is missing."
    assert event["regarding"]["uid"] == about["metadata"]["uid"]
    assert event["reportingController"] == "moorage.dev/node-plugin"
    asked = f"/api/v1/namespaces/{namespace}/events"
    described = await client.request(
        "GET", asked, parameters={"fieldSelector": f"involvedObject.uid={about['metadata']['uid']}"}
    )
    assert [item["message"] for item in described["items"]] == ["Purpose research is missing."]


async def test_the_same_words_are_counted(client: Client, namespace: str, about: RawObject) -> None:
    """And other words, or another reason, stand apart."""
    clock = Clock()
    recorder = Recorder(client, "operator", "one", now=clock)
    for _ in range(3):
        await recorder.normal(about, "Read", "10 objects")
        clock.forward()
    await recorder.normal(about, "Read", "11 objects")
    counts = {event["note"]: (event.get("series") or {}).get("count") for event in await events(client, namespace)}
    assert counts == {"10 objects": 3, "11 objects": None}


async def test_a_storm_writes_little(client: Client, namespace: str, about: RawObject) -> None:
    """A hundred in a moment are one write; all are counted at the next."""
    clock = Clock()
    recorder = Recorder(client, "operator", "one", now=clock)
    for _ in range(100):
        await recorder.warning(about, "Unreachable", "no answer")
    (event,) = await events(client, namespace)
    assert not event.get("series")
    clock.forward()
    await recorder.warning(about, "Unreachable", "no answer")
    (event,) = await events(client, namespace)
    assert event["series"]["count"] == 101


async def test_a_restarted_process_counts_on(client: Client, namespace: str, about: RawObject) -> None:
    """And so does another replica."""
    for instance in ("one", "two", "three"):
        await Recorder(client, "operator", instance).warning(about, "Unreachable", "no answer")
    (event,) = await events(client, namespace)
    assert event["series"]["count"] == 3


async def test_an_expired_event_is_begun_anew(client: Client, namespace: str, about: RawObject) -> None:
    """The API server forgets Events after an hour."""
    clock = Clock()
    recorder = Recorder(client, "operator", "one", now=clock)
    await recorder.warning(about, "Unreachable", "no answer")
    (event,) = await events(client, namespace)
    await client.delete(EVENTS, event["metadata"]["name"], namespace)
    clock.forward()
    await recorder.warning(about, "Unreachable", "no answer")
    (event,) = await events(client, namespace)
    assert not event.get("series")


async def test_a_cluster_scoped_object_has_events_in_default(client: Client) -> None:
    """Kubectl looks for them there."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "kube-test-node", "uid": "kube-test-uid"}}
    await Recorder(client, "operator", "one").normal(node, "Seen", "hello")
    found = await client.list(EVENTS, Selection("default", fields="regarding.name=kube-test-node"))
    assert [event["regarding"]["kind"] for event in found] == [NODES.kind]
    for event in found:
        await client.delete(EVENTS, event["metadata"]["name"], "default")


@pytest.mark.parametrize("note", ["é" * 2000, "", "two\nlines"])
async def test_any_words_are_accepted(note: str, client: Client, namespace: str, about: RawObject) -> None:
    """Too long ones are cut, between characters."""
    await Recorder(client, "operator", "i" * 300).warning(about, "Odd", note)
    (event,) = await events(client, namespace)
    shown = event.get("note", "")
    assert shown == note or (shown.endswith("é...") and len(shown.encode()) <= 1024)


async def test_events_are_never_in_the_way(
    client: Client, namespace: str, about: RawObject, kubeconfig: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Without rights, without a server, about next to nothing: the caller's work goes on, and the log tells."""
    for changes in ({"user": {"token": "nonsense"}}, {"cluster": {"server": "https://127.0.0.1:1"}}):
        async with Client.from_environment(kubeconfig(**changes)) as poor:
            await Recorder(poor, "operator", "one").warning(about, "Odd", "something")
    await Recorder(client, "operator", "one").warning({}, "Odd", "something")
    assert len([record for record in caplog.records if "could not record Event Odd" in record.message]) >= 2
    assert not await events(client, namespace)
