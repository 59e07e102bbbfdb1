"""Evidence of real brokers in a real store, read and proven by the commands; and what was done to it is told."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from moorage.sources.s3 import S3Source
from moorage_cli.kubectl_dataset import kubectl_dataset
from moorage_cli.running import run
from tests.dataset_operator.brokers import mounting, run_broker, token
from tests.dataset_operator.processes import SYSTEM
from tests.dataset_operator.stores import BUCKET, STEWARD, STRANGER, Store
from tests.ports import free_port
from tests.world import World, eventually

PREFIX: Final = "evidence/of/tests"


@dataclass(frozen=True)
class Kept:
    """What two brokers, one after the other, have left.

    Attributes:
        log: of both.
        head: a file of heads that were printed after the first.
    """

    world: World
    store: Store
    log: Path
    head: Path

    def keys(self) -> list[str]:
        """Of the batches."""
        listed = self.store.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/")["Contents"]
        return sorted(each["Key"] for each in listed)

    def content(self, key: str) -> bytes:
        """Of a batch."""
        found: bytes = self.store.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return found


@pytest.fixture(scope="module")
def kept(world: World, rights: dict[str, Path], store: Store, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Two brokers that granted and refused, and the first that this cluster knows."""
    for kind in ("configmap", "secret"):
        emptied = ("--type=merge", "-p", '{"data": null}')
        world.kubectl("patch", kind, "moorage-broker-evidence", "-n", SYSTEM, *emptied)
    folder = tmp_path_factory.mktemp("evidence")
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    world.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "evidence-keys", "namespace": SYSTEM},
            "stringData": keys,
        }
    )
    location = S3Source(store.endpoint, BUCKET, PREFIX, secret_name="evidence-keys")
    settings = {"evidence_store": json.dumps(location.write()), "evidence_pause_seconds": "0.2"}
    head = folder / "held.jsonl"
    with run_broker(world, rights["broker"], folder, **settings) as broker:
        assert broker.ask(token(world), mounting(world, "proven"))[0] == 200
        assert broker.ask(token(world, node="us-a"), mounting(world, "disproven", node="us-a"))[0] == 403
        eventually(lambda: "head." in json.dumps(world.get("configmap", "moorage-broker-evidence", SYSTEM)))
    data = world.get("configmap", "moorage-broker-evidence", SYSTEM)["data"]
    head.write_text("".join(f"{value}\n" for name, value in data.items() if name.startswith("head.")))
    with run_broker(world, rights["broker"], folder, **settings) as broker:
        assert broker.ask(token(world), mounting(world, "again"))[0] == 200
    return Kept(world, store, folder / "broker.log", head)


@pytest.fixture
def asked(kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Asked":
    """Asks as somebody who may read the cluster's Secrets."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", str(kept.world.cluster.kubeconfig_path))
    return Asked(capsys, kept)


class Asked:
    """`kubectl dataset audit`."""

    def __init__(self, capsys: pytest.CaptureFixture[str], kept: Kept) -> None:
        self._capsys = capsys
        self._kept = kept

    def __call__(self, *arguments: str, command: str = "audit") -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        system = () if "--file" in arguments or "--store" in arguments else ("--system-namespace", SYSTEM)
        code = run(kubectl_dataset, "kubectl dataset", [command, *arguments, *system])
        told = self._capsys.readouterr()
        return code, told.out, told.err

    def in_store(self, *arguments: str) -> tuple[int, str, str]:
        """With keys of one's own."""
        return self(*arguments, "--store", f"s3://{BUCKET}/{PREFIX}", "--endpoint", self._kept.store.endpoint)


def test_nothing_is_wrong(asked: Asked, kept: Kept) -> None:
    """Two chains that ended, sealed to their last lines by the key that the cluster says; the held head fits."""
    code, out, err = asked("verify", "--head", str(kept.head), "-o", "json")
    assert code == 0, (out, err)
    told = json.loads(out)
    assert told["findings"] == []
    assert [chain["ended"] for chain in told["chains"]] == [True, True]
    assert all(chain["sealed_to"] == chain["last"] for chain in told["chains"])
    code, out, err = asked("verify")
    assert (code, err) == (0, "")
    assert "of 2 chains: nothing was changed, removed or moved." in out


def test_lines_say_who_what_where(asked: Asked, kept: Kept) -> None:
    """Filtered by dataset, pod and time."""
    world = kept.world
    code, out, err = asked("--dataset", f"{world.steward}/claims", "--since", "1h", "-o", "json")
    assert (code, err) == (0, "")
    lines = json.loads(out)
    assert [line["pod"].split("/")[1] for line in lines] == ["proven", "disproven", "again"]
    granted, refused, _ = lines
    assert (granted["event"], granted["account"], granted["site"]) == ("granted", f"{world.reader}/trainer", world.eu)
    assert granted["source"]["prefix"] == "/claims/"
    assert (refused["event"], refused["rule"], refused["status"]) == ("refused", "ResidencyViolated", 403)
    code, out, _ = asked("--pod", "again", "-n", world.reader)
    assert code == 0
    assert out.split()[:5] == ["TIME", "EVENT", "DATASET", "POD", "ACCOUNT"]
    assert len(out.splitlines()) == 2
    assert json.loads(asked("--since", "2999-01-01", "-o", "json")[1]) == []


def test_grants_are_exported(asked: Asked, kept: Kept) -> None:
    """As OpenLineage events, of each pod's run."""
    code, out, err = asked("export", "--dataset", f"{kept.world.steward}/claims")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["job"]["name"] for event in events] == ["proven", "again"]
    uids = [kept.world.get("pod", name, kept.world.reader)["metadata"]["uid"] for name in ("proven", "again")]
    assert [event["run"]["runId"] for event in events] == uids


def test_usage_adds_grants_up(asked: Asked, kept: Kept) -> None:
    """Who, where, since when; of a log alone nobody knows who reads now."""
    world = kept.world
    code, out, err = asked("claims", "-n", world.steward, "-o", "json", command="usage")
    assert (code, err) == (0, "")
    (told,) = json.loads(out)
    assert (told["dataset"], told["account"]) == (f"{world.steward}/claims", f"{world.reader}/trainer")
    assert (told["site"], told["access"], told["pods"]) == (world.eu, "readOnly", 2)
    assert told["since"] < told["last"]
    assert told["podsNow"] is not None
    code, out, err = asked("-n", world.steward, command="usage")
    assert (code, err) == (0, "")
    assert out.split()[:9] == ["DATASET", "ACCOUNT", "PURPOSE", "SITE", "ACCESS", "PODS", "NOW", "SINCE", "LAST"]
    code, out, err = asked("--file", str(kept.log), "-o", "json", command="usage")
    assert code == 0
    assert [each["podsNow"] for each in json.loads(out)] == [None]
    code, _, err = asked("none", "-n", world.steward, command="usage")
    assert (code, "Nobody was given that" in err) == (0, True)


def test_the_log_has_the_same_lines(asked: Asked, kept: Kept, tmp_path: Path) -> None:
    """Proven with keys that somebody holds; without keys it is said that no signature was looked at."""
    code, out, _ = asked("keys")
    assert code == 0
    keys = tmp_path / "keys.pem"
    keys.write_text(out)
    code, out, err = asked("verify", "--file", str(kept.log), "--key", str(keys), "--head", str(kept.head))
    assert (code, err) == (0, "")
    assert "nothing was changed" in out
    code, out, err = asked("verify", "--file", str(kept.log))
    assert code == 1
    assert "No signature was checked" in err
    assert "hashes fit" in out
    assert "nothing was changed" not in out
    stored = tmp_path / "stored.jsonl"
    stored.write_bytes(b"".join(map(kept.content, kept.keys())))
    assert asked("--file", str(stored), "--chains", "-o", "json") == asked(
        "--file", str(kept.log), "--chains", "-o", "json"
    )


def test_heads_are_printed_to_be_held(asked: Asked, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the cluster, or from the seals in the store with keys of one's own."""
    code, out, _ = asked("head")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert set(kept.head.read_text().splitlines()) < set(out.splitlines())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STEWARD.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STEWARD.secret_access_key)
    code, out, _ = asked.in_store("head")
    assert code == 0
    assert len(out.splitlines()) == 2
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STRANGER.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STRANGER.secret_access_key)
    code, _, err = asked.in_store("verify")
    assert code == 1
    assert "refuses the keys" in err


def test_what_was_done_to_the_store_is_told(asked: Asked, kept: Kept) -> None:
    """An object that was changed, one that is gone, a chain that is gone, the end of the newest: each by its name."""
    client, keys = kept.store.client, kept.keys()
    contents = {key: kept.content(key) for key in keys}
    first, newest = keys[0].rsplit("/", 1)[0], keys[-1].rsplit("/", 1)[0]
    granting = next(key for key in keys if b'"granted"' in contents[key])
    number = next(at for at, line in enumerate(contents[granting].splitlines(), 1) if b'"granted"' in line)

    def told() -> str:
        code, out, _ = asked("verify")
        assert code == 1
        return out

    def restore() -> None:
        kept.store.put(contents)

    kept.store.put({granting: contents[granting].replace(b"/proven", b"/nobody")})
    assert f"Altered: {granting}:{number}: this line was changed: hash" in told()
    restore()
    client.delete_object(Bucket=BUCKET, Key=granting)
    assert "Removed: " in told()
    restore()
    for key in keys:
        if key.startswith(f"{first}/"):
            client.delete_object(Bucket=BUCKET, Key=key)
    assert "the whole chain is missing: broker/" in told()
    restore()
    last = [key for key in keys if key.startswith(f"{newest}/")][-1]
    lines = contents[last].splitlines(keepends=True)
    kept.store.put({last: b"".join(lines[:-2])})
    assert "Truncated: " in told()
    restore()
    assert asked("verify")[0] == 0


def test_nothing_is_granted_when_no_more_lines_may_wait(
    world: World, rights: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that is away: grants go on at first, then the broker answers 503. Its log has what it granted, whole."""
    location = S3Source(f"http://127.0.0.1:{free_port()}", BUCKET)
    settings = {"evidence_store": json.dumps(location.write()), "evidence_waiting_bytes": "6000"}
    with run_broker(world, rights["broker"], tmp_path, **settings) as broker:
        question, proof = mounting(world, "unrecorded"), token(world)
        codes = [broker.ask(proof, question)[0] for _ in range(12)]
        assert codes[0] == 200
        assert codes[-1] == 503
        assert codes == sorted(codes)
        code, answer = broker.ask(proof, question)
        assert (code, "evidence can't be kept" in answer["message"]) == (503, True)
    log = tmp_path / "broker.log"
    run(kubectl_dataset, "kubectl dataset", ["audit", "verify", "--file", str(log), "-o", "json"])
    assert json.loads(capsys.readouterr().out)["findings"] == []
    run(kubectl_dataset, "kubectl dataset", ["audit", "--file", str(log), "-o", "json"])
    lines = json.loads(capsys.readouterr().out)
    assert len([line for line in lines if line["event"] == "granted"]) == codes.count(200)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--dataset", "claims", "verify"], "--dataset: stands before verify"),
        (["--file", "/none", "-o", "json"], "--file: /none: can't be read"),
        (["--file", "/dev/null", "--dataset", "claims"], "must be NAMESPACE/NAME"),
        (["--file", "/dev/null", "--since", "soon"], "must be a time"),
        (["--store", "http://x", "--endpoint", "http://y"], "must be s3://BUCKET"),
        (["--store", "s3://x"], "--endpoint: "),
        (["--store", "s3://x", "--file", "/dev/null"], "leave out the one or the other"),
        (["verify", "--head", "/dev/null", "--file", "/dev/null"], "holds no head"),
        (["verify", "--key", "/dev/null", "--file", "/dev/null"], "audit keys"),
    ],
)
def test_usage_that_does_not_fit(asked: Asked, arguments: list[str], told: str) -> None:
    """Says which option, and what to write."""
    code, _, err = asked(*arguments)
    assert code == 2
    assert told in err


def test_nothing_at_all_proves_nothing(asked: Asked) -> None:
    """An empty file is no evidence."""
    code, _, err = asked("verify", "--file", "/dev/null")
    assert code == 1
    assert "There is no line of evidence." in err
