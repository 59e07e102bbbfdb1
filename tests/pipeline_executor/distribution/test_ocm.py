"""Open Cluster Management's own habits: what is complete stays so, what was deleted comes back late, two watches do."""

from functools import partial

import pytest

from moorage.errors import ForbiddenError, KubeError
from moorage.kube import LEASES, PIPELINE_GROUPS, Client, RawObject, Selection
from moorage.runs import GroupPhase
from moorage.runs.pipelines import SPOKE_LEASE
from pipeline_executor.distribution.ocm.works import MANAGED_CLUSTERS, MANIFEST_WORKS, group_work, heartbeat_work
from tests.pipeline_executor.distribution.grounds import Ground, eventually


@pytest.fixture
def ground(ground: Ground) -> Ground:
    """This way only, with an agent whose habits can be hurried."""
    if ground.agent is None:
        pytest.skip("this is about Open Cluster Management's agent, played")
    return ground


async def test_a_group_that_has_ended_is_not_made_again(ground: Ground) -> None:
    """Somebody deletes it at the spoke: it would run once more. The hub still knows how it ended."""
    agent = ground.agent
    assert agent is not None
    agent.heals_after_seconds = 0.2
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        body = ground.body()
        await cluster.submit(body)
        raw = await ground.arrives()
        await ground.say(raw, {"phase": "Succeeded", "completionTime": "2026-11-29T12:01:00Z"})
        await eventually(lambda: bool((seen := ground.seen(cluster)) and seen.phase is GroupPhase.SUCCEEDED))
        await eventually(lambda: _has_condition(ground, body["metadata"]["name"], "Complete"))
        await ground.stage.spoke.delete(PIPELINE_GROUPS, body["metadata"]["name"], ground.run.namespace)
        await eventually(lambda: _has_condition(ground, body["metadata"]["name"], "Available", "False"))
        assert await ground.is_gone()
        seen = ground.seen(cluster)
        assert seen is not None
        assert seen.phase is GroupPhase.SUCCEEDED


async def test_a_group_that_was_deleted_while_it_ran_comes_back(ground: Ground) -> None:
    """The hub says meanwhile what has happened; the same attempt goes on, as a spoke takes it up from the store."""
    agent = ground.agent
    assert agent is not None
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        body = ground.body()
        await cluster.submit(body)
        raw = await ground.arrives()
        await ground.say(raw, {"phase": "Running"})
        await eventually(lambda: bool((seen := ground.seen(cluster)) and seen.phase is GroupPhase.RUNNING))
        await ground.stage.spoke.delete(PIPELINE_GROUPS, body["metadata"]["name"], ground.run.namespace)
        await eventually(
            lambda: bool((seen := ground.seen(cluster)) and "makes it again within minutes" in seen.message)
        )
        assert await ground.is_gone()
        agent.heals_after_seconds = 0.2
        again = await ground.arrives()
        assert again["spec"]["attempt"] == 1
        await eventually(lambda: bool((seen := ground.seen(cluster)) and seen.phase is None and not seen.message))


async def test_the_spokes_lease_comes_through(ground: Ground) -> None:
    """The hub reads no Lease there; it hears of renewals by a work that makes and deletes nothing, and is made anew."""
    stage, agent = ground.stage, ground.agent
    assert agent is not None
    metadata = {"namespace": stage.system, "name": SPOKE_LEASE}
    heartbeat = f"{SPOKE_LEASE}-hub-{stage.tag}"
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        assert not cluster.sight().spoke_seen
        spec = {"holderIdentity": "s", "renewTime": "2026-11-29T12:00:00.000000Z"}
        await stage.spoke.apply(LEASES, {"metadata": metadata, "spec": spec})
        await eventually(lambda: cluster.sight().spoke_seen)
        first = (await stage.hub.get(MANIFEST_WORKS, heartbeat, agent.cluster))["metadata"]["uid"]
        await stage.hub.delete(MANIFEST_WORKS, heartbeat, agent.cluster)

        async def is_another() -> bool:
            works = await stage.hub.list(MANIFEST_WORKS, Selection(namespace=agent.cluster))
            return any(raw["metadata"]["name"] == heartbeat and raw["metadata"]["uid"] != first for raw in works)

        await eventually(is_another)
    assert await stage.spoke.get(LEASES, SPOKE_LEASE, stage.system)


async def test_a_managed_cluster_without_a_namespace_is_named(ground: Ground) -> None:
    """OCM makes the namespace when it accepts a cluster: until then nothing can be brought there."""
    stage = ground.stage
    body = {"metadata": {"name": f"none-{stage.tag}", "annotations": {"moorage.dev/sites": f"none-{stage.tag}"}}}
    await stage.hub.create(
        MANAGED_CLUSTERS, {"apiVersion": MANAGED_CLUSTERS.api_version, "kind": "ManagedCluster", **body}
    )
    try:
        async with ground.distribution() as ways:
            await eventually(lambda: (there := ways.cluster(f"none-{stage.tag}")) is not None and "none" in there.name)
            cluster = ways.cluster(f"none-{stage.tag}")
            assert cluster is not None
            with pytest.raises(KubeError, match=f"no namespace none-{stage.tag}"):
                await cluster.submit(ground.body())
    finally:
        await stage.hub.delete(MANAGED_CLUSTERS, f"none-{stage.tag}")


async def test_a_hub_that_was_taken_over_gets_nothing_else_made(ground: Ground) -> None:
    """Whoever writes works may have an agent make anything, where it is cluster-admin. The hub's account may not."""
    assert ground.agent is not None
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "everything"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    }
    async with Client.from_environment(ground.stage.kubeconfig) as hub:
        good = group_work(ground.agent.cluster, ground.body())
        lease = heartbeat_work(ground.agent.cluster, "other", ground.stage.system)
        written = {**lease, "spec": {**lease["spec"], "manifestConfigs": good["spec"]["manifestConfigs"]}}
        for bad in (
            {**good, "spec": {**good["spec"], "workload": {"manifests": [role]}}},
            {**good, "spec": {**good["spec"], "workload": {"manifests": [*_manifests(good), role]}}},
            written,
        ):
            await eventually(partial(_is_refused, hub, bad, "nothing else"))
        subject = {"type": "ServiceAccount", "serviceAccount": {"namespace": "kube-system", "name": "admin"}}
        bad = {**good, "spec": {**good["spec"], "executor": {"subject": subject}}}
        assert await _is_refused(hub, bad, "names no executor")
        await hub.create(MANIFEST_WORKS, good)
        patch = [{"op": "add", "path": "/spec/workload/manifests/-", "value": role}]
        with pytest.raises(KubeError, match="nothing else"):
            await hub.json_patch(MANIFEST_WORKS, good["metadata"]["name"], patch, namespace=ground.agent.cluster)


async def _is_refused(hub: Client, work: RawObject, why: str) -> bool:
    """A policy is in force some moments after it was made."""
    try:
        await hub.create(MANIFEST_WORKS, work, dry_run=True)
    except ForbiddenError as error:
        return why in str(error)
    return False


def _manifests(work: RawObject) -> list[RawObject]:
    manifests: list[RawObject] = work["spec"]["workload"]["manifests"]
    return manifests


async def _has_condition(ground: Ground, name: str, kind: str, status: str = "True") -> bool:
    assert ground.agent is not None
    raw = await ground.stage.hub.get(MANIFEST_WORKS, name, ground.agent.cluster)
    manifests = raw["status"]["resourceStatus"]["manifests"]
    return any(each["type"] == kind and each["status"] == status for each in manifests[0]["conditions"])
