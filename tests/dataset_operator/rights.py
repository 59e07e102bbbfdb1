"""The rights that the chart gives to its components, given to nobody else: a process under test has no others."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.rendered import read_all
from tests.world import World

CHART = Path(__file__).parent.parent.parent / "charts" / "moorage"
COMPONENTS = ("operator", "broker")
_POLICIES = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
_CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"} | _POLICIES
_KINDS = _CLUSTER_WIDE | {"ServiceAccount", "Role", "RoleBinding", "Secret", "ConfigMap"}

Raw = dict[str, Any]


@contextmanager
def granted(
    world: World, namespace: str, folder: Path, components: Sequence[str] = COMPONENTS, values: Sequence[str] = ()
) -> Iterator[dict[str, Path]]:
    """Give the chart's rights in a new namespace, rendered with these values; a kubeconfig for each component."""
    objects = [_own(raw, namespace) for raw in _rendered(world, namespace, components, values)]
    names = [f"{raw['kind']}/{raw['metadata']['name']}" for raw in objects if raw["kind"] in _CLUSTER_WIDE]
    try:
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, *objects)
        yield {component: _kubeconfig(world, namespace, component, folder) for component in components}
    finally:
        world.kubectl("delete", *names, "--ignore-not-found")
        world.kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


def _rendered(world: World, namespace: str, components: Sequence[str], values: Sequence[str]) -> list[Raw]:
    arguments = [argument for value in values for argument in ("--set-json", value)]
    done = subprocess.run(
        [world.cluster.bin_dir / "helm", "template", "moorage", CHART, "--namespace", namespace, *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    names = "|".join(components)
    ours = re.compile(rf"moorage-({names})(-tls|-ca|-evidence|-runs|-logs|-kubeflow)?")
    return [raw for raw in read_all(done.stdout) if raw["kind"] in _KINDS and ours.fullmatch(raw["metadata"]["name"])]


def _own(raw: Raw, namespace: str) -> Raw:
    """Under a name of our own where it is cluster-wide, so that an installed chart is not touched."""
    if raw["kind"] in _CLUSTER_WIDE:
        raw["metadata"]["name"] += f"-{namespace}"
        if "roleRef" in raw:
            raw["roleRef"]["name"] += f"-{namespace}"
        if "policyName" in raw.get("spec", {}):
            raw["spec"]["policyName"] += f"-{namespace}"
    return raw


def _kubeconfig(world: World, namespace: str, component: str, folder: Path) -> Path:
    token = world.kubectl("create", "token", f"moorage-{component}", "-n", namespace, "--duration=2h").strip()
    config = yaml.safe_load(world.cluster.kubeconfig_path.read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / f"{component}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
