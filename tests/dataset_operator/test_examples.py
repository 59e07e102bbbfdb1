"""The manifests that people copy: each is accepted by the API server and means what its comments say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage.model import Classification, DatasetRef
from moorage.wire import read_dataset, read_pod, read_site
from tests.world import World

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_example_is_accepted(world: World, path: Path) -> None:
    """By the API server, its schemas and rules; nothing is kept."""
    for document in documents(path):
        namespace = document["metadata"].get("namespace")
        if document["kind"] == "Pod":  # validated against its schema only: its volume comes from the webhook
            read_pod(document)
            continue
        if namespace and namespace != "default":  # a namespace that is not there accepts nothing, not even for show
            document["metadata"]["namespace"] = world.steward
        world.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(document))


def test_the_dataset_reads_as_its_comments_say() -> None:
    """One source, in a folder, for two consumers."""
    [raw] = [document for document in documents(EXAMPLES / "dataset.yaml") if document["kind"] == "Dataset"]
    dataset = read_dataset(raw)
    assert dataset.governance.classification is Classification.CONFIDENTIAL
    assert dataset.governance.consumers == frozenset({"fraud-team", "claims-desk/reports"})
    assert [source.site for source in dataset.sources] == ["eu-1"]


def test_the_datashim_manifest_needs_only_its_api_version_changed() -> None:
    """Its words are understood as they are."""
    [raw] = documents(EXAMPLES / "dataset-datashim.yaml")
    [source] = read_dataset(raw).sources
    assert (source.site, source.kind) == ("eu-1", "s3")


def test_the_pods_read_the_dataset() -> None:
    """Labels, purpose and sites fit together."""
    for name in ("pod.yaml", "pod-own-path.yaml"):
        [raw] = [document for document in documents(EXAMPLES / name) if document["kind"] == "Pod"]
        usage = read_pod(raw).usage
        assert [use.ref for use in usage.reading] == [DatasetRef("stewards", "claims")]
        assert usage.stated_purpose == "fraud-research"
    assert [read_site(raw).name for raw in documents(EXAMPLES / "sites.yaml")] == ["eu-1", "us-1"]
