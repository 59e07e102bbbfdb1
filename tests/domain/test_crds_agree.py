"""The CRDs and the records are one vocabulary: whatever the schema can say, wire reads, and writes back the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.caching import CacheMode
from moorage.errors import InputError
from moorage.model import Classification, Revocation
from moorage.reading.limits import (
    LONGEST_NUMBER,
    MOST_BY_FIELD,
    MOST_CERTIFICATES,
    MOST_COMPONENT_TEXT,
    MOST_CONSUMER_TEXT,
    MOST_SOURCE_TEXT,
    MOST_YIELDS_TEXT,
    longest,
)
from moorage.sources import REMOTE_KINDS, SPEC_KINDS
from moorage.sources.catalogued import WITHIN_KINDS
from moorage.wire import read_dataset, read_node_cache, read_site, write_dataset_spec, write_node_cache, write_site_spec
from moorage.wire.governance import component_digest
from moorage.wire.local import KNOWN_KEYS, LOCAL_TYPES, REMOTE_KEYS

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
    "stsEndpoint": st.sampled_from(["https://sts.example.com", "http://sts.stores.svc:8333"]),
    "endpoint": st.sampled_from(["https://s3.example.com", "http://10.0.0.1:8333"]),
    "path": st.sampled_from(["/data", "/srv/a b"]),
    "catalogue": st.sampled_from(["https://catalogue.example.com/iceberg", "http://catalogue.lake.svc:8181"]),
    "table": st.sampled_from(["sales.orders", "a.b.c"]),
    "url": st.sampled_from(["https://files.example.com/claims.csv", "http://10.0.0.1:8080/a?b=c@d"]),
    "jurisdiction": st.sampled_from(["DE", "US-CA"]),
    "currency": st.sampled_from(["EUR", "USD"]),
    "residency": st.sampled_from(["EU", "EEA", "DE", "US-CA"]),
    "name": st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True),
    "size": st.sampled_from(["1048576", "4294967296"]),
    "before": st.sampled_from(["2026-12-01T00:00:00Z", "1999-12-31T23:59:59Z"]),
}
NUMBERS = st.sampled_from(["1", "2.5", "0.125", "7"])


def values(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one return a schema type
    """Any value that the schema of the field `name` permits, every optional field sometimes present."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return TEXTS.get(name, NUMBERS)
    match schema["type"]:
        case "boolean":
            return st.just(value=True)
        case "integer":
            return st.integers(schema.get("minimum", 1), schema.get("maximum", 10**9))
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
    if set(fields) == set(WITHIN_KINDS):
        return st.sampled_from(sorted(fields)).flatmap(lambda kind: st.fixed_dictionaries({kind: fields[kind]}))
    if "webIdentity" in fields:
        return mapping.map(with_one_way_to_keys)
    if "digest" in fields:
        return mapping.map(with_true_digest)
    return mapping


def with_one_way_to_keys(s3: dict[str, Any]) -> dict[str, Any]:
    """A Secret, or a role that a token brings, which is not sent to everybody."""
    private = s3["endpoint"].startswith("https://")
    is_kept = private and not {"secretRef", "writerSecretRef"} & s3.keys()
    is_made = bool({"secretRef", "writerSecretRef"} & s3.keys())
    kept = {"webIdentity": is_kept, "provision": is_made}
    return {key: s3[key] for key in s3 if kept.get(key, True)}


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


def in_memory_or_not(sources: list[dict[str, Any]]) -> bool:
    """Nothing is copied into the memory of nodes, so it has no sources of other kinds beside it."""
    return len({"memory" in source for source in sources}) == 1


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    values("sources", DATASET["sources"]).filter(in_memory_or_not),
    values("governance", DATASET["governance"]),
    st.data(),
)
def test_a_dataset_reads_and_writes_back(sources: list[Any], governance: dict[str, Any], data: st.DataObject) -> None:
    """Every field of the Dataset schema reaches the record and comes back unchanged."""
    cache = data.draw(values("cache", DATASET["cache"]))
    plain = data.draw(objects({"properties": {key: DATASET[key] for key in ("allowEmpty", "claim", "revocation")}}))
    spec = {"sources": sources, "governance": governance, "cache": cache, **plain}
    raw = {"kind": "Dataset", "metadata": {"name": "d", "namespace": "n"}, "spec": spec}
    written = write_dataset_spec(read_dataset(raw))
    governance = public_removed(governance)
    assert written["sources"] == sources
    assert {key: written[key] for key in plain.keys() & written} == explicit_defaults_removed(
        plain, {"revocation": "AtPodEnd"}
    )
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
    schema = schema_of("nodecache")["status"]["properties"]
    entry = {"namespace": "steward", "name": "claims", "version": "v1", "bytes": 5}
    in_vain = {"namespace": "steward", "name": "other", "reason": "NoRoom"}
    for one, kind in ((entry, "datasets"), (in_vain, "unfilled")):
        items = schema[kind]["items"]
        assert set(one) == set(items["properties"]) - {"neighbourBytes"} == set(items["required"])
    entries = [entry, {**entry, "name": "near", "neighbourBytes": 3}]
    status = {"address": "10.0.0.7:9809", "datasets": entries, "unfilled": [in_vain]}
    raw = {"kind": "NodeCache", "metadata": {"name": "n1"}, "status": status}
    assert write_node_cache(read_node_cache(raw))["status"] == raw["status"]


def test_the_words_are_the_same() -> None:
    """Enumerations, source kinds and Datashim's keys agree between the schema and the records."""
    assert DATASET["governance"]["properties"]["classification"]["enum"] == [level.word for level in Classification]
    assert SITE["clearance"]["enum"] == [level.word for level in Classification]
    assert DATASET["cache"]["properties"]["mode"]["enum"] == [mode.value for mode in CacheMode]
    assert DATASET["revocation"]["enum"] == [revocation.value for revocation in Revocation]
    assert set(DATASET["sources"]["items"]["properties"]) == {"site", *SOURCE_KINDS}
    rules = " ".join(rule["rule"] for rule in DATASET["local"]["x-kubernetes-validations"])
    for word in (*KNOWN_KEYS, *LOCAL_TYPES):
        assert f"'{word}'" in rules, word
    rules = " ".join(rule["rule"] for rule in DATASET["remote"]["x-kubernetes-validations"])
    for word in (*REMOTE_KEYS, *REMOTE_KINDS):
        assert f"'{word}'" in rules, word
    yields = DATASET["governance"]["properties"]["releases"]["items"]["properties"]["yields"]["properties"]
    assert yields == {
        key: value for key, value in DATASET["governance"]["properties"].items() if key not in {"releases", "writers"}
    }


def descriptions_missing(path: str, schema: dict[str, Any]) -> list[str]:
    """Fields that `kubectl explain` would say nothing of."""
    missing = [] if schema.get("description") or path.endswith("[]") else [path]
    for key, sub in schema.get("properties", {}).items():
        missing += descriptions_missing(f"{path}.{key}", sub)
    if isinstance(schema.get("items"), dict):
        missing += descriptions_missing(f"{path}[]", schema["items"])
    return missing


@pytest.mark.parametrize("name", ["dataset", "site", "pipelineschedule", "pipelinehistory"])
def test_every_field_is_explained(name: str) -> None:
    """Each field of a spec has a description."""
    assert descriptions_missing("spec", schema_of(name)["spec"]) == []


def limits_of(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, str, int | None]]:
    """Every (field, what is limited, limit) under a schema: what has none is unlimited."""
    if schema.get("x-kubernetes-int-or-string"):
        yield name, "number", schema.get("maxLength")
    elif schema.get("type") == "string" and "enum" not in schema and schema.get("format") != "date-time":
        yield name, "letters", schema.get("maxLength")
    elif schema.get("type") == "array":
        yield name, "entries", schema.get("maxItems")
        yield from limits_of(name, schema["items"])
    elif "additionalProperties" in schema:
        yield name, "entries", schema.get("maxProperties")
        yield from limits_of(name, schema["additionalProperties"])
    for key, sub in schema.get("properties", {}).items():
        yield from limits_of(key, sub)


SPECS = {name: schema_of(name)["spec"] for name in ("dataset", "site")}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_every_field_has_the_limit_that_wire_enforces(spec: dict[str, Any]) -> None:
    """By the field's name. A DNS label has 63 in any case; `local` and `remote` are checked by their keys."""
    for field, what, limit in limits_of("spec", spec):
        if what == "number":
            assert limit == LONGEST_NUMBER, field
        elif what == "entries" and field not in {"local", "remote"}:
            assert limit == MOST_BY_FIELD[field], field
        elif what == "letters" and limit != 63:
            assert limit == longest(field), field


def test_the_status_is_bounded() -> None:
    """Each list and each text of it."""
    for name in ("dataset", "nodecache"):
        for field, what, limit in limits_of("status", schema_of(name)["status"]):
            assert limit is not None, (name, field, what)


def texts_of(schema: dict[str, Any]) -> Iterator[str]:
    """Where its texts are, as CEL says it; certificates have a rule of their own."""
    for key, sub in schema.get("properties", {}).items():
        if "properties" in sub:
            yield from (f".?{key}{path}" for path in texts_of(sub))
        elif sub.get("type", "number") not in {"boolean", "number", "integer"} and key != "caBundle":
            yield f".?{key}"


def test_every_text_of_a_source_is_counted() -> None:
    """The rule on all sources together names each field of each kind."""
    rule = DATASET["sources"]["x-kubernetes-validations"][0]["rule"]
    for kind in SOURCE_KINDS:
        for path in texts_of(DATASET["sources"]["items"]["properties"][kind]):
            assert f"source.?{kind}{path}." in rule, f"{kind}{path}"


def test_the_totals_are_the_same() -> None:
    """What counts all texts of a list together is said by CEL and by wire."""
    governance = DATASET["governance"]["properties"]
    said = [
        (DATASET["sources"], [MOST_SOURCE_TEXT, MOST_CERTIFICATES]),
        (governance["consumers"], [MOST_CONSUMER_TEXT]),
        (governance["releases"], [MOST_COMPONENT_TEXT, MOST_YIELDS_TEXT]),
    ]
    for schema, totals in said:
        rules = [rule["rule"].rpartition(" <= ")[2] for rule in schema["x-kubernetes-validations"]]
        assert rules == [str(total) for total in totals]


SOURCE = {"site": "eu-1", "s3": {"endpoint": "http://s3", "bucket": "b"}}


def at(number: int, **s3: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A source at a site of its own."""
    return {"site": f"s{number}", "s3": {"endpoint": "http://s3", "bucket": "b", **s3}}


def released(number: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A release of its own name."""
    return {"name": f"r{number}", "component": {"image": "a"}, "yields": {}, **fields}


def governed(**governance: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A spec with these rules."""
    return {"sources": [SOURCE], "governance": governance}


SECRET = "hunter2"


def by_token(identity: dict[str, Any], **s3: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A spec with a source that is read by the pod's own token."""
    web_identity = {"roleARN": "arn:aws:iam::1:role/r", **identity}
    return {"sources": [at(0, **{"endpoint": "https://s3", "webIdentity": web_identity, **s3})]}


TOO_MUCH: dict[str, tuple[dict[str, Any], str, str]] = {
    "sources": ({"sources": [at(number) for number in range(65)]}, "spec.sources", "at most 64 entries"),
    "text of sources": (
        {"sources": [at(number, prefix="p" * 400) for number in range(40)]},
        "spec.sources",
        "at most 16384 characters of text together",
    ),
    "certificates": (
        {"sources": [at(number, caBundle="c" * 16_000) for number in range(3)]},
        "spec.sources",
        "at most 32768 characters of caBundle together",
    ),
    "a certificate": ({"sources": [at(0, caBundle="c" * 16_385)]}, "s3.caBundle", "at most 16384 characters"),
    "a prefix": ({"sources": [at(0, prefix="p" * 1025)]}, "s3.prefix", "at most 1024 characters"),
    "a token in the clear": (by_token({}, endpoint="http://s3"), "s3.endpoint", "must begin with https://"),
    "a token in the clear, elsewhere": (
        by_token({"stsEndpoint": "http://sts.svc.example.com"}),
        "webIdentity.stsEndpoint",
        "must begin with https://",
    ),
    "a password where tokens go": (
        by_token({"stsEndpoint": f"https://me:{SECRET}@sts"}),
        "webIdentity.stsEndpoint",
        "must be a host",
    ),
    "a prefix that a policy takes for more": (by_token({}, prefix="claims*"), "s3.prefix", "must not contain *"),
    "a short session": (by_token({"sessionSeconds": 60}), "webIdentity.sessionSeconds", "at least 900"),
    "a long session": (by_token({"sessionSeconds": 43_201}), "webIdentity.sessionSeconds", "at most 43200"),
    "a token and keys to write": (by_token({}, writerSecretRef={"name": "keys"}), "writerSecretRef", "can't be given"),
    "consumers": (governed(consumers=[f"n{n}" for n in range(257)]), "consumers", "at most 256 entries"),
    "text of consumers": (
        governed(consumers=[f"team-{n}/{'a' * 90}" for n in range(90)]),
        "consumers",
        "at most 8192 characters in all",
    ),
    "writers": (governed(writers=[f"n{n}" for n in range(257)]), "writers", "at most 256 entries"),
    "text of writers": (
        governed(writers=[f"team-{n}/{'a' * 90}" for n in range(90)]),
        "writers",
        "at most 8192 characters in all",
    ),
    "copies to write to": ({"sources": [at(0), at(1)], "access": "readWrite"}, "spec.access", "copies would differ"),
    "a kind to write to": (
        {"sources": [{"site": "a", "nfs": {"server": "s", "path": "/x"}}], "access": "readWrite"},
        "spec.access",
        "pods write to s3, bucketClaim and memory only",
    ),
    "memory beside another kind": (
        {"sources": [at(0), {"site": "a", "memory": {"size": "1Gi"}}]},
        "spec.sources",
        "because nothing is copied into the memory of nodes",
    ),
    "too little memory": (
        {"sources": [{"site": "a", "memory": {"size": "1Ki"}}]},
        "spec.sources[0].memory.size",
        "must be at least 1Mi",
    ),
    "a local kind to write to": (
        {"local": {"type": "NFS", "server": "s", "share": "/x"}, "access": "readWrite"},
        "spec.access",
        "pods write to s3, bucketClaim and memory only",
    ),
    "an access": ({"sources": [at(0)], "access": "write"}, "spec.access", "is not one of readOnly, readWrite"),
    "releases": (governed(releases=[released(n) for n in range(17)]), "releases", "at most 16 entries"),
    "components": (
        governed(releases=[released(n, component={"image": "a", "args": ["x" * 16_000]}) for n in range(3)]),
        "releases",
        "at most 32768 characters in their components",
    ),
    "yields": (
        governed(releases=[released(n, yields={"consumers": ["a" * 60] * 20}) for n in range(8)]),
        "releases",
        "at most 8192 characters in the consumers",
    ),
    "a size": ({"sources": [SOURCE], "cache": {"sizeLimit": "8Ei"}}, "cache.sizeLimit", "is too large"),
    "a size in powers of ten": (
        {"sources": [SOURCE], "cache": {"sizeLimit": "1e19"}},
        "cache.sizeLimit",
        "is too large",
    ),
    "a size of many digits": (
        {"sources": [SOURCE], "cache": {"sizeLimit": "9" * 10_000}},
        "cache.sizeLimit",
        "with at most 32 characters",
    ),
    "a control character": ({"sources": [at(0, prefix="a\nb")]}, "s3.prefix", "U+000A is character 2"),
    "a terminal's escape": ({"sources": [at(0, bucket="a\x9b31m")]}, "s3.bucket", "U+009B is character 2"),
    "one of Datashim's": (
        {"local": {"type": "COS", "endpoint": "s3", "bucket": "b", "folder": "\x1b[2J"}},
        "local.folder",
        "U+001B",
    ),
    "a password": (
        {"sources": [at(0, endpoint=f"https://me:{SECRET}@s3.example.com")]},
        "s3.endpoint",
        "no user:password@",
    ),
    "a password and no scheme": (
        {"sources": [at(0, endpoint=f"me:{SECRET}@s3.example.com")]},
        "s3.endpoint",
        "must begin with https://",
    ),
    "a query": ({"sources": [at(0, endpoint=f"https://s3?key={SECRET}")]}, "s3.endpoint", "no ? and no #"),
    "a fragment": ({"sources": [at(0, endpoint=f"https://s3/#{SECRET}")]}, "s3.endpoint", "no ? and no #"),
    "a password in Datashim's words": (
        {"local": {"type": "COS", "endpoint": f"me:{SECRET}@s3", "bucket": "b"}},
        "local.endpoint",
        "no user:password@",
    ),
    "a password in Datashim's words, with a scheme": (
        {"local": {"type": "COS", "endpoint": f"https://me:{SECRET}@s3", "bucket": "b"}},
        "local.endpoint",
        "no user:password@",
    ),
    "a password of a file": (
        {"sources": [{"site": "eu-1", "http": {"url": f"https://me:{SECRET}@files/a"}}]},
        "http.url",
        "no user:password@",
    ),
    "a password of a metastore": (
        {"sources": [{"site": "eu-1", "hive": {"metastore": f"thrift://me:{SECRET}@hive", "table": "a.b"}}]},
        "hive.metastore",
        "user:password@",
    ),
    "a password of a catalogue": (
        {"sources": [{"site": "eu-1", "iceberg": {"catalogue": f"https://me:{SECRET}@catalogue", "table": "a.b"}}]},
        "iceberg.catalogue",
        "no user:password@",
    ),
}


@pytest.mark.parametrize(("spec", "field", "problem"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_what_is_too_much_is_refused_without_being_shown(spec: dict[str, Any], field: str, problem: str) -> None:
    """The message names the limit; it is short, and says nothing that should not have been there."""
    with pytest.raises(InputError) as error:
        read_dataset({"kind": "Dataset", "metadata": {"name": "claims", "namespace": "steward"}, "spec": spec})
    assert field in error.value.field
    assert problem in error.value.problem
    assert SECRET not in str(error.value)
    assert len(str(error.value)) < 400


def largest_dataset() -> dict[str, Any]:
    """As much of everything as is admitted, in plain letters."""
    per_source = MOST_SOURCE_TEXT // 64 - len("http://s3") - 1
    sources = [at(number, prefix="p" * per_source) for number in range(64)]
    for source in sources[:2]:
        source["s3"]["caBundle"] = "c" * (MOST_CERTIFICATES // 2)
    places = [f"{first}A-{second}" for first in "ABCDEFGH" for second in "ABCDEFGH"]
    lists = {
        "residency": places,
        "sites": {"allow": names(64, 63), "deny": names(64, 63)},
        "purposes": names(64, 63),
    }
    few = {"consumers": names(64, 4), "purposes": names(64, 4), "residency": places}
    releases = [released(number, yields=few) for number in range(16)]
    for release in releases[:2]:
        release["component"] = {"image": "a" * 16, "args": ["x" * 16_000]}
    consumers = names(256, MOST_CONSUMER_TEXT // 256)
    return {
        "sources": sources,
        "governance": {**lists, "consumers": consumers, "writers": consumers, "releases": releases},
    }


def names(count: int, length: int) -> list[str]:
    """So many different names of that length."""
    return [f"{number:0{length}}" for number in range(count)]


def test_the_largest_dataset_is_small() -> None:
    """What a thousand of them take is no more than a process may have."""
    spec = largest_dataset()
    read_dataset({"kind": "Dataset", "metadata": {"name": "d", "namespace": "n"}, "spec": spec})
    size = len(json.dumps(spec, separators=(",", ":")))
    assert 120 << 10 < size < 160 << 10


@pytest.mark.parametrize(
    ("spec", "field", "problem"),
    [
        ({}, "spec.sources", "required"),
        ({"sources": []}, "spec.sources", "required"),
        ({"sources": [SOURCE], "local": {"type": "COS"}}, "spec.local", "keep one"),
        ({"sources": [SOURCE], "remote": {"type": "CatalogEntry"}}, "spec.remote", "keep one"),
        ({"remote": {"type": "Glue"}}, "spec.remote.type", "CatalogEntry"),
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
        ({"sources": [{"site": "eu-1", "nfs": {"server": "s", "path": "/a/../b"}}]}, "nfs.path", ".."),
        ({"sources": [{"site": "eu-1", "nfs": {"server": "s", "path": "a"}}]}, "nfs.path", "absolute"),
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


def test_a_schedules_template_is_a_run() -> None:
    """All fields of a StretchedPipeline's spec but those that act on a run that is there; with the same limits."""
    run = schema_of("stretchedpipeline")["spec"]["properties"]
    template = schema_of("pipelineschedule")["spec"]["properties"]["template"]["properties"]["spec"]
    assert template["required"] == ["pipeline"]
    acting = {"approvedPlan", "cancel", "retries"}
    assert template["properties"] == {name: field for name, field in run.items() if name not in acting}
