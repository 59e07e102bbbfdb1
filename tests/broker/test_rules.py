"""What the broker decides, from what the API server vouches for: tables."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.app import pod_limit
from broker.identity import NodeIdentity, identity_of
from broker.ruling import Permission, Question, choose_source, granted, rule
from broker.vouching import vouch
from moorage.caching import CacheMode, CachePolicy
from moorage.errors import InputError
from moorage.grants.grant import write_grant
from moorage.grants.question import GrantQuestion, PodIdentity, read_question
from moorage.locality.emptiness import nothing_to_read
from moorage.model import (
    CSI_DRIVER,
    MIRROR_ANNOTATION,
    PURPOSE_LABEL,
    SITE_LABEL,
    Dataset,
    DatasetRef,
    Link,
    Node,
    Pod,
    Site,
    Source,
    SourceStatus,
)
from moorage.refusal import Refusal
from moorage.serving.rate_limit import RateLimit
from moorage.serving.token_reviews import UnknownCallerError
from moorage.sites import Inventory
from moorage.sources import Credentials
from moorage.sources.hive import HiveSource
from moorage.sources.host_path import HostPathSource
from moorage.sources.nfs import NfsSource
from moorage.sources.pvc import PvcSource
from moorage.sources.s3 import S3Source
from moorage.sources.unsupported import UnsupportedSource
from moorage.sources.web_identity import WebIdentity
from moorage.watching.projections import read_for_deciding
from tests.builders import make_dataset

CLAIMS = DatasetRef("steward", "claims")
ASKED = GrantQuestion(PodIdentity("lab", "reader", "uid-1"), CLAIMS)
EU = Site("eu-1", jurisdiction="DE", node_selector={SITE_LABEL: "eu-1"}, links={"asia-1": Link(1e6)})
US = Site("us-1", jurisdiction="US", node_selector={SITE_LABEL: "us-1"}, links={"asia-1": Link(1e9)})
ASIA = Site("asia-1", jurisdiction="JP", node_selector={SITE_LABEL: "asia-1"})
INVENTORY = Inventory.of([EU, US, ASIA])
GOVERNED = make_dataset("claims").at("eu-1").staying_in("EU").for_purposes("research").for_consumers("lab/trainer")


def raw_pod(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A pod that mounts claims, written by hand: no dataset label names it."""
    volume = {
        "name": "x",
        "csi": {"driver": CSI_DRIVER, "volumeAttributes": {"dataset": "claims", "namespace": "steward"}},
    }
    raw: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "reader",
            "namespace": "lab",
            "uid": "uid-1",
            "labels": {PURPOSE_LABEL: "research"},
            "annotations": {},
        },
        "spec": {"nodeName": "n1", "serviceAccountName": "trainer", "volumes": [volume]},
        "status": {"phase": "Pending"},
    }
    for part, change in changes.items():
        raw[part] = raw[part] | change
    return raw


def vouched(**changes: Any) -> Pod:  # noqa: ANN401
    """The pod as it is vouched for."""
    pod = vouch(raw_pod(**changes), ASKED, "n1", "docker.io/moorage/mount")
    assert isinstance(pod, Pod)
    return pod


@pytest.mark.parametrize(
    ("review", "told"),
    [
        ({}, "not valid"),
        ({"authenticated": False}, "not valid"),
        ({"audiences": []}, "not meant for moorage-broker"),
        ({"audiences": ["https://kubernetes.default.svc"]}, "not meant for moorage-broker"),
        ({"user": {"username": "system:serviceaccount:lab:moorage-node-plugin"}}, "not the node plugin's"),
        ({"user": {"username": "system:node:n1"}}, "not the node plugin's"),
        ({"user": {"extra": {}}}, "bound to no node"),
        ({"user": {"extra": {"authentication.kubernetes.io/node-name": ["n1", "n2"]}}}, "bound to no node"),
    ],
)
def test_strangers(review: dict[str, Any], told: str) -> None:
    """Whoever is not a node plugin with a node-bound token for this audience is nobody."""
    good = _review()
    user = good["user"] | review.pop("user", {})
    changed = {} if review == {} and user == good["user"] else good | review | {"user": user}
    with pytest.raises(UnknownCallerError, match=told):
        identity_of(changed, "moorage-broker", "moorage-system/moorage-node-plugin")


def test_a_node_plugin_is_known_by_its_node() -> None:
    """The node is what the token is bound to, not what the caller says."""
    found = identity_of(_review(), "moorage-broker", "moorage-system/moorage-node-plugin")
    assert found == NodeIdentity("moorage-system/moorage-node-plugin", "n1")


@pytest.mark.parametrize(
    ("changes", "code", "rule_code"),
    [
        ({"metadata": {"uid": "uid-2"}}, 409, ""),
        ({"metadata": {"annotations": {MIRROR_ANNOTATION: "x"}}}, 403, "MirrorPod"),
        ({"metadata": {"labels": {"dataset.0.useas": "mount"}}}, 403, "LabelsUnreadable"),
        ({"spec": {"nodeName": "n2"}}, 409, ""),
        ({"spec": {"nodeName": None}}, 409, ""),
        ({"status": {"phase": "Succeeded"}}, 409, ""),
        ({"status": {"phase": "Failed"}}, 409, ""),
        ({"spec": {"volumes": []}}, 403, "NotMounted"),
        ({"metadata": {"labels": {"dataset.0.id": "claims", "dataset.0.namespace": "steward"}},
          "spec": {"volumes": []}}, 403, "NotMounted"),
    ],
)  # fmt: skip
def test_pods_that_are_not_what_was_said(changes: dict[str, Any], code: int, rule_code: str) -> None:
    """Another pod of that name, another node, a finished or a made-up pod, one that does not ask: nothing."""
    refused = vouch(raw_pod(**changes), ASKED, "n1", "docker.io/moorage/mount")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.reason) == (code, rule_code)
    assert refused.message


def question(dataset: Dataset | None = None, site: str = "eu-1", **changes: Any) -> Question:  # noqa: ANN401
    """May the pod read it on a node of that site?"""
    given = Question(
        ref=CLAIMS,
        dataset=GOVERNED.obj() if dataset is None else dataset,
        unreadable=False,
        pod=vouched(),
        purposes=None,
        node=Node("n1", {SITE_LABEL: site}),
        inventory=INVENTORY,
    )
    return replace(given, **changes)


def test_a_permitted_pod_gets_the_source_of_its_site() -> None:
    """All rules asked, the own site's copy chosen."""
    permission = rule(question())
    assert isinstance(permission, Permission)
    assert (permission.site, permission.source.site, permission.local) == ("eu-1", "eu-1", True)
    assert permission.purpose == "research"


@pytest.mark.parametrize(
    ("asked", "rule_code"),
    [
        (question(site="us-1"), "ResidencyViolated"),
        (question(site="nowhere"), "SiteUnknown"),
        (question(purposes=frozenset({"billing"})), "PurposeMissing"),
        (question(pod=vouched(metadata={"labels": {}})), "PurposeMissing"),
        (question(pod=vouched(metadata={"labels": {PURPOSE_LABEL: "ads"}})), "PurposeNotAllowed"),
        (question(pod=vouched(spec={"serviceAccountName": "other"})), "ConsumerNotAllowed"),
        (question(unreadable=True, dataset=GOVERNED.obj()), "DatasetUnknown"),
        (replace(question(), dataset=None), "DatasetUnknown"),
        (question(dataset=make_dataset("claims").at("eu-1").obj()), "ConsumerNotAllowed"),
        (question(dataset=GOVERNED.confidential_only().obj()), "ConfidentialComputeRequired"),
    ],
)
def test_a_hand_written_volume_gets_no_more_than_a_label_would(asked: Question, rule_code: str) -> None:
    """The pod names the dataset by a volume only; every rule is asked all the same."""
    refused = rule(asked)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.reason) == (403, rule_code)
    assert "steward/claims" in refused.message


def test_what_is_wrong_with_a_spec_stays_with_its_steward() -> None:
    """Readers learn that, not what."""
    refused = rule(question(unreadable=True))
    assert isinstance(refused, Refusal)
    assert "its steward sees why in its conditions" in refused.message


def sourced(*sources: Source, told: tuple[SourceStatus, ...] = ()) -> Dataset:
    """A dataset with these sources."""
    dataset = make_dataset("claims").sized(10**9).obj()
    return replace(dataset, sources=sources, status=replace(dataset.status, sources=told))


def status(site: str, reason: str) -> SourceStatus:
    """What the operator said of a source."""
    return SourceStatus(site, reachable=reason in {"Listed", "Diverged"}, reason=reason)


def s3(site: str, web_identity: WebIdentity | None = None) -> Source:
    """A copy in a store."""
    return Source(site, S3Source(f"http://s3.{site}", "b", "/claims/", web_identity=web_identity))


@pytest.mark.parametrize(
    ("dataset", "site", "chosen"),
    [
        (sourced(s3("us-1"), s3("asia-1")), "asia-1", "asia-1"),
        (sourced(s3("eu-1"), s3("us-1")), "asia-1", "us-1"),  # a thousand times the bandwidth
        (sourced(s3("us-1"), told=(status("us-1", "EndpointUnreachable"),)), "us-1", "us-1"),
        (
            sourced(s3("asia-1"), s3("us-1"), told=(status("asia-1", "EndpointUnreachable"),)),
            "asia-1",
            "us-1",
        ),
        (sourced(s3("asia-1"), s3("us-1"), told=(status("asia-1", "Diverged"),)), "asia-1", "us-1"),
        (sourced(Source("eu-1", NfsSource("s", "/p"))), "asia-1", "eu-1"),
        (
            sourced(Source("asia-1", NfsSource("s", "/p")), s3("us-1"), told=(status("asia-1", "NotListed"),)),
            "asia-1",
            "asia-1",
        ),
        (sourced(Source("eu-1", HostPathSource("/p"))), "eu-1", "eu-1"),
        (sourced(Source("eu-1", HostPathSource("/p"))), "asia-1", None),
        (sourced(Source("eu-1", HiveSource("m", table="t"))), "eu-1", None),
        (sourced(s3("eu-1", WebIdentity("arn:role"))), "eu-1", "eu-1"),
        (sourced(s3("mars")), "eu-1", None),
    ],
)
def test_which_source(dataset: Dataset, site: str, chosen: str | None) -> None:
    """The own site first, then the quickest; what diverged never, what is out of reach last."""
    found = choose_source(dataset, site, INVENTORY)
    assert (found.site if found else None) == chosen


@pytest.mark.parametrize(
    ("told", "allow_empty", "problem"),
    [
        ((), False, None),
        ((SourceStatus("eu-1", reachable=True, reason="Listed", objects=3),), False, None),
        ((SourceStatus("eu-1", reachable=True, reason="Listed", objects=0),), False, "NoObjects: it holds no object"),
        ((SourceStatus("eu-1", reachable=True, reason="Listed", objects=0),), True, None),
        (
            (SourceStatus("eu-1", reachable=False, reason="AccessDenied", message="correct the Secret"),),
            False,
            "AccessDenied: correct the Secret",
        ),
        (
            (SourceStatus("eu-1", reachable=False, reason="BucketNotFound", message="correct bucket"),),
            True,
            "BucketNotFound: correct bucket",
        ),
        (
            (SourceStatus("eu-1", reachable=False, reason="SecretNotFound", message="create it"),),
            False,
            "SecretNotFound: create it",
        ),
        (
            (SourceStatus("eu-1", reachable=False, reason="EndpointRefused", message="correct it"),),
            False,
            "EndpointRefused: correct it",
        ),
        (
            (SourceStatus("eu-1", reachable=False, reason="RedirectRefused", message="correct it"),),
            False,
            "RedirectRefused: correct it",
        ),
        (
            (SourceStatus("eu-1", reachable=False, reason="EndpointUnreachable", message="see it"),),
            False,
            None,
        ),  # it may answer a node
        ((SourceStatus("eu-1", reachable=False, reason="StoreBusy", message="see it"),), False, None),
        (
            (SourceStatus("eu-1", reachable=False, reason="NotListed", message=""),),
            False,
            None,
        ),  # nobody has looked inside
        ((SourceStatus("us-1", reachable=False, reason="AccessDenied", message="no copy of ours"),), False, None),
    ],
)
def test_a_pod_never_succeeds_on_nothing(
    told: tuple[SourceStatus, ...],
    allow_empty: bool,  # noqa: FBT001 - a column of the table
    problem: str | None,
) -> None:
    """What is known to be missing, refused or empty is not mounted; what may pass by itself is."""
    copies = (s3("eu-1"), s3("us-1")) if told and told[0].site == "us-1" else (s3("eu-1"),)
    dataset = replace(sourced(*copies, told=told), allow_empty=allow_empty, governance=GOVERNED.obj().governance)
    ruling = rule(question(dataset=dataset))
    if problem is None:
        assert isinstance(ruling, Permission), ruling
        assert ruling.source.site == "eu-1"
    else:
        assert isinstance(ruling, Refusal)
        assert ruling.code == 409
        assert f"would be an empty folder here, so it is not mounted: {problem}" in ruling.message


def test_a_copy_with_data_is_read_instead_of_one_without() -> None:
    """Even where the empty one is near."""
    empty = SourceStatus("eu-1", reachable=False, reason="BucketNotFound", message="correct bucket")
    found = choose_source(sourced(s3("eu-1"), s3("us-1"), told=(empty,)), "eu-1", INVENTORY)
    assert found is not None
    assert found.site == "us-1"


def test_no_source_that_can_be_mounted_is_a_sentence() -> None:
    """409, with what would help."""
    refused = rule(question(dataset=replace(GOVERNED.obj(), sources=(Source("eu-1", UnsupportedSource("H3")),))))
    assert isinstance(refused, Refusal)
    assert refused.code == 409
    assert "it has unsupported" in refused.message
    claimed = question(dataset=replace(GOVERNED.obj(), sources=(Source("eu-1", PvcSource("c")),)))
    why: tuple[dict[str, str], ...] = ({}, {"eu-1": "ClaimNotBound: not yet"})
    for problems in why:
        refused = rule(replace(claimed, problems=problems))
        assert isinstance(refused, Refusal)
        assert refused.code == 409
        assert problems.get("eu-1", "where the files of claim c are is not known yet") in refused.message


def test_a_place_that_was_proven_is_bound_by_the_rules_of_its_kind() -> None:
    """A directory of nodes is one at its own site alone, whoever named it."""
    ungoverned = make_dataset("claims").at("eu-1").obj()
    dataset = replace(ungoverned, sources=(Source("eu-1", HostPathSource("/srv/x"), declared=PvcSource("c")),))
    own = replace(vouched(), namespace="steward")
    assert isinstance(rule(question(dataset=dataset, pod=own)), Permission)
    refused = rule(question(dataset=dataset, pod=own, site="us-1"))
    assert isinstance(refused, Refusal)
    assert "no source that a node of site us-1 can mount (it has hostPath)" in refused.message


def test_a_table_is_granted_as_the_folder_that_was_found() -> None:
    """Before, the mount waits and says why; a status that tells of another table, or of `..`, tells nothing."""
    within = S3Source("https://s3", "lake", "tables", secret_name="keys")
    table = HiveSource("thrift://m:9083", table="sales.orders", within=within)
    spec = {"sources": [{"site": "eu-1", "hive": table.write()}], "governance": {"consumers": ["lab"]}}
    metadata = {"namespace": "steward", "name": "claims"}

    def asked(**found: str) -> Permission | Refusal:
        status = {"sources": [{"site": "eu-1", "reachable": True, "reason": "Listed", "objects": 1, "found": found}]}
        raw = {"kind": "Dataset", "metadata": metadata, "spec": spec, "status": status if found else {}}
        return rule(question(dataset=read_for_deciding(raw)))

    permission = asked(asked=table.asked, folder="sales.db/orders")
    assert isinstance(permission, Permission)
    assert permission.source.location == replace(within, prefix="tables/sales.db/orders")
    assert granted(permission, None).location == S3Source("https://s3", "lake", "tables/sales.db/orders")
    other = replace(table, table="sales.salaries").asked
    for found in ({}, {"asked": other, "folder": "a"}, {"asked": table.asked, "folder": "../a"}):
        refused = asked(**found)
        assert isinstance(refused, Refusal)
        assert (refused.code, "is not known yet" in refused.message) == (409, True)


def test_the_grant_as_json() -> None:
    """Exactly what node plugins read; what the source does not say is left out."""
    dataset = replace(
        sourced(s3("eu-1")), cache=CachePolicy(CacheMode.ALWAYS, 2**30), governance=GOVERNED.obj().governance
    )
    permission = rule(question(dataset=dataset))
    assert isinstance(permission, Permission)
    assert write_grant(granted(permission, Credentials("id", "key"))) == {
        "site": "eu-1",
        "version": "v1",
        "source": {
            "site": "eu-1",
            "kind": "s3",
            "local": True,
            "endpoint": "http://s3.eu-1",
            "bucket": "b",
            "prefix": "claims",
        },
        "credentials": {"accessKeyId": "id", "secretAccessKey": "key", "sessionToken": None, "endsAt": None},
        "cache": {"mode": "always", "sizeLimitBytes": 2**30},
        "fill": {"sizeBytes": 10**9, "farMilliseconds": 1000, "listedVersion": "v1", "asked": False, "siteReads": 0},
        "access": "readOnly",
        "uid": "",
    }
    assert write_grant(granted(permission, None))["credentials"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b'{"pod": "x", "dataset": {"namespace": "a", "name": "b"}}',
        b'{"pod": {"namespace": "a", "name": "b", "uid": ""}, "dataset": {"namespace": "a", "name": "b"}}',
        b'{"pod": {"namespace": "a", "name": "b", "uid": 7}, "dataset": {"namespace": "a", "name": "b"}}',
        b'{"pod": {"namespace": "a", "name": "b\\n", "uid": "u"}, "dataset": {"namespace": "a", "name": "b"}}',
        b'{"pod": {"namespace": "a", "name": "' + b"x" * 300 + b'", "uid": "u"}, "dataset": {}}',
    ],
)
def test_requests_that_are_none(body: bytes) -> None:
    """Refused with the field."""
    with pytest.raises(InputError):
        read_question(body)


@pytest.mark.parametrize(
    "name", ["..", ".", "reader/status", "../secrets/keys", "reader?watch=1", "Reader", "a b", "-a"]
)
@pytest.mark.parametrize("field", ["pod.namespace", "pod.name", "dataset.namespace", "dataset.name"])
def test_a_name_leads_nowhere_else(field: str, name: str) -> None:
    """A taken node can't have the broker read another path of the API than that of a pod."""
    asked = {"pod": {"namespace": "lab", "name": "reader-0.a", "uid": "u"}, "dataset": {"namespace": "s", "name": "d"}}
    assert read_question(orjson.dumps(asked)).pod.name == "reader-0.a"
    part, _, key = field.partition(".")
    asked[part][key] = name
    with pytest.raises(InputError, match=field):
        read_question(orjson.dumps(asked))


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    """Anything at all is read or refused."""
    try:
        read_question(body)
    except InputError:
        return


@given(st.lists(st.floats(0, 2), max_size=60))
def test_a_rate_limit_lets_no_more_through_than_it_says(pauses: list[float]) -> None:
    """Over any span: the burst, and so many a second."""
    now, admitted = 0.0, 0
    limit = RateLimit(2.0, 5.0, lambda: now)
    for pause in pauses:
        now += pause
        admitted += limit.admits("node")
    assert admitted <= 5 + 2 * now + 1e-6


def test_a_rate_limit_is_each_ones_own() -> None:
    """One node that asks in a loop takes nothing from others."""
    limit = RateLimit(1.0, 2.0, lambda: 0.0)
    assert [limit.admits("a") for _ in range(4)] == [True, True, False, False]
    assert limit.admits("b")


def _review() -> dict[str, Any]:
    return {
        "authenticated": True,
        "audiences": ["moorage-broker"],
        "user": {
            "username": "system:serviceaccount:moorage-system:moorage-node-plugin",
            "extra": {"authentication.kubernetes.io/node-name": ["n1"]},
        },
    }


def test_a_pod_with_the_most_datasets_starts_at_once() -> None:
    """It asks twice for each of 64: when its volume is published, and when its sidecar attaches."""
    limit = pod_limit(1.0)
    assert all(limit.admits("pod") for _ in range(2 * 64))


def test_the_remedy_is_kept_for_those_who_decide() -> None:
    """What the broker's cache holds of a status has the message that a refused mount repeats, and no other."""
    told = [
        {"site": "eu-1", "reachable": False, "reason": "AccessDenied", "message": "correct the Secret"},
        {"site": "us-1", "reachable": True, "reason": "Listed", "message": "x" * 900},
    ]
    source = {"s3": {"endpoint": "https://s3.test", "bucket": "b"}}
    raw = {
        "metadata": {"name": "claims", "namespace": "stewards"},
        "spec": {"sources": [{"site": "eu-1", **source}, {"site": "us-1", **source}]},
        "status": {"sources": told},
    }
    kept = read_for_deciding(raw)
    assert nothing_to_read(kept, kept.sources[0]) == "AccessDenied: correct the Secret"
    assert [status.message for status in kept.status.sources] == ["correct the Secret", ""]
