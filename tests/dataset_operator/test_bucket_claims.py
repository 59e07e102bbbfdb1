"""Buckets that ObjectBucketClaims bring: a real API server and store, and a played provisioner."""

from tests.dataset_operator import provisioners
from tests.dataset_operator.brokers import Broker, mounting, token
from tests.dataset_operator.processes import Running
from tests.dataset_operator.provisioners import Provisioner, dataset
from tests.dataset_operator.stores import STEWARD, Store
from tests.dataset_operator.test_operator import parquet, ready, status_when
from tests.world import World, eventually


def told(world: World, name: str, reason: str) -> str:
    """The message of the Dataset's condition, once it has that reason."""
    message: str = ready(status_when(world, name, reason))["message"]
    return message


def test_a_cluster_without_such_claims_says_so(world: World, operator: Running) -> None:
    """And so does one where the claim is missing, or not bound yet, each with what to do."""
    provisioners.remove(world)
    world.apply(dataset(world, "early"))
    assert "this cluster has no objectbucketclaims.objectbucket.io: install what" in told(
        world, "early", "ClaimNotFound"
    )
    provisioners.install(world)
    eventually(lambda: "does not exist: create it, or correct bucketClaim" in told(world, "early", "ClaimNotFound"))
    Provisioner(world, Store("http://s3.test", None)).claim("early")
    assert "is not bound yet (its phase is not known)" in told(world, "early", "ClaimNotBound")
    assert operator.alive()


def test_a_bucket_is_listed_and_granted(
    world: World, operator: Running, broker: Broker, provisioner: Provisioner, store: Store
) -> None:
    """Version, format and place in the status; the pod's grant is of the very bucket, with the claim's keys."""
    del operator
    bucket = provisioner.serve("sales")
    store.put({"a.parquet": parquet(3), "b.parquet": parquet(4)}, bucket)
    world.apply(dataset(world, "sales", access="readWrite"))
    status = status_when(world, "sales", "Ready")
    assert (status["objects"], status["format"], len(status["version"])) == (2, "parquet", 64)
    (source,) = status["sources"]
    assert source["place"] == f"{store.endpoint}/{bucket}"
    assert "found" not in source
    assert STEWARD.secret_access_key not in str(status)
    code, grant = broker.ask(token(world), mounting(world, "reads-sales", asked="sales"))
    assert code == 200, grant
    assert (grant["source"]["endpoint"], grant["source"]["bucket"]) == (store.endpoint, bucket)
    assert (grant["credentials"]["accessKeyId"], grant["version"]) == (STEWARD.access_key_id, status["version"])
    audit = eventually(lambda: [entry for entry in broker.audits() if entry.get("pod", "").endswith("reads-sales")])[-1]
    assert audit["source"]["bucket"] == bucket
    asked = mounting(world, "copies-sales", asked="sales")
    assert broker.ask(token(world), asked, "/v1/neighbours")[0] == 200
    code, made = broker.ask(token(world), asked, "/v1/passes")
    assert code == 200, made
