"""A data scientist with `edit` in one namespace and no other right asks: may I, and where?"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage.kube import DATASETS, SITES
from moorage.model import DEFAULTS_LABEL
from moorage_cli.kubectl_dataset import kubectl_dataset
from moorage_cli.running import run
from tests.guard.conftest import ROOT
from tests.webhook.conftest import RunningWebhook
from tests.webhook.pods import NAMESPACE, make_container, make_pod, reading
from tests.webhook.test_real_api_server import custom, s3, site
from tests.world import eventually

Raw = dict[str, Any]
Told = tuple[int, str, str]
_GOVERNANCE = {"residency": ["EU"], "purposes": ["research"], "consumers": [NAMESPACE]}
_OBJECTS = [
    site("eu-1", "DE"),
    site("us-1", "US-CA"),
    custom(DATASETS, "studies", {"sources": [s3()], "governance": _GOVERNANCE}, "steward"),
    custom(DATASETS, "own", {"sources": [s3()]}),
]


@pytest.fixture(scope="module")
def kubeconfig(webhook: RunningWebhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an account with the cluster's role `edit` in the reader's namespace, and what the chart adds to that role."""
    chart = [
        str(webhook.plane.bin_dir / "helm"),
        "template",
        "moorage",
        str(ROOT / "charts/moorage"),
        "-n",
        "moorage-system",
    ]
    only = ["--show-only", "templates/user-roles.yaml"]
    roles = subprocess.run([*chart, *only], capture_output=True, check=True, text=True).stdout
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "scientist", "namespace": NAMESPACE}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "scientist", "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "scientist", "namespace": NAMESPACE}],
    }
    webhook.kubectl("apply", "-f", "-", stdin=roles)
    webhook.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([account, binding, *_OBJECTS]))
    token = webhook.kubectl("create", "token", "scientist", "-n", NAMESPACE).stdout.strip()
    config = yaml.safe_load(webhook.plane.kubeconfig_path.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = tmp_path_factory.mktemp("scientist") / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    yield path
    webhook.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=roles)


@pytest.fixture
def dataset(kubeconfig: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`kubectl dataset ...` as that account."""

    def command(*words: str) -> Told:
        capsys.readouterr()
        code = run(kubectl_dataset, "kubectl dataset", [*words, "-n", NAMESPACE, "--kubeconfig", str(kubeconfig)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def ask(webhook: RunningWebhook, kubeconfig: Path, spec: Raw, *, dry: bool = True, namespace: str = NAMESPACE) -> Any:  # noqa: ANN401
    """Create a review as a person would, with kubectl alone."""
    review = custom(SITES, "question", spec) | {"kind": "DatasetAccessReview"}
    review["metadata"] = {"name": "question", "namespace": namespace}
    command = [str(webhook.plane.bin_dir / "kubectl"), f"--kubeconfig={kubeconfig}", "create", "-o", "json", "-f", "-"]
    return subprocess.run(
        [*command, *(["--dry-run=server"] if dry else [])],
        input=yaml.safe_dump(review),
        capture_output=True,
        text=True,
        check=False,
    )


def test_why_is_answered(webhook: RunningWebhook, dataset: Callable[..., Told]) -> None:
    """About another namespace's Dataset, a pod and a workload of her own: Site by Site, with the policy's sentence."""
    code, out, err = dataset("why", "steward/studies", "--purpose", "research")
    assert (code, err) == (0, "")
    assert "allowed" in out
    assert "refused: ResidencyViolated" in out
    assert "You may not read the Sites" in out
    code, out, _ = dataset("why", "steward/studies")
    assert code == 1
    assert "PurposeMissing" in out
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "asked", "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "asked"}},
            "template": {
                "metadata": {
                    "labels": {"app": "asked", **reading("studies"), "dataset.0.namespace": "steward"},
                },
                "spec": {"containers": [make_container()]},
            },
        },
    }
    webhook.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(deployment))
    code, out, _ = dataset("why", "deploy/asked")
    assert code == 1
    assert f"Each pod of Deployment {NAMESPACE}/asked reads steward/studies" in " ".join(out.split())
    pod = make_pod("asked", labels=reading("own"), tolerations=[{"operator": "Exists"}])
    webhook.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod))
    try:
        code, out, _ = dataset("why", "pod/asked", "-o", "json")
        assert (code, json.loads(out)["allowed"]) == (0, True)
    finally:
        webhook.kubectl("delete", "pod", "asked", "-n", NAMESPACE, "--force", "--grace-period=0")


@pytest.fixture
def defaults(webhook: RunningWebhook) -> Iterator[None]:
    """Her namespace says what its pods read."""
    told = [f"{DEFAULTS_LABEL}=enabled"]
    webhook.kubectl("label", "namespace", NAMESPACE, *told)
    webhook.kubectl("annotate", "namespace", NAMESPACE, "dataset.0.id=own", "dataset.0.useas=mount")
    yield
    webhook.kubectl("annotate", "namespace", NAMESPACE, "dataset.0.id-", "dataset.0.useas-")
    webhook.kubectl("label", "namespace", NAMESPACE, f"{DEFAULTS_LABEL}-")


@pytest.mark.usefixtures("defaults")
def test_why_knows_what_no_label_says(webhook: RunningWebhook, dataset: Callable[..., Told]) -> None:
    """A workload is judged as its pods will be: with the defaults of their namespace."""
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "unlabelled", "namespace": NAMESPACE},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [make_container()]}},
        },
    }
    webhook.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(job))
    try:
        eventually(lambda: f"{NAMESPACE}/own" in dataset("why", "job/unlabelled")[1])
        code, out, _ = dataset("why", "job/unlabelled")
    finally:
        webhook.kubectl("delete", "job", "unlabelled", "-n", NAMESPACE)
    assert code == 0
    said = " ".join(out.split())
    assert f"Each pod of Job {NAMESPACE}/unlabelled reads {NAMESPACE}/own" in said
    assert f"No label of the Job names {NAMESPACE}/own" in said


def test_list_and_describe_work_in_her_namespace(dataset: Callable[..., Told]) -> None:
    """With what she may see."""
    code, out, _ = dataset("list")
    assert (code, out.splitlines()[1].split()[0]) == (0, "own")
    _, out, err = dataset("describe", "own")
    assert (f"Dataset {NAMESPACE}/own" in out, err) == (True, "")


def test_a_question_in_a_foreign_namespace_is_forbidden(webhook: RunningWebhook, kubeconfig: Path) -> None:
    """She may ask as accounts of her own namespace, and as nobody else's."""
    done = ask(webhook, kubeconfig, {"datasets": [{"name": "studies"}]}, namespace="steward")
    assert done.returncode != 0
    assert "cannot create resource" in done.stderr


def test_the_answer_says_no_more_than_a_refusal(webhook: RunningWebhook, kubeconfig: Path) -> None:
    """A decision and its sentence for each Site: no consumers' list, no source, no size."""
    done = ask(webhook, kubeconfig, {"datasets": [{"name": "studies", "namespace": "steward"}]})
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)["status"]
    assert status["allowed"] is False
    rules = {entry["site"]: entry["rule"] for entry in status["sites"]}  # other suites may have Sites there, too
    assert (rules["eu-1"], rules["us-1"]) == ("PurposeMissing", "ResidencyViolated")
    assert all(entry.keys() <= {"site", "allowed", "rule", "dataset", "message"} for entry in status["sites"])
    assert "s3" not in done.stdout


def test_what_is_available_is_told(dataset: Callable[..., Told]) -> None:
    """Of other namespaces too, without a right to list Datasets there; who lists in vain is told of it."""
    code, out, err = dataset("available", "--purpose", "research")
    assert (code, err) == (0, "")
    rows = {line.split()[1]: line.split()[2:] for line in out.splitlines() if line.startswith(("steward", NAMESPACE))}
    assert "eu-1" in " ".join(rows["studies"])
    assert "us-1" not in " ".join(rows["studies"])
    assert "own" in rows
    code, out, _ = dataset("available", "-o", "name")
    assert f"{NAMESPACE}/own" in out
    assert "steward/studies" not in out  # without its purpose
    code, _, err = dataset("list", "-A")
    assert code == 1
    assert "use `kubectl dataset available`, or those of one namespace with -n NAMESPACE" in err


def test_a_question_is_never_stored(webhook: RunningWebhook, kubeconfig: Path) -> None:
    """Without dryRun it is refused with the way to ask; with a dead webhook nothing looks like an answer."""
    done = ask(webhook, kubeconfig, {"datasets": [{"name": "own"}]}, dry=False)
    assert "is a question and is never stored: create it with dryRun=All" in done.stderr
    assert webhook.kubectl("get", "datasetaccessreviews", "-A", "-o", "name").stdout == ""
    webhook.stop()
    try:
        done = ask(webhook, kubeconfig, {"datasets": [{"name": "own"}]})
        assert done.returncode != 0
        assert "failed calling webhook" in done.stderr
    finally:
        webhook.start()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"datasets": []}, "spec.datasets: must name 1 to 64 Datasets"),
        ({"datasets": [{"name": "x"}] * 65}, "spec.datasets: must name 1 to 64 Datasets"),
        ({"datasets": [{"name": "../secrets"}]}, "must be lower-case letters"),
    ],
)
def test_what_can_not_be_asked(webhook: RunningWebhook, kubeconfig: Path, spec: Raw, told: str) -> None:
    """Bounded, and no name that leads elsewhere."""
    done = ask(webhook, kubeconfig, spec)
    assert done.returncode != 0
    assert told in done.stderr
