"""What other groups made is brought to a Site's own store, once, with what its producer noted of it."""

import hashlib

import pytest

from moorage.evidence.line import canonical
from moorage.evidence.verifying import Entry, verify
from moorage.recording import Places, Recorder
from moorage.runs import FileEntry, ImportSpec, Manifest, Value
from tests.pipeline_executor.spoke.pipelines import DATASET, reader
from tests.pipeline_executor.spoke.rig import Rig

# A spoke that is ended in the middle of a request leaves a connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_CONTENT = b"far away"


async def _make_at(rig: Rig, site: str, *, content: bytes = _CONTENT) -> Manifest:
    """An artifact `first.out` and a value `first.n`, as a group at another site leaves them."""
    store, keys = rig.stores[site], rig.keys(site)
    key = keys.data("first", 1, "out")
    await store.put(key, content)
    digest = hashlib.sha256(_CONTENT).hexdigest()
    files = (FileEntry("", len(_CONTENT), digest),)
    manifest = Manifest("first.out", DATASET, {"rows": 3}, store.uri(key), files, "us-1-1", 1)
    await store.put(keys.artifact("first", "out"), manifest.write())
    await store.put(keys.value("first", "n"), Value(7, "us-1-1", 1).write())
    return manifest


def _imports(site: str) -> tuple[ImportSpec, ...]:
    return ImportSpec("given_uri", site, artifact="first.out"), ImportSpec("times", site, value="first.n")


async def test_an_artifact_and_a_value_cross_from_site_to_site(rig: Rig) -> None:
    """The task reads the copy in its own site's store, with the producer's metadata; the status says what moved."""
    made = await _make_at(rig, rig.us)
    async with rig.spoke():
        first = await rig.submit(reader(), group="g-1", imports=_imports(rig.us))
        second = await rig.submit(reader(), group="g-2", imports=_imports(rig.us))
        status = await rig.ended(first)
        await rig.ended(second)
    assert (status["phase"], status.get("message")) == ("Succeeded", None)
    moved = {each["parameter"]: each for each in status["imports"]}
    assert (moved["given_uri"]["phase"], moved["given_uri"]["bytes"]) == ("Succeeded", len(_CONTENT))
    assert moved["times"]["value"] == "first.n"
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    copied = Manifest.read(await store.get(keys.artifact("first", "out"), 10_000) or b"", "copy")
    assert (copied.files, copied.metadata, copied.group) == (made.files, made.metadata, made.group)
    assert await store.get(store.key(copied.uri) or "", 100) == _CONTENT
    log = await store.get(keys.task("say", 1, "log"), 1000)
    assert (log or b"").replace(b" ", b"") == b'times7,metadata{"rows":3}\n'
    listed = {stored.key for stored in await store.keys(keys.root + "data/double")}
    assert len(listed) == 1


async def test_a_transfer_is_a_line_of_evidence(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """One for what crosses once, whoever reads it: which artifact of which run, from where to where, which digest."""
    made = await _make_at(rig, rig.us)
    async with (
        Recorder(rig.client, "spoke", Places(rig.system, "evidence")) as evidence,
        rig.spoke(evidence=evidence),
    ):
        for group in ("g-1", "g-2"):
            await rig.ended(await rig.submit(reader(), group=group, imports=_imports(rig.us)))
    lines = [record.audit for record in caplog.records if hasattr(record, "audit")]
    (line,) = [line for line in lines if line["event"] == "transfer"]
    assert (line["run"], line["artifact"]) == (str(rig.run), "first.out")
    assert (line["source"]["site"], line["site"]) == (rig.us, rig.eu)
    assert (line["bytes"], line["version"]) == (len(_CONTENT), hashlib.sha256(_CONTENT).hexdigest())
    assert line["source"]["uri"] == made.uri
    assert verify(Entry(str(number), canonical(each)) for number, each in enumerate(lines)).findings == ()


async def test_a_copy_that_is_not_what_its_manifest_says_fails_the_group(rig: Rig) -> None:
    """No task begins; the group names the artifact and what is wrong with it."""
    await _make_at(rig, rig.us, content=b"far awax")
    async with rig.spoke():
        status = await rig.ended(await rig.submit(reader(), imports=_imports(rig.us)))
    assert status["phase"] == "Failed"
    assert "first.out can't be brought" in status["message"]
    assert rig.kubelet.began == []


async def test_what_is_not_there_yet_is_waited_for(rig: Rig) -> None:
    """The group waits and says for what; it goes on once the producer's manifest is there."""
    async with rig.spoke():
        name = await rig.submit(reader(), imports=_imports(rig.us))
        said = await rig.says(name, lambda status: status.get("phase") == "Waiting" and bool(status.get("imports")))
        assert said["message"]
        await _make_at(rig, rig.us)
        assert (await rig.ended(name))["phase"] == "Succeeded"
