"""A program that speaks S3 reads a governed dataset of another namespace, on a real node, without any key."""

import json

import pytest

from demo.stage import CONSUMER, IMAGE, Stage
from tests.world import eventually

pytestmark = pytest.mark.real

NAME = "speaks-s3"
READ = """
import os
import pyarrow.dataset as ds, pyarrow.fs as fs
place = os.environ["flights_endpoint"].removeprefix("http://")
keys = {"access_key": os.environ["flights_accessKeyID"], "secret_key": os.environ["flights_secretAccessKey"]}
s3 = fs.S3FileSystem(endpoint_override=place, scheme="http", region=os.environ["flights_region"], **keys)
print("rows", ds.dataset(os.environ["flights_bucket"], filesystem=s3, format="parquet").count_rows())
"""


def test_a_program_that_speaks_s3_reads_through_its_own_pod(stage: Stage) -> None:
    """Admission adds the gateway behind the mount's server; the pod ends when its program does."""
    labels = {
        "dataset.0.id": "flights",
        "dataset.0.namespace": "stewards",
        "dataset.0.useas": "gateway",
        "moorage.dev/purpose": "research",
    }
    container = {
        "name": "reader", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["python3", "-c", READ],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    security = {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": CONSUMER, "labels": labels},
        "spec": {"restartPolicy": "Never", "securityContext": security, "containers": [container]},
    }
    said = stage.kubectl("create", "-f", "-", stdin=json.dumps(pod), check=False)
    assert said.code == 0, said.text
    try:
        phase = ("get", "pod", NAME, "-n", CONSUMER, "-o", "jsonpath={.status.phase}")
        ended = eventually(lambda: found if (found := stage.kubectl(*phase).out) in {"Succeeded", "Failed"} else "")
        logs = stage.kubectl("logs", NAME, "-n", CONSUMER, "-c", "reader").text
        assert (ended, logs.split()) == ("Succeeded", ["rows", "336776"])
    finally:
        stage.kubectl("delete", "pod", NAME, "-n", CONSUMER, "--wait=false")
