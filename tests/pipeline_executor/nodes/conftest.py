"""The ground that all tests of this folder share, made once, and the runs in trouble that go on beside them.

Both end with the folder's last test: the cluster may go right after it, before session fixtures end.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from tests.pipeline_executor.nodes.ground import DOOMED, DOOMED_NODE, Ground
from tests.pipeline_executor.nodes.troubles import LOST, TASK, TROUBLES
from tests.world import eventually

_ENDS = ExitStack()
_IS_READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End what was made, after the last test of this folder."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _ENDS.close()


@pytest.fixture(scope="session")
def ground(real_cluster: Cluster, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Moorage on real nodes, with sites, namespaces and data; a node that nothing uses unasked."""
    del busybox
    made = Ground(real_cluster, tmp_path_factory.mktemp("ground"))
    _ENDS.callback(made.remove)
    made.kubectl("taint", "node", DOOMED_NODE, f"{DOOMED}=true:NoSchedule", "--overwrite")
    made.install()
    made.furnish()
    return made


@pytest.fixture(scope="session")
def under_way(ground: Ground) -> Ground:
    """All runs that meet trouble submitted; and the node of one of them is lost once its task runs there."""
    for name, trouble in TROUBLES.items():
        hints = {"tasks": {TASK: {"sites": [trouble.site], "seconds": 1}}}
        ground.submit(name, trouble.pipeline, trouble.namespace, hints=hints, **trouble.options)
    ground.says(LOST, lambda status: [each["phase"] for each in status.get("tasks") or ()] == ["Running"])
    assert [pod["spec"]["nodeName"] for pod in ground.pods(LOST)] == [DOOMED_NODE]
    _ENDS.callback(_bring_back, ground)
    ground.cluster.stop_component("kubelet", DOOMED_NODE)
    return ground


def _bring_back(ground: Ground) -> None:
    """The lost node, so that the cluster's next tests have all of them."""
    ground.cluster.start_component("kubelet", DOOMED_NODE)
    eventually(lambda: "True" in ground.kubectl("get", "node", DOOMED_NODE, "-o", _IS_READY))
