"""What becomes of each thing that a user of Datashim wrote: asked of the code, and rendered as docs/compatibility.md.

`python -m tests.compatibility > docs/compatibility.md` writes the page again.
"""

import sys
from dataclasses import replace
from typing import Any

import yaml

from moorage import wire
from moorage.errors import InputError
from moorage.model import DatasetStatus
from moorage.refusal import Refusal
from moorage_cli.datashim import convert
from moorage_cli.migrating.conversion import convert_all
from tests.webhook.pods import NAMESPACE, an_s3_dataset, ask, make_container, make_pod, reading, writable
from webhook.claims import label_by_claims

Raw = dict[str, Any]
_READ = {"readonly": "true"}
_TABLE = {"type": "CatalogEntry", "catalogURI": "thrift://m:9083", "table": "default/t", "mountAllowed": "true"}
_PLACE = {"endpoint": "https://s3", "bucket": "b", "secret-name": "k"}
_S3 = _READ | {"type": "COS", "endpoint": "https://s3", "bucket": "b", "secret-name": "k"}

# What it is, and the spec of a manifest that has it.
SPECS: list[tuple[str, Raw]] = [
    ("`type: COS`, with `secret-name`", {"local": _S3}),
    (
        "`type: COS`, with inline keys",
        {
            "local": {"type": "COS", "endpoint": "s3:80", "bucket": "b", "accessKeyID": "a", "secretAccessKey": "s"}
            | _READ
        },
    ),
    ("`folder`, `region`", {"local": {**_S3, "folder": "x", "region": "r"}}),
    ('`readonly: "true"`', {"local": _S3}),
    ("no `readonly`", {"local": {key: value for key, value in _S3.items() if key != "readonly"}}),
    ('`readonly: "false"`', {"local": {**_S3, "readonly": "false"}}),
    (
        '`type: NFS`, `readonly: "false"`',
        {"local": {"type": "NFS", "server": "10.0.0.1", "share": "/", "readonly": "false"}},
    ),
    ('`provision: "true"`', {"local": {**_S3, "provision": "true"}}),
    ("`secret-namespace`", {"local": {**_S3, "secret-namespace": "default"}}),
    ("`secret-namespace` of another namespace", {"local": {**_S3, "secret-namespace": "other"}}),
    (
        "`type: NFS`, `createDirPVC`",
        {"local": {"type": "NFS", "server": "10.0.0.1", "share": "/", "createDirPVC": "true"} | _READ},
    ),
    ("`type: HOST`, `hostPathType`", {"local": {"type": "HOST", "path": "/data", "hostPathType": "CreateNew"} | _READ}),
    ("`type: ARCHIVE`", {"local": {"type": "ARCHIVE", "url": "https://x/a.tar", "format": "application/x-tar"}}),
    ("`type: ARCHIVE` without `local`", {"type": "ARCHIVE", "url": "https://x/a.tar", "format": "application/x-tar"}),
    ("`type: H3`", {"local": {"type": "H3", "storageUri": "x", "bucket": "b"}}),
    ("`remote`, a catalogue entry, with the bucket of its table", {"remote": _TABLE | _PLACE}),
    ("`remote`, a catalogue entry and nothing else", {"remote": _TABLE}),
    ("an unknown key", {"local": {**_S3, "colour": "red"}}),
    ("an unknown type", {"local": {"type": "FTP", "server": "x"}}),
]

# What it is, and a pod's labels that have it.
LABELS: list[tuple[str, dict[str, str]]] = [
    ("`dataset.0.useas: mount`", {"dataset.0.id": "claims", "dataset.0.useas": "mount"}),
    ("`dataset.0.useas: configmap`", {"dataset.0.id": "claims", "dataset.0.useas": "configmap"}),
    ("`dataset.0.useas: mount.configmap`", {"dataset.0.id": "claims", "dataset.0.useas": "mount.configmap"}),
    ("an unknown `useas`", {"dataset.0.id": "claims", "dataset.0.useas": "folder"}),
    ("`useas` without `id`", {"dataset.0.useas": "mount"}),
    ("`id` without `useas`", {"dataset.0.id": "claims"}),
    ("an unknown Dataset", {"dataset.0.id": "absent", "dataset.0.useas": "mount"}),
    (
        "the same Dataset at two indices",
        {"dataset.0.id": "claims", "dataset.0.useas": "mount", "dataset.1.id": "claims", "dataset.1.useas": "mount"},
    ),
    ("an index above 63", {"dataset.64.id": "claims", "dataset.64.useas": "mount"}),
]


_BUCKET_CLAIM = {
    "apiVersion": "objectbucket.io/v1alpha1",
    "kind": "ObjectBucketClaim",
    "metadata": {"name": "k", "namespace": "default"},
    "spec": {"generateBucketName": "b", "storageClassName": "buckets"},
}
_VOLUME_CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "x", "namespace": "default"},
    "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
}

# What it is, and what a manifest has beside a Dataset whose keys are in Secret k.
BESIDE: list[tuple[str, Raw]] = [
    ("an ObjectBucketClaim, whose Secret has the keys", _BUCKET_CLAIM),
    ("a PersistentVolumeClaim of the Dataset's name", _VOLUME_CLAIM),
    ("another PersistentVolumeClaim", _VOLUME_CLAIM | {"metadata": {"name": "y", "namespace": "default"}}),
]


def _claiming(*names: str, labels: dict[str, str] | None = None, read_only: bool = False, **mount: object) -> Raw:
    mounts = [{"name": f"data-{at}", "mountPath": f"/data-{at}", **mount} for at, _ in enumerate(names)]
    claims = [{"claimName": name, **({"readOnly": True} if read_only else {})} for name in names]
    volumes = [{"name": f"data-{at}", "persistentVolumeClaim": claim} for at, claim in enumerate(claims)]
    return make_pod(labels=labels, volumes=volumes, containers=[make_container(volumeMounts=mounts)])


# What it is, and a pod that mounts the claim of a Dataset that can be written to.
CLAIMS: list[tuple[str, Raw]] = [
    ("the claim, mounted", _claiming("claims")),
    ("with `readOnly: true` in the volume, or in each mount", _claiming("claims", read_only=True)),
    ("two volumes of one claim", _claiming("claims", "claims", read_only=True)),
    ("with a label of the same Dataset", _claiming("claims", labels=reading("claims"))),
    ("a part of it, by `subPath`", _claiming("claims", read_only=True, subPath="2026")),
    ("a claim of no Dataset", _claiming("other")),
]

# What users of Datashim complained of, what happens here, and the test that shows it.
COMPLAINTS: list[tuple[str, str, str]] = [
    (
        "Mounts are lost when the plugin restarts",
        "A mount's server is in the pod, and outlives the plugin",
        "node_plugin/test_healing.py::test_a_restarted_driver_disturbs_nobody_and_heals_on",
    ),
    (
        "Certificates expire, and deployments are blocked",
        "Key, live TLS and caBundle are renewed together, without a request lost",
        "serving/test_keeper.py::test_the_api_server_trusts_a_webhook_through_its_rotation",
    ),
    (
        "A dead webhook blocks everybody's pods",
        "Only pods with dataset labels wait",
        "webhook/test_real_api_server.py::test_a_dead_webhook_blocks_nobody_else",
    ),
    (
        "Secrets are copied to other namespaces",
        "Keys stay in the Dataset's namespace",
        "webhook/test_configmap.py::test_keys_never_leave_their_namespace",
    ),
    (
        "Secrets of the same name collide",
        "No Secret and no ConfigMap is made",
        "demo/test_secrets_stay.py::test_no_object_but_the_stewards_secrets_hold_a_key",
    ),
    (
        "Several datasets, each with a path of its own",
        "A volumeMount of the Dataset's name says where",
        "webhook/test_mounts.py::test_a_mount_of_the_datasets_name_says_where",
    ),
    (
        "A custom path is mounted twice; envFrom is added twice",
        "Asking again changes nothing",
        "webhook/test_properties.py::test_asking_again_changes_nothing",
    ),
    (
        "Two containers with `configmap` get doubled variables",
        "Each container gets each of them once",
        "webhook/test_properties.py::test_every_container_is_served_once",
    ),
    (
        "Init containers get nothing, or start before the data",
        "They are served too, after the mount's own container",
        "webhook/test_mounts.py::test_every_container_gets_the_mount",
    ),
    (
        "A volume's name, or a path, clashes, and the pod is invalid",
        "It is refused, and told which",
        "webhook/test_mounts.py::test_what_can_not_be_served_is_refused",
    ),
    (
        "What the webhook makes of a pod is invalid",
        "Whatever is asked for, the API server takes what comes out",
        "webhook/test_real_api_server.py::test_no_pod_is_made_invalid",
    ),
    (
        "`readonly` is ignored",
        "A mount is read-only, unless Dataset and pod both say otherwise",
        "node_plugin/test_writing.py::test_a_volume_that_wants_to_read_only_is_read_only",
    ),
    (
        "`folder` is ignored",
        "A prefix is a folder, for listing and mount",
        "dataset_operator/test_listing.py::test_a_prefix_is_a_folder",
    ),
    (
        "The volume is never made, and nothing says why",
        "The pod's Events have the reason and the remedy",
        "node_plugin/test_store_errors.py::test_a_secret_that_was_mended_is_enough",
    ),
    (
        "Rotated keys never arrive",
        "Each mount asks for the keys that are valid now",
        "node_plugin/test_store_errors.py::test_a_secret_that_was_mended_is_enough",
    ),
    (
        "A private CA is not trusted",
        "`caBundle` is what the endpoint is verified against",
        "node_plugin/test_mounting.py::test_an_endpoint_with_its_own_authority_is_served",
    ),
    (
        "Deleting hangs on finalizers",
        "There are none",
        "dataset_operator/test_operator.py::test_deleting_never_hangs",
    ),
    (
        "The operator needs a restart after etcd or the API server had one",
        "It goes on by itself",
        "dataset_operator/test_outages.py::test_etcd_and_the_api_server_are_restarted",
    ),
    (
        "The operator is killed in the middle of its work",
        "The next one makes all of it right",
        "dataset_operator/test_outages.py::test_an_operator_that_is_killed_at_any_moment_leaves_nothing_half_done",
    ),
    (
        "Many Datasets at once are too much",
        "All become ready, all go, nothing stays behind",
        "dataset_operator/test_outages.py::test_many_datasets_are_made_and_deleted_at_once",
    ),
    (
        "An upgrade disturbs those who read",
        "A pod reads on through an upgrade and a rollback",
        "charts/test_upgrading.py::test_a_pod_reads_on_while_moorage_is_upgraded_and_rolled_back",
    ),
]


def manifest(spec: Raw, kind: str = "Dataset") -> Raw:
    """As it was written for Datashim."""
    return {
        "apiVersion": "datashim.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "default"},
        "spec": spec,
    }


def of_spec(spec: Raw) -> str:
    """What becomes of a manifest: its source, or why it can't be used, and each note."""
    converted = convert(manifest(spec), "eu-1")
    notes = [note.partition(": ")[2] for note in converted.notes]
    if converted.raw is None:
        return "; ".join(notes)
    try:
        (source,) = wire.read_dataset(converted.raw).sources
    except InputError as error:
        return "; ".join([f"**refused**: {error.field}: {error.problem}", *notes])
    location = source.location
    if location.served or (location.abilities.looked_up and not location.lacks):
        served = "works"
    else:
        served = "accepted, served once that is given" if location.lacks else "accepted, not served yet"
    return "; ".join([f"{served} ({source.kind})", *notes])


def of_beside(other: Raw) -> str:
    """What becomes of an object in a Dataset's manifest."""
    conversion = convert_all([other, manifest({"local": _S3})], "eu-1")
    assert conversion.objects[0] == other
    return "; ".join(["stays as it is", *(note.partition(": ")[2] for note in conversion.notes)])


def of_labels(labels: dict[str, str]) -> str:
    """What becomes of a pod."""
    pod = make_pod(labels=labels)
    dataset = an_s3_dataset("claims")
    try:
        outcome = ask(pod, dataset)
    except InputError as error:
        return f"**refused**: {error.problem}"
    if isinstance(outcome, Refusal):
        return f"**refused**: {outcome.message.split(': ', 2)[-1]}"
    spec = outcome.pod["spec"]
    got = []
    if any("csi" in volume for volume in spec.get("volumes", ())):
        got.append("mounted read-only at `/mnt/datasets/<id>`")
    if any(each["name"].startswith("claims_") for each in spec["containers"][0].get("env", ())):
        got.append("variables `<id>_endpoint`, `<id>_bucket`, ..., as Datashim's")
    return "works: " + "; ".join(got) if got else "created, with a warning: it counts as a reader, and gets nothing"


def of_claim(pod: Raw) -> str:
    """What becomes of a pod that mounts the claim of Dataset claims."""
    dataset = replace(writable(an_s3_dataset("claims")), claim=True, status=DatasetStatus(claimed=True))
    labelled = label_by_claims(pod, NAMESPACE, {dataset.ref: dataset}.get, "Pod x")
    if labelled.pod is pod:
        return "created as it is"
    outcome = ask(labelled.pod, dataset)
    if isinstance(outcome, Refusal):
        return f"**refused**: {outcome.message}"
    labels = outcome.pod["metadata"]["labels"]
    containers = [*outcome.pod["spec"].get("initContainers", [])[1:], *outcome.pod["spec"]["containers"]]
    paths = {mount["mountPath"] for each in containers for mount in each["volumeMounts"]}
    told = ", ".join(f"`{key}: {labels[key]}`" for key in sorted(labels))
    return f"works: mounted at {', '.join(f'`{path}`' for path in sorted(paths))}, as with the labels {told}"


def render() -> str:
    """The page."""
    rows = [f"| {what} | {of_spec(spec)} |" for what, spec in SPECS]
    rows.append(
        f"| `kind: DatasetInternal` | {convert(manifest({}, 'DatasetInternal'), None).notes[0].partition(': ')[2]} |"
    )
    labels = [f"| {what} | {of_labels(each)} |" for what, each in LABELS]
    beside = [f"| {what} | {of_beside(each)} |" for what, each in BESIDE]
    claims = [f"| {what} | {of_claim(pod)} |" for what, pod in CLAIMS]
    complaints = [f"| {what} | {here} | `tests/{test}` |" for what, here, test in COMPLAINTS]
    example = yaml.safe_dump(convert(manifest({"local": _S3}), "eu-1").raw, sort_keys=False)
    return f"""# Coming from Datashim

Pods need no change: their labels are the same. Datasets need a new `apiVersion`, and the Site where the data are.

1. [Install Moorage](install.md), and create a Site for the place where the data are.
2. Convert your Datasets. The command reads those of `datashim.io` and of the older `com.ie.ibm.hpsys` from the cluster,
   or from a file. It prints ours on stdout. On stderr it says what changed, what can't be carried, and which pods and
   workloads would notice. It changes nothing of Datashim's.

   ```console
   moorage migrate --cluster --site eu-1 > datasets.yaml
   ```

   What Datashim's API server and operator wrote into `metadata` is left out. `-n` takes one namespace. `--apply`
   applies the Datasets instead of printing them, with `--dry-run` as a trial; it leaves alone Datasets that no
   migration made, and fields that somebody changed since. `kubectl dataset convert FILE` converts a file, as `moorage
   migrate FILE` does. Exit code 2 says that a Dataset can't be used as it is.

3. Delete Datashim's Datasets, so that its claims go, whose names ours take; leave one with `remove-on-delete` in place,
   because its bucket would go, too. Then uninstall Datashim: until then its webhook changes labelled pods as well.
   Secrets that you made stay where they are.
4. `kubectl apply -f datasets.yaml`, or the command of step 2 with `--apply`. Wait until `kubectl get dset -A` shows
   `True`, and create the pods again.

A converted Dataset looks like this:

```yaml
{example}```

A program makes the tables below by running the code, and a test compares them with this page.

## Datasets

| in Datashim | in Moorage |
|---|---|
{chr(10).join(rows)}

If you apply a manifest without converting it, the API server refuses unknown keys and names them.

## Claims in a manifest

| beside a Dataset | after the migration |
|---|---|
{chr(10).join(beside)}

## Pod labels

| in Datashim | in Moorage |
|---|---|
{chr(10).join(labels)}

## Claims

| in Datashim | in Moorage, with `claim: true` |
|---|---|
{chr(10).join(claims)}

## What differs

- A pod that mounts a Dataset's claim by `claimName` gets it without any label, where the Dataset says `claim: true`, as
  converted ones do ([datasets.md](datasets.md#specclaim)). What it gets is what the label would give it.
- Moorage makes no ConfigMap and no Secret. A mount is an inline volume of the pod, and its keys stay in the steward's
  namespace.
- Moorage serves labelled pods in every namespace, except in those that opted out. Datashim needs the label
  `monitor-pods-datasets=enabled` on the namespace; you can remove it.
- A mount is read-only, unless the Dataset says `access: readWrite`, which is what `readonly: "false"` becomes, and the
  pod has the label `dataset.N.access: readWrite` or mounts the claim without `readOnly`. A Dataset without `readonly`
  can be written in Datashim, and is for reading here. What files can do, and what `close` promises:
  [writing.md](writing.md).
- A Dataset can be read from other namespaces, where its `consumers` permit it: `dataset.N.namespace`.
- A pod never starts on missing or empty data: its volume is not mounted, and its Events say why.
- Rotated keys arrive with the next mount.

## What users of Datashim complained of

| there | here | shown by |
|---|---|---|
{chr(10).join(complaints)}

See [pod-labels.md](pod-labels.md) for all labels, [datasets.md](datasets.md) for all fields of a Dataset.
"""


if __name__ == "__main__":
    sys.stdout.write(render())
