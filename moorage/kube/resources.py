"""Resources and their API paths, with a constant for each resource that Moorage uses."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API, as `kubectl api-resources` lists it.

    Attributes:
        group: "" for the core group.
        version: as `v1`.
        plural: as in paths, `configmaps`.
        kind: as in manifests, `ConfigMap`.
        namespaced: whether objects live in namespaces.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The manifest's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of one object, or of the collection where no name is given.

        Without a namespace, the collection of a namespaced resource is that of all namespaces.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(quote(part, safe=":") for part in parts)

    def describe(self, namespace: str = "", name: str = "") -> str:
        """Return the object's name in messages: `Dataset steward/claims`."""
        place = "/".join(part for part in (namespace if self.namespaced else "", name) if part)
        return f"{self.kind} {place}" if place else self.plural


DATASETS = Resource("moorage.dev", "v1alpha1", "datasets", "Dataset")
SITES = Resource("moorage.dev", "v1alpha1", "sites", "Site", namespaced=False)
DATASET_ACCESS_REVIEWS = Resource("moorage.dev", "v1alpha1", "datasetaccessreviews", "DatasetAccessReview")
STRETCHED_PIPELINES = Resource("moorage.dev", "v1alpha1", "stretchedpipelines", "StretchedPipeline")
PIPELINE_HISTORIES = Resource("moorage.dev", "v1alpha1", "pipelinehistories", "PipelineHistory")
PIPELINE_SCHEDULES = Resource("moorage.dev", "v1alpha1", "pipelineschedules", "PipelineSchedule")
PIPELINE_GROUPS = Resource("moorage.dev", "v1alpha1", "pipelinegroups", "PipelineGroup")
NODE_CACHES = Resource("moorage.dev", "v1alpha1", "nodecaches", "NodeCache", namespaced=False)

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
PERSISTENT_VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
PERSISTENT_VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
OBJECT_BUCKET_CLAIMS = Resource("objectbucket.io", "v1alpha1", "objectbucketclaims", "ObjectBucketClaim")
OBJECT_BUCKETS = Resource("objectbucket.io", "v1alpha1", "objectbuckets", "ObjectBucket", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
JOBS = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
