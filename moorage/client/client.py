"""`Client`: Datasets, Sites and verdicts as typed records, in an ordinary synchronous Python program."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

from kubernetes import client as official

from moorage import wire
from moorage.client.connecting import connect_by_kubeconfig, connect_in_cluster, own_errors
from moorage.errors import ForbiddenError, InputError, NotFoundError
from moorage.locality.snapshot import Request, Snapshot
from moorage.locality.verdicts import SiteVerdict, by_site
from moorage.model import API_VERSION, GROUP, PURPOSE_LABEL, VERSION, Dataset, DatasetRef, Reader, Site, UseAs
from moorage.policy import effective_purpose

_PAGE = 250
_TIMEOUT_SECONDS = (5, 30)


class Client:
    """What a person asks of Moorage.

    Args:
        api: an `ApiClient` of the official library, for whoever has one already.
        namespace: where names without one are looked up.
    """

    def __init__(self, api: Any, namespace: str = "default") -> None:  # noqa: ANN401 - the library has no types
        self._api = api
        self._objects = official.CustomObjectsApi(api)
        self._core = official.CoreV1Api(api)
        self.namespace = namespace

    @classmethod
    def from_kubeconfig(
        cls, path: str | None = None, *, context: str | None = None, namespace: str | None = None
    ) -> Self:
        """Connect as kubectl does.

        Raises:
            SettingError: there is no usable kubeconfig.
        """
        api, own = connect_by_kubeconfig(path, context)
        return cls(api, namespace or own)

    @classmethod
    def in_cluster(cls, namespace: str | None = None) -> Self:
        """Connect as the pod's own service account, as in a notebook server.

        Raises:
            SettingError: this is no pod.
        """
        api, own = connect_in_cluster()
        return cls(api, namespace or own)

    # --- datasets ---

    def datasets(self, namespace: str | None = None, *, everywhere: bool = False) -> list[Dataset]:
        """The Datasets of a namespace, or of all that you may list; by identity. Those that can't be read are left out.

        Raises:
            KubeError: the API server refused, or did not answer.
        """
        where = None if everywhere else namespace or self.namespace
        found = []
        for raw in self._list("datasets", where):
            try:
                found.append(wire.read_dataset(raw))
            except InputError:
                continue
        return sorted(found, key=lambda dataset: dataset.ref)

    def dataset(self, name: str) -> Dataset:
        """One Dataset, by `name` or `namespace/name`.

        Raises:
            NotFoundError: there is none.
            InputError: its spec can't be read.
        """
        ref = self._ref(name)
        with self._own_errors(f"get Dataset {ref}"):
            raw = self._objects.get_namespaced_custom_object(
                GROUP, VERSION, ref.namespace, "datasets", ref.name, _request_timeout=_TIMEOUT_SECONDS
            )
        return wire.read_dataset(raw)

    def create(self, dataset: Dataset) -> Dataset:
        """Create a Dataset; gives it as the API server took it.

        Raises:
            ConflictError: there is one of that name.
            KubeError: the API server refused it, saying what is wrong with it.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": "Dataset",
            "metadata": {"name": dataset.ref.name, "namespace": dataset.ref.namespace},
            "spec": wire.write_dataset_spec(dataset),
        }
        with self._own_errors(f"create Dataset {dataset.ref}"):
            raw = self._objects.create_namespaced_custom_object(
                GROUP, VERSION, dataset.ref.namespace, "datasets", body, _request_timeout=_TIMEOUT_SECONDS
            )
        return wire.read_dataset(raw)

    def delete(self, name: str) -> None:
        """Delete a Dataset, by `name` or `namespace/name`. The data itself is never touched.

        Raises:
            NotFoundError: there is none.
            KubeError: it is in use; the message names its users.
        """
        ref = self._ref(name)
        with self._own_errors(f"delete Dataset {ref}"):
            self._objects.delete_namespaced_custom_object(
                GROUP, VERSION, ref.namespace, "datasets", ref.name, _request_timeout=_TIMEOUT_SECONDS
            )

    # --- sites, and who may read where ---

    def sites(self) -> list[Site]:
        """All Sites, by name.

        Raises:
            KubeError: the API server refused, or did not answer.
            InputError: one can't be read.
        """
        return sorted((wire.read_site(raw) for raw in self._list("sites", None)), key=lambda site: site.name)

    def where(
        self,
        *names: str,
        purpose: str | None = None,
        service_account: str = "default",
        namespace: str | None = None,
    ) -> tuple[SiteVerdict, ...]:
        """At which sites a pod may read these datasets together, and how near they are: one verdict a Site, by name.

        The same verdicts as the scheduler's and `kubectl dataset why`'s, but for caches on nodes.

        Args:
            names: Datasets, by `name` or `namespace/name`.
            purpose: what the pod states (label `moorage.dev/purpose`); it counts if the namespace lists it.
            service_account: the pod's.
            namespace: the pod's; None: the client's.

        Raises:
            KubeError: the API server refused, or did not answer.
            InputError: a Site can't be read.
        """
        within = namespace or self.namespace
        known: list[Dataset] = []
        unreadable: dict[DatasetRef, str] = {}
        refs = sorted({self._ref(name) for name in names})
        for ref in refs:
            try:
                known.append(self.dataset(str(ref)))
            except NotFoundError:
                continue
            except (ForbiddenError, InputError) as error:
                unreadable[ref] = str(error)
        snapshot = Snapshot.of(datasets=known, sites=self.sites(), unreadable=unreadable)
        reader = Reader(within, service_account, effective_purpose(purpose, self._purposes(within)))
        return by_site(Request(reader, tuple(refs)), snapshot)

    # --- labels ---

    def labels(
        self, *names: str, use_as: Iterable[UseAs] = (UseAs.MOUNT,), purpose: str | None = None
    ) -> dict[str, str]:
        """The pod labels that ask for these datasets, for a pod in the client's namespace.

        For kfp: `for key, value in moorage.labels("claims").items(): kubernetes.add_pod_label(task, key, value)`.
        """
        uses = ".".join(sorted(UseAs(use).value for use in use_as))
        labels: dict[str, str] = {}
        for index, ref in enumerate(self._ref(name) for name in names):
            labels |= {f"dataset.{index}.id": ref.name, f"dataset.{index}.useas": uses}
            if ref.namespace != self.namespace:
                labels[f"dataset.{index}.namespace"] = ref.namespace
        if purpose is not None:
            labels[PURPOSE_LABEL] = purpose
        wire.read_usage(labels, self.namespace, "labels")
        return labels

    # --- the API server ---

    def _ref(self, name: str) -> DatasetRef:
        namespace, _, rest = name.rpartition("/")
        return DatasetRef(namespace or self.namespace, rest)

    def _list(self, plural: str, namespace: str | None) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            options = {"limit": _PAGE, "_continue": token, "_request_timeout": _TIMEOUT_SECONDS}
            with self._own_errors(f"list {plural}"):
                if namespace is None:
                    page = self._objects.list_cluster_custom_object(GROUP, VERSION, plural, **options)
                else:
                    page = self._objects.list_namespaced_custom_object(GROUP, VERSION, namespace, plural, **options)
            yield from page["items"]
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    def _purposes(self, namespace: str) -> frozenset[str] | None:
        """What the namespace lists; None, so that any purpose counts, where it lists none or can't be read."""
        try:
            with self._own_errors(f"get Namespace {namespace}"):
                raw = self._core.read_namespace(namespace, _request_timeout=_TIMEOUT_SECONDS)
        except (ForbiddenError, NotFoundError):
            return None
        return wire.read_namespace_purposes(self._api.sanitize_for_serialization(raw))

    def _own_errors(self, action: str) -> Any:  # noqa: ANN401 - a context manager
        return own_errors(action, self._api.configuration.host)
