"""The server as a process with the chart's rights, accounts that ask it, and a played hub that ends its runs."""

import json
import ssl
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from kfp import Client

from tests.dataset_operator.processes import Running, run_module
from tests.ports import free_port
from tests.world import World, eventually

Raw = dict[str, Any]
SYSTEM = "moorage-kfp"
"""Where it is installed, as it were."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: where it is.
        ca: whom to trust; None for plain HTTP.
        world: with the namespace `world.reader`, in which accounts have roles.
    """

    running: Running
    url: str
    ca: Path | None
    world: World

    def token(self, account: str, audience: str = "") -> str:
        """A token of an account."""
        wanted = ["--audience", audience] if audience else []
        return self.world.kubectl("create", "token", account, "-n", self.world.reader, "--duration=2h", *wanted).strip()

    def client(self, token: str, **changes: Any) -> Client:  # noqa: ANN401
        """The SDK's own client, as a person makes it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return Client(host=self.url, existing_token=token, ssl_ca_cert=str(self.ca) if self.ca else None, **changes)

    def ask(self, method: str, path: str, token: str = "", body: object = None, **headers: str) -> tuple[int, Raw]:
        """One request without the SDK; bytes go as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | {key.replace("_", "-"): text for key, text in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)  # noqa: S310
        context = ssl.create_default_context(cafile=self.ca) if self.ca else None
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                content = error.read()
                return error.code, json.loads(content) if content.startswith(b"{") else {"text": content.decode()}


@contextmanager
def run_server(world: World, kubeconfig: Path, folder: Path, *, tls: bool = True, **settings: str) -> Iterator[Server]:
    """A server that serves the reader's namespace."""
    port = free_port()
    given = {"namespace": SYSTEM, "run_namespaces": world.reader, "listen_port": str(port), "linger_seconds": "0"}
    given |= {"listen_host": "127.0.0.1", "identity_seconds": "1", "tls": str(tls).lower(), "sweep_seconds": "1"}
    given |= {"writes_per_second": "100"}
    scheme = "https" if tls else "http"
    with run_module(world, "kfp_api", kubeconfig, folder, **(given | settings)) as running:
        ca = folder / "ca.crt" if tls else None

        def is_ready() -> bool:
            if ca is not None:
                found = world.kubectl("get", "configmap", "moorage-kfp-api-ca", "-n", SYSTEM, "-o", "json", check=False)
                bundle = (json.loads(found or "{}").get("data") or {}).get("ca.crt", "")
                ca.write_text(bundle)
                if not bundle:
                    return False
            with suppress(OSError):
                context = ssl.create_default_context(cafile=ca) if ca else None
                url = f"{scheme}://127.0.0.1:{port}/readyz"
                with urllib.request.urlopen(url, context=context, timeout=5) as answer:  # noqa: S310
                    return bool(answer.status == 200)
            return False

        eventually(lambda: is_ready() or not running.alive())
        assert running.alive(), running.text()
        yield Server(running, f"{scheme}://127.0.0.1:{port}", ca, world)
    assert "Traceback" not in running.text(), running.text()
    assert "forbidden" not in running.text(), running.text()


def make_accounts(world: World) -> None:
    """In the reader's namespace: `scientist` may do all with runs, `viewer` look but at logs, `stranger` nothing."""
    for name, verbs in (("scientist", ["*"]), ("viewer", ["get", "list"]), ("stranger", [])):
        role = {"group": "moorage.dev", "resource": "stretchedpipelines"}
        meta = {"name": name, "namespace": world.reader}
        resources = [role["resource"], *([f"{role['resource']}/log"] if "*" in verbs else [])]
        rules = [{"apiGroups": [role["group"]], "resources": resources, "verbs": verbs}] if verbs else []
        rbac = "rbac.authorization.k8s.io"
        world.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
            {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", **meta}],
            },
        )


class PlayedHub:
    """Takes each run of a namespace one phase further at a time; cancels those that shall end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, name="played hub")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _play(self) -> None:
        while not self._stop.wait(0.2):
            listed = json.loads(
                self._world.kubectl("get", "stretchedpipelines", "-n", self._world.reader, "-o", "json", check=False)
                or '{"items": []}'
            )
            for raw in listed["items"]:
                status = next_status(raw)
                if status:
                    self._world.kubectl(
                        "patch", "stretchedpipeline", raw["metadata"]["name"], "-n", self._world.reader,
                        "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}), check=False,
                    )  # fmt: skip


def next_status(raw: Raw) -> Raw | None:
    """What the hub would write next; None: the run has ended."""
    phase = (raw.get("status") or {}).get("phase")
    now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    group = {"id": "eu-1-1", "site": "eu-1", "phase": "Running", "startTime": now}
    ended = group | {"phase": "Succeeded", "completionTime": now}
    tasks = [{"name": name, "phase": "Succeeded", "site": "eu-1", "attempt": 1} for name in ("count", "count-2")]
    if phase in {"Succeeded", "Failed", "Cancelled", "Infeasible"}:
        return None
    if raw["spec"].get("cancel"):
        return {"phase": "Cancelled" if phase == "Cancelling" else "Cancelling"}
    if not phase:
        return {"phase": "Planning"}
    if phase == "Planning":
        return {"phase": "Running", "groups": [group], "tasks": [task | {"phase": "Running"} for task in tasks]}
    return {"phase": "Succeeded", "groups": [ended], "tasks": tasks}
