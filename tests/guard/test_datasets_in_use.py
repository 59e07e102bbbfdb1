"""A Dataset that pods read is not deleted by mistake; one that nobody reads is never held."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from moorage.errors import KubeError, NotFoundError
from moorage.kube import DATASETS, NAMESPACES, SECRETS, Client, Resource
from moorage.kube.client import Selection
from tests.polling import until
from tests.webhook.pods import NAMESPACE

Raw = dict[str, Any]
KIND = {"apiVersion": DATASETS.api_version, "kind": "Dataset"}
IDENTITY = {"name": "claims", "namespace": NAMESPACE}


@pytest.fixture
async def dataset(client: Client) -> AsyncIterator[None]:
    """A Dataset, gone afterwards."""
    source = {"site": "eu-1", "nfs": {"server": "nfs.example.com", "path": "/claims"}}
    await client.create(
        DATASETS,
        {"apiVersion": DATASETS.api_version, "kind": "Dataset", "metadata": IDENTITY, "spec": {"sources": [source]}},
    )
    yield
    try:
        await use(client, [])
        await client.delete(DATASETS, "claims", NAMESPACE)
    except NotFoundError:
        pass


async def use(client: Client, users: Sequence[str], count: int | None = None) -> None:
    """As the operator writes it."""
    status = {"inUseBy": list(users), "inUseCount": len(users) if count is None else count}
    await client.merge_patch(DATASETS, {"metadata": IDENTITY, "status": status}, subresource="status")


async def is_gone(client: Client, resource: Resource, name: str, namespace: str = "") -> bool:
    """Whether the object is there no more."""
    try:
        await client.get(resource, name, namespace)
    except NotFoundError:
        return True
    return False


async def deletion_refused(client: Client) -> str | None:
    """The sentence, or None where it was deleted."""
    try:
        await client.delete(DATASETS, "claims", NAMESPACE)
    except KubeError as error:
        assert error.status == 403  # noqa: PT017 - the sentence is what the caller wants
        return str(error)
    return None


@pytest.mark.usefixtures("dataset")
async def test_one_that_was_never_looked_at_goes(client: Client) -> None:
    """No status at all."""
    assert await deletion_refused(client) is None


@pytest.mark.usefixtures("dataset")
async def test_one_that_is_no_longer_read_goes(client: Client) -> None:
    """The list of its users is empty."""
    await use(client, ["fraud/reader"])
    await use(client, [])
    assert await deletion_refused(client) is None


@pytest.mark.usefixtures("dataset")
async def test_one_in_use_stays_until_its_users_are_gone(client: Client) -> None:
    """The sentence names the users and the way out."""
    await use(client, ["fraud/reader", "lab/trainer"])
    told = await deletion_refused(client)
    assert told is not None
    assert "Dataset fraud/claims is read by 2 pods: fraud/reader, lab/trainer. Delete them first" in told
    assert "moorage.dev/delete-in-use=true" in told


@pytest.mark.usefixtures("dataset")
async def test_one_user_is_one(client: Client) -> None:
    """Singular."""
    await use(client, ["fraud/reader"])
    assert "is read by pod fraud/reader." in str(await deletion_refused(client))


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("count", [None, 0])
async def test_a_count_that_lags_is_not_believed(client: Client, count: int | None) -> None:
    """Those that are named are there."""
    status = {"inUseBy": ["fraud/reader", "lab/trainer"], "inUseCount": count}
    await client.merge_patch(DATASETS, {"metadata": IDENTITY, "status": status}, subresource="status")
    assert "is read by 2 pods: fraud/reader, lab/trainer." in str(await deletion_refused(client))


@pytest.mark.usefixtures("dataset")
async def test_very_many_users_are_counted(client: Client) -> None:
    """A hundred long names do not fit into a message."""
    await use(client, [f"{'n' * 60}/{'p' * 120}-{number}" for number in range(100)], count=5000)
    told = str(await deletion_refused(client))
    assert "is read by 5000 pods: nnn" in told
    assert "... Delete them first" in told


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize(("value", "goes"), [("true", True), ("yes", False)])
async def test_its_steward_has_the_last_word(client: Client, value: str, goes: bool) -> None:  # noqa: FBT001
    """By an annotation, which has to say exactly what it means."""
    await use(client, ["fraud/reader"])
    await client.merge_patch(DATASETS, {"metadata": {**IDENTITY, "annotations": {"moorage.dev/delete-in-use": value}}})
    assert (await deletion_refused(client) is None) is goes


@pytest.mark.usefixtures("dataset")
async def test_deleting_all_at_once_holds_those_in_use_only(client: Client) -> None:
    """`kubectl delete datasets --all`, and the end of a namespace, ask for each one."""
    await use(client, ["fraud/reader"])
    with pytest.raises(KubeError, match="is read by pod fraud/reader"):
        await client.request("DELETE", DATASETS.path(NAMESPACE))
    assert await client.get(DATASETS, "claims", NAMESPACE)
    await use(client, [])
    await client.request("DELETE", DATASETS.path(NAMESPACE))
    assert await client.list(DATASETS, Selection(namespace=NAMESPACE)) == []


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize(
    "options", [{"gracePeriodSeconds": 0}, {"propagationPolicy": "Foreground"}, {"propagationPolicy": "Orphan"}]
)
async def test_no_way_of_deleting_goes_past_the_guard(client: Client, options: Raw) -> None:
    """`--force --grace-period=0` and `--cascade` are about what follows, not about leave; and none hangs afterwards."""
    await use(client, ["fraud/reader"])
    body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
    with pytest.raises(KubeError, match="is read by pod fraud/reader"):
        await client.request("DELETE", DATASETS.path(NAMESPACE, "claims"), body=body)
    await use(client, [])
    await client.request("DELETE", DATASETS.path(NAMESPACE, "claims"), body=body)
    await until(lambda: is_gone(client, DATASETS, "claims", NAMESPACE))


async def test_a_namespace_goes_though_pods_elsewhere_read_its_data(client: Client) -> None:
    """With its Secret, whichever the namespace controller deletes first; nobody has to end for it."""
    name = f"steward-{uuid.uuid4().hex[:8]}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    await client.create(SECRETS, {"metadata": {"name": "keys", "namespace": name}, "stringData": {"a": "b"}})
    metadata = {"name": "claims", "namespace": name}
    source = {"site": "eu-1", "nfs": {"server": "nfs.example.com", "path": "/claims"}}
    await client.create(DATASETS, {"metadata": metadata, **KIND, "spec": {"sources": [source]}})
    status = {"inUseBy": ["fraud/reader"], "inUseCount": 1}
    await client.merge_patch(DATASETS, {"metadata": metadata, "status": status}, subresource="status")
    with pytest.raises(KubeError, match="is read by pod fraud/reader"):
        await client.delete(DATASETS, "claims", name)
    await client.delete(SECRETS, "keys", name)
    await client.delete(NAMESPACES, name)
    await until(lambda: is_gone(client, NAMESPACES, name))
