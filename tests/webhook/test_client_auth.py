"""`webhook.clientAuth`: a real API server presents the certificate that it was given for us; nobody else can ask.

A second API server of the same cluster is started for it, with the configuration as docs/hardening.md has it.
"""

import os
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from devcluster import process
from devcluster.certificates import Authority
from devcluster.cluster import Cluster
from devcluster.layout import Layout
from tests.guard.conftest import ROOT
from tests.ports import free_port
from tests.webhook.conftest import RunningWebhook, configurations
from tests.webhook.pods import NAMESPACE
from tests.world import eventually

pytestmark = pytest.mark.real
_PAGE = ROOT / "docs/hardening.md"


@dataclass
class AuthenticatingWebhook(RunningWebhook):
    """A webhook that wants client certificates, and says on a port of its own whether it is ready."""

    health_port: int = field(default_factory=free_port)

    def is_ready(self) -> bool:
        """What /readyz says to whoever asks without a certificate."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz") as answer:
            return bool(answer.status == 200)
        return False


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the API server's client certificate."""
    return Authority("webhook-clients")


@pytest.fixture(scope="module")
def webhook(
    guarded: Cluster, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AuthenticatingWebhook]:
    """A webhook that serves the client `kube-apiserver` of that authority."""
    folder = tmp_path_factory.mktemp("authenticating")
    running = AuthenticatingWebhook(guarded, folder / "log")
    running.settings = {
        "MOORAGE_HEALTH_PORT": str(running.health_port),
        "MOORAGE_CLIENT_CA_FILE": str(authority.key_pair.write(folder, "ca")[0]),
        "MOORAGE_CLIENT_NAMES": "kube-apiserver",
    }
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("moorage-system", NAMESPACE)
    ]
    configuration = yaml.safe_dump_all(configurations(guarded, running.port))
    running.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(namespaces))
    running.kubectl("apply", "-f", "-", stdin=configuration)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        running.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=configuration)
        running.kubectl("delete", "--ignore-not-found", "namespace", NAMESPACE)
        running.kubectl("delete", "--ignore-not-found", "-n", "moorage-system", "secret", "moorage-webhook-tls")


def admission_configuration(webhook: AuthenticatingWebhook, authority: Authority, folder: Path) -> Path:
    """The two files of the page, with this test's address and certificate."""
    blocks = [block.partition("```")[0] for block in _PAGE.read_text().split("```yaml\n")[1:]]
    admission, kubeconfig = (yaml.safe_load(block) for block in blocks[:2])
    certificate, key = authority.client("kube-apiserver").write(folder, "client")
    (user,) = kubeconfig["users"]
    assert user["name"] == "moorage-webhook.moorage-system.svc"
    user["name"] = f"127.0.0.1:{webhook.port}"  # called by URL here, not by Service
    user["user"] = {"client-certificate": str(certificate), "client-key": str(key)}
    (folder / "kubeconfig.yaml").write_text(yaml.safe_dump(kubeconfig))
    for plugin in admission["plugins"]:
        plugin["configuration"]["kubeConfigFile"] = str(folder / "kubeconfig.yaml")
    (folder / "admission.yaml").write_text(yaml.safe_dump(admission))
    return folder / "admission.yaml"


@pytest.fixture(scope="module")
def second_api_server(
    webhook: AuthenticatingWebhook, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of an API server that is as the cluster's own, but for the AdmissionConfiguration."""
    layout, port = Layout(webhook.plane.state_dir), free_port()
    first = process.read(layout.run / "kube-apiserver")
    assert first is not None
    command = [word.decode() for word in Path(f"/proc/{first.pid}/cmdline").read_bytes().split(b"\0") if word]
    folder = tmp_path_factory.mktemp("api-server")
    configuration = admission_configuration(webhook, authority, folder)
    host = next(word.partition("=")[2] for word in command if word.startswith("--bind-address="))
    changed = [word for word in command if not word.startswith(("--secure-port=", "--audit-"))]
    changed += [f"--secure-port={port}", f"--admission-control-config-file={configuration}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(changed, stdout=log, stderr=log, env=os.environ)
    url = f"https://{host}:{port}"
    try:
        eventually(
            lambda: (
                webhook.kubectl(f"--server={url}", "get", "--raw", "/readyz", check=False).stdout == "ok"
                or server.poll() is not None
            )
        )
        assert server.poll() is None, (folder / "log").read_text()[-3000:]
        yield url
    finally:
        server.terminate()
        server.wait()


def _labelled_pod(webhook: AuthenticatingWebhook, *where: str) -> str:
    told = webhook.kubectl(
        *(*where, "run", "asks", f"--namespace={NAMESPACE}", "--image=none", "--dry-run=server"),
        "--labels=dataset.0.id=not-there,dataset.0.useas=mount",
        check=False,
    )
    return told.stderr


def test_an_api_server_with_its_certificate_is_served(webhook: AuthenticatingWebhook, second_api_server: str) -> None:
    """By the configuration of the documentation."""
    assert f"dataset {NAMESPACE}/not-there is not known" in _labelled_pod(webhook, f"--server={second_api_server}")


def test_one_without_is_not(webhook: AuthenticatingWebhook) -> None:
    """The webhook is as good as down to it, and the guard refuses the pod with its own words."""
    told = _labelled_pod(webhook)
    assert "not-there is not known" not in told
    assert "Moorage" in told


@pytest.mark.parametrize("kind", ["none", "another authority", "another name"])
def test_nobody_else_learns_anything(
    webhook: AuthenticatingWebhook, authority: Authority, kind: str, tmp_path: Path
) -> None:
    """No certificate, a stranger's, or one of the same authority that was made for something else."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if kind != "none":
        signer = Authority("stranger") if kind == "another authority" else authority
        context.load_cert_chain(
            *signer.client("kubelet" if kind == "another name" else "kube-apiserver").write(tmp_path, "c")
        )
    request = urllib.request.Request(f"https://127.0.0.1:{webhook.port}/mutate-pods", data=b"{}")
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the kinds of failing are many, and each will do
        urllib.request.urlopen(request, context=context, timeout=30)  # noqa: S310
    answer = refused.value
    if isinstance(answer, urllib.error.HTTPError):
        with answer:
            assert answer.code == 403
            assert answer.read() == b"403: Forbidden"
    assert isinstance(answer, urllib.error.HTTPError) == (kind == "another name")
