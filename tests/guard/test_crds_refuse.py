"""The API server refuses what the command line refuses: what is too much, passwords, control characters."""

from typing import Any

import pytest

from moorage.errors import KubeError
from moorage.kube import DATASETS, SITES, Client
from moorage.model import API_VERSION
from tests.domain.test_crds_agree import SECRET, TOO_MUCH, largest_dataset
from tests.webhook.pods import NAMESPACE

Raw = dict[str, Any]


def a_dataset(spec: Raw) -> Raw:
    """As somebody applies it."""
    metadata = {"name": "claims", "namespace": NAMESPACE}
    return {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": metadata, "spec": spec}


def a_site(**spec: object) -> Raw:
    """As the platform applies it."""
    return {"apiVersion": API_VERSION, "kind": "Site", "metadata": {"name": "eu-9"}, "spec": spec}


@pytest.mark.parametrize("spec", [spec for spec, _, _ in TOO_MUCH.values()], ids=TOO_MUCH.keys())
async def test_what_wire_refuses_is_refused(client: Client, spec: Raw) -> None:
    """And the answer does not repeat a secret."""
    with pytest.raises(KubeError) as refused:
        await client.create(DATASETS, a_dataset(spec), dry_run=True)
    assert refused.value.status == 422
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("path", ["export", "/a/../b", "/..", "//a/.."])
@pytest.mark.parametrize("kind", ["nfs", "hostPath"])
async def test_a_path_starts_at_the_root_and_does_not_climb(client: Client, kind: str, path: str) -> None:
    """As the command line says, too."""
    location = {"path": path, **({"server": "nfs.example.com"} if kind == "nfs" else {})}
    with pytest.raises(KubeError, match="path must be absolute and must not contain"):
        await client.create(DATASETS, a_dataset({"sources": [{"site": "eu-1", kind: location}]}), dry_run=True)


async def test_the_largest_dataset_is_taken(client: Client) -> None:
    """The rules' cost is within the API server's budget at every limit."""
    await client.create(DATASETS, a_dataset(largest_dataset()), dry_run=True)


async def test_the_memory_of_several_sites_can_be_written(client: Client) -> None:
    """Each node has its own, so there are no copies that could differ."""
    sources = [{"site": site, "memory": {"size": size}} for site, size in (("eu-1", "4Gi"), ("us-1", 1 << 30))]
    await client.create(DATASETS, a_dataset({"access": "readWrite", "sources": sources}), dry_run=True)


SITES_REFUSED: dict[str, tuple[Raw, str]] = {
    "a price": (a_site(cpuHourPrice="9" * 30), "spec.cpuHourPrice"),
    "a memory": (a_site(resources={"memory": "8Ei"}), "below 8Ei"),
    "a rate": (a_site(links=[{"to": "us-1", "bytesPerSecond": "1e30"}]), "below 8Ei"),
    "a password": (
        a_site(artifactStore={"s3": {"endpoint": f"https://me:{SECRET}@s3", "bucket": "b"}}),
        "no user:password@",
    ),
    "a control character": (
        a_site(artifactStore={"s3": {"endpoint": "https://s3", "bucket": "b", "prefix": "\x1b[2J"}}),
        "control characters",
    ),
}


@pytest.mark.parametrize(("site", "sentence"), SITES_REFUSED.values(), ids=SITES_REFUSED.keys())
async def test_a_site_beyond_its_limits_is_refused(client: Client, site: Raw, sentence: str) -> None:
    """With the field or the remedy."""
    with pytest.raises(KubeError) as refused:
        await client.create(SITES, site, dry_run=True)
    assert refused.value.status == 422
    assert sentence in str(refused.value)
    assert SECRET not in str(refused.value)


async def test_a_site_at_its_limits_is_taken(client: Client) -> None:
    """The largest numbers that can be counted."""
    await client.create(
        SITES,
        a_site(
            cpuHourPrice="9" * 18,
            resources={"memory": "7Ei", "cpu": 64},
            links=[{"to": f"s{number}", "bytesPerSecond": "7Ei"} for number in range(64)],
            artifactStore={
                "s3": {"endpoint": "https://s3.example.com:9000/path/@x", "bucket": "b", "prefix": "daten/ä"}
            },
        ),
        dry_run=True,
    )
