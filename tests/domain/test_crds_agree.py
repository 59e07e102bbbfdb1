"""The CRDs and the records are one vocabulary: whatever the schema can say, wire reads, and writes back the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.caching import CacheMode
from moorage.errors import InputError
from moorage.model import Classification
from moorage.sources import SPEC_KINDS
from moorage.wire import read_dataset, read_node_cache, read_site, write_dataset_spec, write_node_cache, write_site_spec
from moorage.wire.governance import component_digest
from moorage.wire.local import KNOWN_KEYS, LOCAL_TYPES

SOURCE_KINDS = tuple(SPEC_KINDS)

CRDS = Path(__file__).parents[2] / "crds"


def schema_of(name: str) -> dict[str, Any]:
    """The schema of the only version."""
    crd = yaml.safe_load((CRDS / f"{name}.yaml").read_text())
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return schema


DATASET, SITE = schema_of("dataset")["spec"]["properties"], schema_of("site")["spec"]["properties"]

# What a pattern or a CEL rule says, as values: a schema field that is not named here is generated from its type.
TEXTS = {
    "site": st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True),
    "to": st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True),
    "endpoint": st.sampled_from(["https://s3.example.com", "http://10.0.0.1:8333"]),
    "path": st.sampled_from(["/data", "/srv/a b"]),
    "jurisdiction": st.sampled_from(["DE", "US-CA"]),
    "residency": st.sampled_from(["EU", "EEA", "DE", "US-CA"]),
    "name": st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True),
}
NUMBERS = st.sampled_from(["1", "2.5", "0.125", "7"])


def values(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one return a schema type
    """Any value that the schema of the field `name` permits, every optional field sometimes present."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return NUMBERS
    match schema["type"]:
        case "boolean":
            return st.just(value=True)
        case "integer":
            return st.integers(1, 10**9)
        case "array":
            return arrays(name, schema)
        case "object" if "additionalProperties" in schema:
            item = values("", schema["additionalProperties"])
            return st.dictionaries(st.sampled_from(["cpu", "memory", "a.b/c"]), item, min_size=1)
        case "object":
            return objects(schema)
        case _:
            return TEXTS.get(name, st.text("abcXYZ019", min_size=1, max_size=8))


def arrays(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Lists; sets are written sorted, and maps have one entry a key."""
    kind = schema.get("x-kubernetes-list-type")
    item = values(name, schema["items"])
    if kind == "map":
        key = schema["x-kubernetes-list-map-keys"][0]
        return st.lists(item, min_size=1, max_size=3, unique_by=lambda entry: entry[key])
    if kind == "set":
        return st.lists(item, min_size=1, max_size=3, unique=True).map(sorted)
    return st.lists(item, min_size=1, max_size=3)


def objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mappings; an empty one says nothing and is left out by whoever writes."""
    fields = {key: values(key, sub) for key, sub in schema["properties"].items()}
    required = set(schema.get("required", ()))
    mapping = st.fixed_dictionaries(
        {key: fields[key] for key in fields if key in required},
        optional={key: fields[key] for key in fields if key not in required},
    ).map(without_empty)
    if set(schema["properties"]) >= set(SOURCE_KINDS):
        return st.sampled_from(SOURCE_KINDS).flatmap(
            lambda kind: st.fixed_dictionaries({"site": fields["site"], kind: fields[kind]})
        )
    if "webIdentity" in fields:
        return mapping.map(lambda s3: {key: s3[key] for key in s3 if key != "webIdentity" or "secretRef" not in s3})
    if "digest" in fields:
        return mapping.map(with_true_digest)
    return mapping


def without_empty(raw: dict[str, Any]) -> dict[str, Any]:
    """Leave out empty mappings."""
    return {key: value for key, value in raw.items() if value != {} or key == "yields"}


def with_true_digest(component: dict[str, Any]) -> dict[str, Any]:
    """A component always carries the digest that belongs to it."""
    from moorage.model import Component  # noqa: PLC0415 - beside its only use

    record = Component(component["image"], tuple(component.get("command", ())), tuple(component.get("args", ())))
    return {**component, "digest": component_digest(record)}


def explicit_defaults_removed(spec: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """A default that is spelled out means the same as an absent field."""
    return {key: value for key, value in spec.items() if defaults.get(key, object()) != value}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(values("sources", DATASET["sources"]), values("governance", DATASET["governance"]), st.data())
def test_a_dataset_reads_and_writes_back(sources: list[Any], governance: dict[str, Any], data: st.DataObject) -> None:
    """Every field of the Dataset schema reaches the record and comes back unchanged."""
    cache = data.draw(values("cache", DATASET["cache"]))
    spec = {"sources": sources, "governance": governance, "cache": cache}
    raw = {"kind": "Dataset", "metadata": {"name": "d", "namespace": "n"}, "spec": spec}
    written = write_dataset_spec(read_dataset(raw))
    governance = public_removed(governance)
    assert written["sources"] == sources
    assert written.get("governance", {}) == governance
    expected_cache = {"mode": "auto", **cache}
    assert written.get("cache", {"mode": "auto"}) == {
        key: str(int(float(value) + 0.999)) if key == "sizeLimit" else value for key, value in expected_cache.items()
    }


def public_removed(governance: dict[str, Any]) -> dict[str, Any]:
    """Classification public is the default, also in what a release yields."""
    reduced = explicit_defaults_removed(governance, {"classification": "public"})
    if "releases" in reduced:
        reduced["releases"] = [
            {**release, "yields": public_removed(release.get("yields", {}))} for release in reduced["releases"]
        ]
    return reduced


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(objects({"properties": SITE}))
def test_a_site_reads_and_writes_back(spec: dict[str, Any]) -> None:
    """Every field of the Site schema reaches the record and comes back unchanged."""
    raw = {"kind": "Site", "metadata": {"name": "its-name-is-longer"}, "spec": spec}
    defaults = {"clearance": "internal", "speed": "1"}
    assert write_site_spec(read_site(raw)) == explicit_defaults_removed(spec, defaults)


def test_a_node_cache_reads_and_writes_back() -> None:
    """The status comes back unchanged, with the fields that the schema requires."""
    schema = schema_of("nodecache")["status"]["properties"]["datasets"]["items"]
    entry = {"namespace": "steward", "name": "claims", "version": "v1", "bytes": 5}
    assert set(entry) == set(schema["properties"]) == set(schema["required"])
    raw = {"kind": "NodeCache", "metadata": {"name": "n1"}, "status": {"datasets": [entry]}}
    assert write_node_cache(read_node_cache(raw))["status"] == raw["status"]


def test_the_words_are_the_same() -> None:
    """Enumerations, source kinds and Datashim's keys agree between the schema and the records."""
    assert DATASET["governance"]["properties"]["classification"]["enum"] == [level.word for level in Classification]
    assert SITE["clearance"]["enum"] == [level.word for level in Classification]
    assert DATASET["cache"]["properties"]["mode"]["enum"] == [mode.value for mode in CacheMode]
    assert set(DATASET["sources"]["items"]["properties"]) == {"site", *SOURCE_KINDS}
    rules = " ".join(rule["rule"] for rule in DATASET["local"]["x-kubernetes-validations"])
    for word in (*KNOWN_KEYS, *LOCAL_TYPES):
        assert f"'{word}'" in rules, word
    yields = DATASET["governance"]["properties"]["releases"]["items"]["properties"]["yields"]["properties"]
    assert yields == {key: value for key, value in DATASET["governance"]["properties"].items() if key != "releases"}


def descriptions_missing(path: str, schema: dict[str, Any]) -> list[str]:
    """Fields that `kubectl explain` would say nothing of."""
    missing = [] if schema.get("description") or path.endswith("[]") else [path]
    for key, sub in schema.get("properties", {}).items():
        missing += descriptions_missing(f"{path}.{key}", sub)
    if isinstance(schema.get("items"), dict):
        missing += descriptions_missing(f"{path}[]", schema["items"])
    return missing


@pytest.mark.parametrize("name", ["dataset", "site"])
def test_every_field_is_explained(name: str) -> None:
    """Each field of a spec has a description."""
    assert descriptions_missing("spec", schema_of(name)["spec"]) == []


SOURCE = {"site": "eu-1", "s3": {"endpoint": "http://s3", "bucket": "b"}}


@pytest.mark.parametrize(
    ("spec", "field", "problem"),
    [
        ({}, "spec.sources", "required"),
        ({"sources": []}, "spec.sources", "required"),
        ({"sources": [SOURCE], "local": {"type": "COS"}}, "spec.local", "keep one"),
        ({"sources": [SOURCE, SOURCE]}, "spec.sources[1].site", "source already"),
        ({"sources": [{**SOURCE, "nfs": {"server": "a", "path": "/"}}]}, "spec.sources[0]", "s3 and nfs"),
        ({"sources": [{"site": "eu-1"}]}, "spec.sources[0]", "exactly one"),
        ({"sources": [{"site": "EU", "s3": {}}]}, "spec.sources[0].site", "lower-case"),
        ({"sources": [{"site": "eu-1", "s3": {"endpoint": "http://x", "bucket": ""}}]}, "s3.bucket", "required"),
        ({"sources": [{"site": "eu-1", "s3": {"endpoint": "x", "bucket": "b"}}]}, "s3.endpoint", "http://"),
        ({"sources": [SOURCE], "governance": {"classification": "secret"}}, "governance.classification", "public"),
        ({"sources": [SOURCE], "governance": {"residency": []}}, "governance.residency", "at least one"),
        ({"sources": [SOURCE], "governance": {"colour": "red"}}, "governance.colour", "not a field"),
        ({"sources": [SOURCE], "unknown": 1}, "spec.unknown", "not a field"),
        ({"sources": [{"site": "eu-1", "hostPath": {"path": "/a/../b"}}]}, "hostPath.path", ".."),
        (
            {"local": {"type": "COS", "endpoint": "s3", "bucket": "b", "secret-namespace": "other"}},
            "secret-name",
            "own",
        ),
        ({"local": {"type": "ICEBERG"}}, "spec.local.type", "COS"),
    ],
)
def test_bad_input_names_object_field_and_remedy(spec: dict[str, Any], field: str, problem: str) -> None:
    """What a person wrote wrong is answered with where and what to do."""
    with pytest.raises(InputError) as error:
        read_dataset({"kind": "Dataset", "metadata": {"name": "claims", "namespace": "steward"}, "spec": spec})
    assert error.value.subject == "Dataset steward/claims"
    assert field in error.value.field
    assert problem in error.value.problem


def test_datashim_s_vocabulary_is_read_unchanged() -> None:
    """A Datashim manifest, its apiVersion changed, is a source at the only site."""
    local = {
        "type": "COS",
        "secret-name": "keys",
        "endpoint": "https://s3.example.com",
        "bucket": "b",
        "readonly": "true",
    }
    raw = {"kind": "Dataset", "metadata": {"name": "d", "namespace": "n"}, "spec": {"local": local}}
    source = read_dataset(raw).sources[0]
    assert (source.site, source.kind) == ("", "s3")


def test_keys_in_a_manifest_are_never_printed() -> None:
    """Datashim permits keys in the spec; no repr of ours shows them."""
    local = {"type": "COS", "endpoint": "https://x", "bucket": "b", "accessKeyID": "AKIA-1", "secretAccessKey": "hush"}
    dataset = read_dataset({"kind": "Dataset", "metadata": {"name": "d", "namespace": "n"}, "spec": {"local": local}})
    assert "hush" not in repr(dataset)
    assert "AKIA-1" not in repr(dataset)
