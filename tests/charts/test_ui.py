"""What the chart renders where the web application is asked for, and nothing of it where it is not."""

from collections.abc import Callable
from typing import Any

import pytest

from moorage import settings
from moorage_ui.settings import UiSettings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
ENABLED = "ui.enabled=true"


def _one(manifests: list[Manifest], kind: str, name: str = "moorage-ui") -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def test_it_is_not_there_unasked(render: Render) -> None:
    """Not one object."""
    assert [each for each in render() if each["metadata"]["name"].startswith("moorage-ui")] == []


@pytest.mark.parametrize("values", [[ENABLED], [ENABLED, 'ui.certificateSecret="mine"']])
def test_the_program_can_read_what_the_chart_sets(render: Render, values: list[str]) -> None:
    """Every variable is known, and has the type that the program wants."""
    (container,) = _one(render(*values), "Deployment")["spec"]["template"]["spec"]["containers"]
    written = {each["name"]: each["value"] for each in container["env"]}
    assert written.keys() <= {each.variable for each in settings.describe(UiSettings)}
    known = settings.read(UiSettings, written)
    mounts = [each["mountPath"] for each in container["volumeMounts"]]
    assert (known.certificate_folder is not None) == ("/tls" in mounts) == (len(values) == 2)


def test_it_may_read_no_object_of_anybodys(render: Render) -> None:
    """Of its own it gets Sites, its certificate, and the keys that were named; it impersonates and reviews nobody."""
    manifests = render(ENABLED, 'ui.storeSecrets=["store-keys"]')
    assert _one(manifests, "ClusterRole")["rules"] == [
        {"apiGroups": ["moorage.dev"], "resources": ["sites"], "verbs": ["get"]}
    ]
    rules = _one(manifests, "Role")["rules"]
    assert {name for rule in rules for name in rule["resourceNames"]} == {
        "store-keys",
        "moorage-ui-tls",
        "moorage-ui-ca",
    }
    stores = next(rule for rule in rules if rule["resourceNames"] == ["store-keys"])
    assert stores == {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["store-keys"], "verbs": ["get"]}


def test_without_named_keys_it_reads_no_store(render: Render) -> None:
    """Nothing is given that was not asked for."""
    rules = _one(render(ENABLED), "Role")["rules"]
    assert {name for rule in rules for name in rule["resourceNames"]} == {"moorage-ui-tls", "moorage-ui-ca"}


def test_contents_are_for_stewards_to_give(render: Render) -> None:
    """No role that Kubernetes hands out by itself has the right to look at governed data."""
    for manifest in render():
        rules = manifest.get("rules") or []
        if manifest["kind"] == "ClusterRole" and any(
            "datasets/contents" in rule.get("resources", []) for rule in rules
        ):
            assert manifest["metadata"]["name"] == "moorage-content-viewer"
            assert not any("aggregate-to" in label for label in manifest["metadata"].get("labels", {}))
