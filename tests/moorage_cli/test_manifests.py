"""Options to a Dataset manifest."""

import pytest

from moorage.errors import InputError
from moorage_cli.manifests import Options, manifest


def make_options(**given: object) -> Options:
    """One S3 source at eu-1, and what is given."""
    of_sources = {"--s3-endpoint": ("https://s3.test",), "--bucket": ("b",)}
    of_sources |= {key: given.pop(key) for key in list(given) if key.startswith("--")}  # type: ignore[misc]
    source = {"sites": ("eu-1",), "of_sources": of_sources}
    return Options(**{"name": "claims", "namespace": "steward", **source, **given})  # type: ignore[arg-type]


def test_every_option_has_its_field() -> None:
    """A full Dataset."""
    raw = manifest(
        make_options(
            classification="internal",
            residency=("EU,CH",),
            allow_sites=("eu-1",),
            deny_sites=("us-1", "us-2"),
            purposes=("research",),
            consumers=("fraud", "lab/trainer"),
            writers=("fraud",),
            confidential_compute=True,
            cache="always",
            cache_size="10Gi",
            **{"--prefix": ("claims/",), "--region": ("eu-central-1",), "--secret": ("keys",)},
        )
    )
    s3 = {
        "endpoint": "https://s3.test",
        "bucket": "b",
        "prefix": "claims/",
        "region": "eu-central-1",
        "secretRef": {"name": "keys"},
    }
    assert raw == {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": "claims", "namespace": "steward"},
        "spec": {
            "sources": [{"site": "eu-1", "s3": s3}],
            "governance": {
                "classification": "internal",
                "residency": ["EU", "CH"],
                "sites": {"allow": ["eu-1"], "deny": ["us-1", "us-2"]},
                "purposes": ["research"],
                "consumers": ["fraud", "lab/trainer"],
                "writers": ["fraud"],
                "confidentialCompute": True,
            },
            "cache": {"mode": "always", "sizeLimit": "10Gi"},
        },
    }


def test_what_is_not_given_is_not_written() -> None:
    """No rule is invented."""
    assert list(manifest(make_options())["spec"]) == ["sources"]


def test_an_option_stands_for_all_sites_or_for_each() -> None:
    """One bucket name for both copies, an endpoint each."""
    raw = manifest(make_options(sites=("eu-1", "us-1"), **{"--s3-endpoint": ("https://s3.eu", "https://s3.us")}))
    assert [source["s3"] for source in raw["spec"]["sources"]] == [
        {"endpoint": "https://s3.eu", "bucket": "b"},
        {"endpoint": "https://s3.us", "bucket": "b"},
    ]


ICEBERG = {"--iceberg-catalogue": ("https://c.test",), "--iceberg-table": ("sales.orders",)}


def test_a_tables_files_lie_within_what_other_options_name() -> None:
    """A bucket, a directory; each kind with its own words."""
    more = {"--iceberg-warehouse": ("w",), "--iceberg-snapshot": ("7",), "--iceberg-secret": ("t",)}
    (source,) = manifest(make_options(**ICEBERG, **more, **{"--secret": ("keys",)}))["spec"]["sources"]
    place = {"endpoint": "https://s3.test", "bucket": "b", "secretRef": {"name": "keys"}}
    assert source == {
        "site": "eu-1",
        "iceberg": {
            "catalogue": "https://c.test",
            "table": "sales.orders",
            "warehouse": "w",
            "snapshot": 7,
            "secretRef": {"name": "t"},
            "within": {"s3": place},
        },
    }
    hive = {"--hive-metastore": ("thrift://m",), "--hive-table": ("a.b",)}
    given = {"--s3-endpoint": (), "--bucket": (), "--host-path": ("/srv",), **hive}
    (source,) = manifest(make_options(**given))["spec"]["sources"]
    within = {"hostPath": {"path": "/srv"}}
    assert source == {"site": "eu-1", "hive": {"metastore": "thrift://m", "table": "a.b", "within": within}}


@pytest.mark.parametrize(
    ("given", "field", "remedy"),
    [
        ({"--bucket": ("a", "b"), "sites": ("x", "y", "z")}, "--bucket", "give it once, or once each site"),
        ({"--nfs": ("nfs.test/data",)}, "--nfs", "must be server:/path"),
        ({**ICEBERG, "--iceberg-snapshot": ("-7",)}, "--iceberg-snapshot", "must be a snapshot's id"),
        ({**ICEBERG, "--iceberg-table": ("orders",)}, "spec.sources[0].iceberg.table", "with a dot between them"),
        ({**ICEBERG, "--writer-secret": ("w",)}, "spec.sources[0].iceberg.within.s3.writerSecretRef", "is not a field"),
        ({**ICEBERG, "--nfs": ("nfs.test:/data",)}, "spec.sources[0].iceberg.within", "exactly one of"),
        ({**ICEBERG, "--hive-metastore": ("thrift://m",), "--hive-table": ("a.b",)}, "spec.sources[0]", "exactly one"),
        ({"--host-path": ("/data",)}, "spec.sources[0]", "exactly one of"),
        ({"--bucket": ()}, "spec.sources[0].s3.bucket", "is required"),
        ({"residency": ("UK",)}, "spec.governance.residency", "the code of the United Kingdom is GB"),
        ({"cache_size": "much"}, "spec.cache.sizeLimit", "is not a quantity"),
        ({"sites": ("EU 1",)}, "spec.sources[0].site", "lower-case letters"),
    ],
)
def test_bad_options_name_field_and_remedy(given: dict[str, object], field: str, remedy: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InputError) as refused:
        manifest(make_options(**given))
    assert refused.value.subject == "Dataset steward/claims"
    assert refused.value.field == field
    assert remedy in refused.value.problem


@pytest.mark.parametrize("name", ["Bad_Name", "a.b", "-a", "a" * 64])
def test_a_name_that_no_label_can_hold_is_refused_before_it_is_sent(name: str) -> None:
    """A dry run by the client says what the API server would."""
    with pytest.raises(InputError, match=r"metadata\.name: must be a DNS label"):
        manifest(make_options(name=name))
