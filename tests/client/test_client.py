"""The typed client against a real API server."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client as official

from moorage.client import Client
from moorage.errors import ConflictError, KubeError, NotFoundError, SettingError, UnreachableError
from moorage.model import Classification, Dataset, DatasetRef, Governance, Source, UseAs
from moorage.policy import Rule
from moorage.sources.s3 import S3Source
from tests.world import World


def new_dataset(world: World, **governance: Any) -> Dataset:  # noqa: ANN401 - passed on
    """One that nobody has made yet, with a copy at the European site."""
    ref = DatasetRef(world.steward, f"claims-{uuid.uuid4().hex[:8]}")
    source = Source(world.eu, S3Source("https://s3.test", "claims"))
    return Dataset(ref, (source,), Governance(**governance))


def test_what_is_created_reads_back(moorage: Client, world: World) -> None:
    """Spec in, spec out, with what the API server adds."""
    wanted = new_dataset(world, classification=Classification.CONFIDENTIAL, purposes=frozenset({"research"}))
    made = moorage.create(wanted)
    assert (made.ref, made.sources, made.governance) == (wanted.ref, wanted.sources, wanted.governance)
    assert made.uid
    assert moorage.dataset(wanted.ref.name) == moorage.dataset(str(wanted.ref)) == made
    assert made in moorage.datasets()
    assert made in moorage.datasets(everywhere=True)
    assert made not in moorage.datasets(world.reader)
    with pytest.raises(ConflictError, match="already exists"):
        moorage.create(wanted)
    moorage.delete(wanted.ref.name)
    with pytest.raises(NotFoundError):
        moorage.dataset(wanted.ref.name)


def test_a_refusal_of_the_api_server_keeps_its_words(moorage: Client, world: World) -> None:
    """The schema's sentence names the field."""
    bad = Dataset(DatasetRef(world.steward, "Not_A_Name"), new_dataset(world).sources)
    with pytest.raises(KubeError, match=r"metadata\.name"):
        moorage.create(bad)


def test_where_says_what_the_policy_says(moorage: Client, world: World) -> None:
    """A verdict a Site, with the rule, the sentence and the seconds."""
    held = moorage.create(
        new_dataset(
            world, residency=frozenset({"EU"}), consumers=frozenset({world.reader}), purposes=frozenset({"research"})
        )
    )
    reader = {"namespace": world.reader, "service_account": "trainer"}
    verdicts = {one.site_name: one for one in moorage.where(str(held.ref), purpose="research", **reader)}
    assert verdicts[world.eu].decision.allowed
    assert verdicts[world.eu].seconds is not None
    assert (verdicts[world.us].decision.rule, verdicts[world.us].seconds) == (Rule.RESIDENCY_VIOLATED, None)
    silent = moorage.where(str(held.ref), **reader)
    assert {one.decision.rule for one in silent} == {Rule.PURPOSE_MISSING, Rule.RESIDENCY_VIOLATED}
    unknown = moorage.where("nobody/nothing")
    assert {one.decision.rule for one in unknown} == {Rule.DATASET_UNKNOWN}
    assert world.eu in {site.name for site in moorage.sites()}


def test_a_purpose_counts_only_where_the_namespace_lists_it(moorage: Client, world: World) -> None:
    """As at admission."""
    held = moorage.create(new_dataset(world, purposes=frozenset({"research"})))
    world.kubectl("annotate", "namespace", world.steward, "moorage.dev/purposes=billing", "--overwrite")
    try:
        verdicts = {one.site_name: one for one in moorage.where(held.ref.name, purpose="research")}
    finally:
        world.kubectl("annotate", "namespace", world.steward, "moorage.dev/purposes-")
    assert verdicts[world.eu].decision.rule is Rule.PURPOSE_MISSING


def test_labels_ask_for_what_was_named(moorage: Client) -> None:
    """The labels that a kfp task or a pod template takes."""
    assert moorage.labels("claims", "other/scans", use_as=[UseAs.CONFIGMAP, UseAs.MOUNT], purpose="research") == {
        "dataset.0.id": "claims",
        "dataset.0.useas": "configmap.mount",
        "dataset.1.id": "scans",
        "dataset.1.namespace": "other",
        "dataset.1.useas": "configmap.mount",
        "moorage.dev/purpose": "research",
    }


def test_a_server_that_does_not_answer(world: World) -> None:
    """Says which."""
    configuration = official.Configuration(host="http://127.0.0.1:1")
    configuration.retries = False
    with official.ApiClient(configuration) as api, pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        Client(api, world.steward).datasets()


def test_a_kubeconfig_that_can_not_be_used(world: World, tmp_path: Path) -> None:
    """Says which file, or which contexts there are."""
    with pytest.raises(SettingError, match="nothing-here"):
        Client.from_kubeconfig(str(tmp_path / "nothing-here"))
    with pytest.raises(SettingError, match="mars does not exist"):
        Client.from_kubeconfig(str(world.cluster.kubeconfig_path), context="mars")
    assert Client.from_kubeconfig(str(world.cluster.kubeconfig_path)).sites()
    with pytest.raises(SettingError, match="not a pod"):
        Client.in_cluster()
