"""Moorage from its chart on real nodes, hub and spoke in one cluster: what runs that meet trouble stand on.

Node `eu-1-n2` is for those that lose theirs: nothing else is scheduled there.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from devcluster import binaries, cluster, images
from devcluster.layout import cache_dir
from devcluster.progress import Silent
from moorage.model import API_VERSION, SITE_LABEL
from tests.polling import PATIENCE_SECONDS
from tests.world import Administered, eventually

Raw = dict[str, Any]

SYSTEM = "moorage-system"
RUNS, STRICT, STEWARD = "troubled", "troubled-strict", "troubled-data"
DOOMED_NODE = "eu-1-n2"
DOOMED = "moorage-test/doomed"
NO_STORE = "eu-2"
BUCKETS = {"eu-1": "artifacts-eu", "us-1": "artifacts-us"}
DATA_BUCKET = "trouble-data"
ANALYST = "analyst"
_CHART = Path(__file__).parents[3] / "charts/moorage"
_DEPLOYMENTS = ("webhook", "operator", "broker", "scheduler", "spoke", "hub")
_PATIENCE = ("MOORAGE_PULL_PATIENCE_SECONDS", "MOORAGE_CONFIG_PATIENCE_SECONDS", "MOORAGE_REFUSAL_PATIENCE_SECONDS")


@dataclass(frozen=True)
class Ground(Administered):
    """The cluster, and ways to change and to break what is in it."""

    folder: Path

    def get(self, *arguments: str) -> Raw:
        """An object or a list; an empty list where there is none."""
        printed = self.kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
        found: Raw = json.loads(printed) if printed.strip() else {"items": []}
        return found

    # --- runs ---

    def submit(self, name: str, pipeline: bytes, namespace: str = RUNS, **spec: Any) -> None:  # noqa: ANN401
        """Create a run."""
        about = {"name": name, "namespace": namespace}
        body = {"apiVersion": API_VERSION, "kind": "StretchedPipeline", "metadata": about}
        self.apply({**body, "spec": {"pipeline": {"inline": pipeline.decode()}, "learn": False, **spec}})

    def status(self, name: str, namespace: str = RUNS) -> Raw:
        """What a run says."""
        status: Raw = self.get("stretchedpipeline", name, "-n", namespace).get("status") or {}
        return status

    def says(self, name: str, holds: Callable[[Raw], bool], namespace: str = RUNS) -> Raw:
        """The run's status once something holds of it."""
        seen: Raw = {}

        def look() -> bool:
            seen.clear()
            seen.update(self.status(name, namespace))
            return holds(seen)

        try:
            eventually(look)
        except AssertionError:
            groups = self.get("pipelinegroups", "-n", namespace)["items"]
            told = [each.get("status") for each in groups if each["spec"]["run"]["name"] == name]
            raise AssertionError(f"{name} says {json.dumps(seen)}; its groups: {json.dumps(told)}") from None
        return seen

    def pods(self, name: str, namespace: str = RUNS) -> list[Raw]:
        """The pods of a run's tasks."""
        uid = self.get("stretchedpipeline", name, "-n", namespace)["metadata"]["uid"]
        found: list[Raw] = self.get("pods", "-n", namespace, "-l", f"moorage.dev/run-uid={uid}")["items"]
        return found

    # --- what breaks ---

    def kill(self, pod: Raw, program: str) -> bool:
        """Kill a process of a pod with SIGKILL, as seen from the machine; False where there is none."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if pod["metadata"]["uid"] in (folder / "cgroup").read_text() and program in command:
                    os.kill(int(folder.name), signal.SIGKILL)
                    return True
        return False

    def kill_part(self, name: str) -> None:
        """Kill the hub's or the spoke's process."""
        (pod,) = self.get("pods", "-n", SYSTEM, "-l", f"app.kubernetes.io/component={name}")["items"]
        assert self.kill(pod, f"pipeline_executor.{name}"), f"found no process of {name}"

    def s3(self) -> Any:  # noqa: ANN401 - boto3 has no types
        """The cluster's S3 server, as its administrator."""
        store = self.cluster.object_stores["eu-1"]
        return boto3.client(
            "s3",
            endpoint_url=store.endpoint,
            region_name=store.region,
            aws_access_key_id=store.access_key,
            aws_secret_access_key=store.secret_key,
            config=Config(retries={"mode": "standard", "max_attempts": 5}, s3={"addressing_style": "path"}),
        )

    # --- setting it up ---

    def install(self) -> None:
        """Moorage from its chart, which loses its patience with images, Secrets and rules soon."""
        programs = partial(binaries.program, progress=Silent())
        bundle, _ = images.bundle(cache_dir() / "images" / "built", lambda _: None, programs=programs)
        cluster.load_image(self.cluster, bundle)
        one = {"replicas": 1}
        told = [{"name": name, "value": "10"} for name in _PATIENCE]
        executor = {"hub": {"enabled": True, "plansAtOnce": 3}, "spoke": {"enabled": True, "env": told}}
        values = {"images": {"build": bundle.stem}, "executor": executor, **dict.fromkeys(_REPLICATED, one)}
        file = self.folder / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        command = ["helm", "upgrade", "--install", "moorage", str(_CHART), "-n", SYSTEM, "--create-namespace"]
        environment = os.environ | self.cluster.environment
        done = subprocess.run([*command, "-f", file], capture_output=True, check=False, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        for name in (*(f"deployment/moorage-{each}" for each in _DEPLOYMENTS), "daemonset/moorage-node-plugin"):
            self.kubectl("rollout", "status", name, "-n", SYSTEM, f"--timeout={PATIENCE_SECONDS:g}s")

    def furnish(self) -> None:
        """Sites with stores, one of which refuses its keys; namespaces, and Datasets that can't be mounted."""
        client = self.s3()
        for bucket in (*BUCKETS.values(), DATA_BUCKET):
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=DATA_BUCKET, Key="a/file", Body=b"data")
        store = self.cluster.object_stores["eu-1"]
        keys = {"accessKeyID": store.access_key, "secretAccessKey": store.secret_key}
        wrong = {"accessKeyID": "nobody", "secretAccessKey": "nothing"}
        self.apply(
            _namespace(RUNS),
            _namespace(STRICT, **{"pod-security.kubernetes.io/enforce": "restricted"}),
            _namespace(STEWARD),
            _secret(SYSTEM, "store-keys", keys),
            _secret(SYSTEM, "wrong-store-keys", wrong),
            _secret(STEWARD, "keys", keys),
            _secret(STEWARD, "wrong-keys", wrong),
            *(_site(site, site, self._s3(bucket, "store-keys")) for site, bucket in BUCKETS.items()),
            _site(NO_STORE, NO_STORE, self._s3("no-store", "wrong-store-keys")),
            _dataset("no-bucket", self._s3("no-data", "keys")),
            _dataset("wrong-keys", self._s3(DATA_BUCKET, "wrong-keys")),
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ANALYST, "namespace": RUNS}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": ANALYST, "namespace": RUNS},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
                "subjects": [{"kind": "ServiceAccount", "name": ANALYST, "namespace": RUNS}],
            },
            *_policy(),
        )

    def _s3(self, bucket: str, secret: str) -> Raw:
        endpoint = self.cluster.object_stores["eu-1"].endpoint
        return {"endpoint": endpoint, "bucket": bucket, "secretRef": {"name": secret}}

    def analysts_kubeconfig(self) -> Path:
        """That of a data scientist, who may edit what is in her namespace."""
        config = yaml.safe_load(self.cluster.kubeconfig_path.read_text())
        token = self.kubectl("create", "token", ANALYST, "-n", RUNS, "--duration=1h").strip()
        config["users"][0]["user"] = {"token": token}
        path = self.folder / "analyst.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def remove(self) -> None:
        """Leave the cluster to others: no webhook, no policy, no taint."""
        environment = os.environ | self.cluster.environment
        self.kubectl("taint", "node", DOOMED_NODE, f"{DOOMED}-", check=False)
        runs = ["--all", "--wait=false", "--ignore-not-found"]
        for namespace in (RUNS, STRICT):
            self.kubectl("delete", "stretchedpipelines", "-n", namespace, *runs, check=False)
            self.kubectl("delete", "pods", "-n", namespace, "--all", "--force", "--grace-period=0", check=False)
        subprocess.run(
            ["helm", "uninstall", "moorage", "-n", SYSTEM], check=False, capture_output=True, env=environment
        )
        policies = ["validatingadmissionpolicy/refuses-some", "validatingadmissionpolicybinding/refuses-some"]
        self.kubectl("delete", *policies, "--ignore-not-found", check=False)
        self.kubectl("delete", "namespace", RUNS, STRICT, STEWARD, SYSTEM, "--wait=false", check=False)
        self.kubectl("delete", "sites,stretchedpipelines,pipelinegroups,datasets", "-A", "--all", check=False)


_REPLICATED = ("webhook", "broker", "scheduler")


def _namespace(name: str, **labels: str) -> Raw:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _secret(namespace: str, name: str, data: Mapping[str, str]) -> Raw:
    about = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": dict(data)}


def _site(name: str, nodes_of: str, s3: Raw) -> Raw:
    spec = {"jurisdiction": "DE", "artifactStore": {"s3": s3}, "slots": 16, "nodeSelector": {SITE_LABEL: nodes_of}}
    return {"apiVersion": API_VERSION, "kind": "Site", "metadata": {"name": name}, "spec": spec}


def _dataset(name: str, s3: Raw) -> Raw:
    spec = {"sources": [{"site": "eu-1", "s3": s3}], "governance": {"consumers": [RUNS]}}
    about = {"name": name, "namespace": STEWARD}
    return {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": about, "spec": spec}


def _policy() -> tuple[Raw, Raw]:
    """Refuses pods with a label, as a platform's own policy would."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "refuses-some"}}
    expression = "!('refused' in object.metadata.?labels.orValue({}))"
    validations = [{"expression": expression, "message": "datasets may be read for research only"}]
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": validations}
    bound = {"policyName": "refuses-some", "validationActions": ["Deny"]}
    return (
        {**kind, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
    )
