"""`kubectl dataset warm` where admission is real, and so are the Job's pods; the kubelet is played."""

import json
from collections.abc import Callable, Iterator

import pytest

from moorage_cli.kubectl_dataset import kubectl_dataset
from moorage_cli.running import run
from tests.webhook.conftest import RunningWebhook
from tests.webhook.pods import NAMESPACE
from tests.webhook.test_real_api_server import OBJECTS, Raw
from tests.world import eventually

Command = Callable[..., tuple[int, str, str]]
ABOUT = ("warm", "steward/governed", "-n", NAMESPACE)
STATUS = {"version": "a" * 64, "bytes": 5, "objects": 1}


@pytest.fixture
def dataset(
    webhook: RunningWebhook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`kubectl dataset ...` on a dataset that was listed: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(webhook.plane.kubeconfig_path))
    listed = {"apiVersion": "v1", "kind": "List", "items": [body for _, body in OBJECTS]}
    webhook.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    status = ["--subresource=status", "--type=merge", "-p", json.dumps({"status": STATUS})]
    webhook.kubectl("patch", "dataset", "governed", "-n", "steward", *status)

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(kubectl_dataset, "kubectl dataset", words)
        told = capsys.readouterr()
        return code, told.out, told.err

    yield command
    webhook.kubectl("delete", "jobs", "--all", "-n", NAMESPACE)
    webhook.kubectl("delete", "pods", "--all", "-n", NAMESPACE, "--force", "--grace-period=0")


def objects(webhook: RunningWebhook, kind: str) -> list[Raw]:
    """What there is of a kind in the reader's namespace."""
    found: list[Raw] = json.loads(webhook.kubectl("get", kind, "-n", NAMESPACE, "-o", "json").stdout)["items"]
    return found


def test_who_may_not_read_it_makes_no_node_copy_it(webhook: RunningWebhook, dataset: Command) -> None:
    """The refusal is that of any pod, and no Job is there to try again."""
    code, _, err = dataset(*ABOUT)
    assert (code, "PurposeMissing" in err) == (1, True), err
    code, _, err = dataset("warm", "steward/governed", "-n", "steward", "--purpose", "research")
    assert (code, "ConsumerNotAllowed" in err) == (1, True), err
    assert objects(webhook, "jobs") == []


def test_pods_read_it_as_any_others(webhook: RunningWebhook, dataset: Command) -> None:
    """One a node, served by admission, fit for `restricted`; the command says how to see them and how to end them."""
    code, out, err = dataset(*ABOUT, "--purpose", "research", "--nodes", "2", "--no-wait")
    assert (code, err) == (0, ""), err
    assert "kubectl delete jobs" in out
    pods = eventually(lambda: found if len(found := objects(webhook, "pods")) == 2 else None)
    for pod in pods:
        labels, spec = pod["metadata"]["labels"], pod["spec"]
        assert labels["dataset.0.useas"] == "cache"
        assert labels["moorage.dev/purpose"] == "research"
        assert spec["schedulerName"] == "moorage"
        (server,), (main,) = spec["initContainers"], spec["containers"]
        assert main["image"] == server["image"]
        assert main["command"][-1] in {mount["mountPath"] for mount in main["volumeMounts"]}
        assert spec["affinity"]["podAntiAffinity"]


def test_it_waits_for_copies_and_says_what_is_missing(webhook: RunningWebhook, dataset: Command) -> None:
    """Nothing is whole when the time is over: exit code 1, and the pods go on."""
    code, out, err = dataset(*ABOUT, "--purpose", "research", "--node", "n1", "--timeout", "3s")
    assert code == 1
    assert "(no node yet): waiting" in out
    assert "0 of 1 nodes have all of dataset steward/governed. The others go on." in err
    (job,) = objects(webhook, "jobs")
    terms = job["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    assert "n1" in json.dumps(terms)


@pytest.mark.parametrize(
    ("options", "said"), [(["--site", "nowhere"], "there is no Site nowhere"), (["--site", "eu-1"], "has 0 nodes")]
)
def test_a_site_without_nodes_is_told(dataset: Command, options: list[str], said: str) -> None:
    """Before a pod waits for one."""
    code, _, err = dataset(*ABOUT, "--purpose", "research", *options)
    assert (code, said in err) == (1, True), err
