"""`kubectl dataset fluid`: what Fluid gets, what it must not get, and how a person asks."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.caching import CacheMode, CachePolicy
from moorage.model import Classification, Dataset, Revocation, Source
from moorage.sites import Inventory
from moorage.sources.location import Credentials, Location
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source
from moorage.sources.web_identity import WebIdentity
from moorage_cli.caches.fluid_objects import Wanted, fluid_objects
from moorage_cli.kubectl_dataset import kubectl_dataset
from moorage_cli.running import run
from tests.builders import DatasetBuilder, make_dataset, make_site
from tests.moorage_cli.caches.fluid_schemas import SCHEMAS
from tests.world import World, make_world

GIB = 1 << 30
INVENTORY = Inventory.of(
    [
        make_site("eu-1", "DE", clearance=Classification.INTERNAL),
        make_site("us-1", "US"),
        replace(make_site("bare"), node_selector={}),
    ]
)
STORE = S3Source("https://s3.example.com", "b", prefix="/flights/2024/", region="eu-central-1", secret_name="keys")


def at(location: Location = STORE, **changes: Any) -> Dataset:  # noqa: ANN401 - any field's
    """A dataset of 10 GiB in a store at eu-1."""
    made = make_dataset("flights").sized(10 * GIB).obj()
    return replace(made, sources=(Source("eu-1", location),), **changes)


def governed(change: Callable[[DatasetBuilder], DatasetBuilder]) -> Dataset:
    """The same, under rules."""
    return change(DatasetBuilder(at())).obj()


def printed(dataset: Dataset, **wanted: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - any field's
    """Fluid's Dataset and AlluxioRuntime, as Fluid's API takes them."""
    made = fluid_objects(dataset, INVENTORY, Wanted(**{"site": "us-1", **wanted}))
    assert not isinstance(made, str), made
    for each in made:
        jsonschema.validate(each, SCHEMAS[each["kind"]])
    of_kind = {each["kind"]: each for each in made}
    return of_kind["Dataset"], of_kind["AlluxioRuntime"]


def test_the_mount_is_the_folder_with_keys_from_the_stewards_secret() -> None:
    """Nobody copies a key, nothing may be written, and both objects go with the Dataset."""
    dataset, runtime = printed(at(uid="1-2"))
    [mount] = dataset["spec"]["mounts"]
    assert (mount["mountPoint"], mount["readOnly"]) == ("s3://b/flights/2024/", True)
    assert mount["options"]["alluxio.underfs.s3.endpoint"] == "https://s3.example.com"
    assert mount["options"]["alluxio.underfs.s3.endpoint.region"] == "eu-central-1"
    keys = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in mount["encryptOptions"]}
    assert keys == {
        "aws.accessKeyId": {"name": "keys", "key": "accessKeyID"},
        "aws.secretKey": {"name": "keys", "key": "secretAccessKey"},
    }
    for each in (dataset, runtime):
        assert (each["metadata"]["namespace"], each["metadata"]["name"]) == ("steward", "flights")
        assert [owner["uid"] for owner in each["metadata"]["ownerReferences"]] == ["1-2"]
    assert "ownerReferences" not in printed(at())[0]["metadata"]


def test_bytes_stay_at_the_site() -> None:
    """Workers, mounts and pods are held to the Site's own labels."""
    dataset, runtime = printed(at())
    selector = dict(INVENTORY.sites["us-1"].node_selector)
    assert [runtime["spec"][part]["nodeSelector"] for part in ("master", "worker", "fuse")] == [selector] * 3
    [term] = dataset["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": key, "operator": "In", "values": [value]} for key, value in selector.items()
    ]


@pytest.mark.parametrize(
    ("dataset", "wanted", "quota"),
    [
        pytest.param(at(), {}, "11264Mi", id="the whole, and a tenth more"),
        pytest.param(at(), {"workers": 4}, "2816Mi", id="shared by the workers"),
        pytest.param(at(cache=CachePolicy(size_limit_bytes=4 * GIB)), {}, "4096Mi", id="as the Dataset bounds it"),
        pytest.param(at(), {"quota_bytes": 3 * GIB, "workers": 2}, "3072Mi", id="as asked"),
    ],
)
def test_the_quota(dataset: Dataset, wanted: dict[str, Any], quota: str) -> None:
    """It holds the dataset, within what `spec.cache` permits."""
    _, runtime = printed(dataset, **wanted)
    [level] = runtime["spec"]["tieredstore"]["levels"]
    assert (level["quota"], runtime["spec"]["replicas"]) == (quota, wanted.get("workers", 1))


@pytest.mark.parametrize(
    ("dataset", "site", "reason"),
    [
        (governed(lambda made: made.staying_in("EU")), "us-1", "ResidencyViolated"),
        (governed(lambda made: made.classified(Classification.RESTRICTED)), "eu-1", "ClearanceTooLow"),
        (governed(lambda made: made.denied_at("us-1")), "us-1", "SiteDenied"),
        (governed(lambda made: made.for_purposes("research")), "eu-1", "PurposeMissing"),
        (governed(lambda made: made.for_consumers("fraud")), "eu-1", "ConsumerNotAllowed"),
        (governed(lambda made: made.for_consumers("steward", "fraud")), "eu-1", "names its consumers"),
        (governed(lambda made: made.confidential_only()), "eu-1", "ConfidentialComputeRequired"),
        (at(revocation=Revocation.IMMEDIATE), "eu-1", "spec.revocation Immediate"),
        (at(cache=CachePolicy(CacheMode.NONE)), "eu-1", "spec.cache.mode none"),
        (at(claim=True), "eu-1", "a PersistentVolumeClaim of the same name"),
        (at(), "nowhere", "site nowhere is not known"),
        (at(), "bare", "has no nodeSelector"),
        (at(NfsSource("nfs.example.com", "/d")), "eu-1", "s3 sources only, not nfs"),
        (at(replace(STORE, secret_name=None)), "eu-1", "has no secretRef"),
        (at(replace(STORE, ca_bundle="x")), "eu-1", "caBundle"),
        (
            at(replace(STORE, secret_name=None, inline_credentials=Credentials("a", "b"))),
            "eu-1",
            "put them into a Secret",
        ),
        (
            at(replace(STORE, secret_name=None, web_identity=WebIdentity("arn:aws:iam::1:role/r"))),
            "eu-1",
            "webIdentity",
        ),
        (replace(make_dataset("flights").obj(), sources=at().sources), "eu-1", "say --quota"),
        (make_dataset("flights").sized(1).obj(), "eu-1", "no usable source"),
    ],
)
def test_what_fluid_must_not_get(dataset: Dataset, site: str, reason: str) -> None:
    """Rules that it can't keep, sources that it can't read: a sentence, and nothing else."""
    told = fluid_objects(dataset, INVENTORY, Wanted(site=site))
    assert isinstance(told, str)
    assert reason in told
    assert "bare" in told or "nowhere" in told or "steward/flights" in told


def test_rules_about_places_are_no_obstacle_where_the_site_meets_them() -> None:
    """Whoever reads at the site meets them, too."""
    rules = governed(lambda made: made.staying_in("EU").classified(Classification.INTERNAL).allowed_at("eu-1"))
    dataset, _ = printed(rules, site="eu-1")
    assert dataset["metadata"]["name"] == "flights"


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """A dataset that anybody of its namespace may read, and one with rules."""
    with make_world(plane, "fluid") as made:
        free = made.dataset("free", made.eu)
        del free["spec"]["governance"]
        free["spec"]["sources"][0]["s3"]["secretRef"] = {"name": "keys"}
        made.apply(free, made.dataset("ruled", made.eu, purposes=["research"]))
        yield made


def test_a_person_asks(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """YAML for kubectl on stdout; a refusal on stderr with exit code 1; nonsense with 2."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(kubectl_dataset, "kubectl dataset", ("fluid", *words, "-n", world.steward, "--site", world.us))
        told = capsys.readouterr()
        return code, told.out, told.err

    code, out, _ = command("free", "--quota", "2Gi", "--workers", "3", "--medium", "MEM")
    made = list(yaml.safe_load_all(out))
    assert (code, [each["kind"] for each in made]) == (0, ["Dataset", "AlluxioRuntime"])
    for each in made:
        jsonschema.validate(each, SCHEMAS[each["kind"]])
    assert made[0]["metadata"]["ownerReferences"][0]["uid"]
    assert made[1]["spec"]["tieredstore"]["levels"][0]["quota"] == "2048Mi"
    code, out, err = command("ruled", "--quota", "2Gi")
    assert (code, out) == (1, "")
    assert "mount it with Moorage" in err
    assert [command("free", *words)[0] for words in (["--quota", "much"], ["--directory", "here"])] == [2, 2]
    assert command("absent")[0] == 1
