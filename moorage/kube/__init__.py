"""The only access to Kubernetes: a client over raw objects, reflectors that keep snapshots, events.

No room talks to an API server but through here (the operator's kopf shell excepted). No policy is decided here, and no
raw object is read for its meaning: that is `moorage.wire`'s.

    client.Client         one API server; raw dictionaries in and out; every failure is a `moorage.errors.KubeError`
    resources.Resource    what a path is made of; a constant for every resource that Moorage uses
    reflector.Reflector   list and watch: a cache of parsed records that outlives the connection
    events.Recorder       Events that a person sees in `kubectl describe`
    statuses              a status, replaced as it was read

A reflector, as the webhook uses it:

    async with Client.from_environment() as client:
        datasets = Reflector(client, DATASETS, project=wire.read_dataset)
        async with datasets:                       # runs in the background until the block is left
            await datasets.wait_synced(seconds=30)
            datasets.snapshot()["steward", "claims"]
"""

from moorage.kube.client import Client, RawObject, Selection
from moorage.kube.events import Recorder
from moorage.kube.reflector import Change, Key, Problem, Reflector
from moorage.kube.resources import (
    CONFIG_MAPS,
    CRDS,
    DATASETS,
    DEPLOYMENTS,
    EVENTS,
    LEASES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    NODE_CACHES,
    NODES,
    OBJECT_BUCKET_CLAIMS,
    OBJECT_BUCKETS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PIPELINE_GROUPS,
    PIPELINE_HISTORIES,
    PIPELINE_SCHEDULES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SITES,
    STRETCHED_PIPELINES,
    VALIDATING_WEBHOOKS,
    Resource,
)

__all__ = [
    "CONFIG_MAPS",
    "CRDS",
    "DATASETS",
    "DEPLOYMENTS",
    "EVENTS",
    "LEASES",
    "MUTATING_WEBHOOKS",
    "NAMESPACES",
    "NODES",
    "NODE_CACHES",
    "OBJECT_BUCKETS",
    "OBJECT_BUCKET_CLAIMS",
    "PERSISTENT_VOLUMES",
    "PERSISTENT_VOLUME_CLAIMS",
    "PIPELINE_GROUPS",
    "PIPELINE_HISTORIES",
    "PIPELINE_SCHEDULES",
    "PODS",
    "SECRETS",
    "SERVICE_ACCOUNTS",
    "SITES",
    "STRETCHED_PIPELINES",
    "VALIDATING_WEBHOOKS",
    "Change",
    "Client",
    "Key",
    "Problem",
    "RawObject",
    "Recorder",
    "Reflector",
    "Resource",
    "Selection",
]
