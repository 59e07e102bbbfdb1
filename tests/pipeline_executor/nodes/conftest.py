"""The ground that all tests of this folder share, made once, and the runs in trouble that go on beside them."""

from collections.abc import Iterator

import pytest

from devcluster.cluster import Cluster
from tests.pipeline_executor.nodes.ground import DOOMED, DOOMED_NODE, Ground
from tests.pipeline_executor.nodes.troubles import LOST, TASK, TROUBLES
from tests.world import eventually

_IS_READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'


@pytest.fixture(scope="package")  # ended before the cluster goes
def ground(real_cluster: Cluster, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Moorage on real nodes, with sites, namespaces and data; a node that nothing uses unasked."""
    del busybox
    made = Ground(real_cluster, tmp_path_factory.mktemp("ground"))
    made.kubectl("taint", "node", DOOMED_NODE, f"{DOOMED}=true:NoSchedule", "--overwrite")
    try:
        made.install()
        made.furnish()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="package")  # ended before the cluster goes
def under_way(ground: Ground) -> Iterator[Ground]:
    """All runs that meet trouble submitted; and the node of one of them is lost once its task runs there."""
    for name, trouble in TROUBLES.items():
        hints = {"tasks": {TASK: {"sites": [trouble.site], "seconds": 1}}}
        ground.submit(name, trouble.pipeline, trouble.namespace, hints=hints, **trouble.options)
    ground.says(LOST, lambda status: [each["phase"] for each in status.get("tasks") or ()] == ["Running"])
    assert [pod["spec"]["nodeName"] for pod in ground.pods(LOST)] == [DOOMED_NODE]
    ground.cluster.stop_component("kubelet", DOOMED_NODE)
    yield ground
    ground.cluster.start_component("kubelet", DOOMED_NODE)
    eventually(lambda: "True" in ground.kubectl("get", "node", DOOMED_NODE, "-o", _IS_READY))
