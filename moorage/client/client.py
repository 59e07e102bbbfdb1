"""`Client`: Datasets, Sites and verdicts as typed records, in an ordinary synchronous Python program."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from moorage import wire
from moorage.client import submitting
from moorage.client.connecting import connect_by_kubeconfig, connect_in_cluster
from moorage.client.objects import Objects
from moorage.client.run import Run
from moorage.client.storing import Opening
from moorage.errors import ForbiddenError, InputError, NotFoundError
from moorage.locality.snapshot import Request, Snapshot
from moorage.locality.verdicts import SiteVerdict, by_site
from moorage.model import PURPOSE_LABEL, SYSTEM_NAMESPACE, Dataset, DatasetRef, Reader, Site, UseAs
from moorage.policy import effective_purpose


class Client:
    """A client of Moorage for people.

    Args:
        api: an `ApiClient` of the official library, for whoever has one already.
        namespace: where names without one are looked up.
        server: the address of `moorage-kfp-api`, through which logs are read; None: MOORAGE_SERVER, else the stores.
        server_authority: a PEM file, whom to trust as that server; None: MOORAGE_SERVER_CA, else public authorities.
        system_namespace: Moorage's own.
    """

    def __init__(
        self,
        api: Any,  # noqa: ANN401 - the library has no types
        namespace: str = "default",
        *,
        server: str | None = None,
        server_authority: str | Path | None = None,
        system_namespace: str = SYSTEM_NAMESPACE,
    ) -> None:
        self.objects = Objects(api)
        self.namespace = namespace
        self.server = server or os.environ.get("MOORAGE_SERVER") or None
        authority = server_authority or os.environ.get("MOORAGE_SERVER_CA")
        self.server_authority = Path(authority) if authority else None
        self.stores = Opening(
            site=lambda name: wire.read_site(self.objects.get("sites", None, name)),
            secret=lambda name: self.objects.secret(system_namespace, name),
        )

    @classmethod
    def from_kubeconfig(
        cls,
        path: str | None = None,
        *,
        context: str | None = None,
        namespace: str | None = None,
        server: str | None = None,
        server_authority: str | Path | None = None,
    ) -> Self:
        """Connect as kubectl does; for the rest, see the class.

        Raises:
            SettingError: there is no usable kubeconfig.
        """
        api, own = connect_by_kubeconfig(path, context)
        return cls(api, namespace or own, server=server, server_authority=server_authority)

    @classmethod
    def in_cluster(
        cls,
        namespace: str | None = None,
        *,
        server: str | None = None,
        server_authority: str | Path | None = None,
    ) -> Self:
        """Connect as the pod's own service account, as in a notebook server; for the rest, see the class.

        Raises:
            SettingError: this is no pod.
        """
        api, own = connect_in_cluster()
        return cls(api, namespace or own, server=server, server_authority=server_authority)

    # --- datasets ---

    def datasets(self, namespace: str | None = None, *, everywhere: bool = False) -> list[Dataset]:
        """List the Datasets of a namespace, or of all that you may list, by identity; unreadable ones are left out.

        Raises:
            KubeError: the API server refused, or did not answer.
        """
        where = None if everywhere else namespace or self.namespace
        found = []
        for raw in self.objects.list("datasets", where):
            try:
                found.append(wire.read_dataset(raw))
            except InputError:
                continue
        return sorted(found, key=lambda dataset: dataset.ref)

    def dataset(self, name: str) -> Dataset:
        """Return one Dataset, by `name` or `namespace/name`.

        Raises:
            NotFoundError: there is none.
            InputError: its spec can't be read.
        """
        ref = self._ref(name)
        return wire.read_dataset(self.objects.get("datasets", ref.namespace, ref.name))

    def create(self, dataset: Dataset) -> Dataset:
        """Create a Dataset; gives it as the API server took it.

        Raises:
            ConflictError: there is one of that name.
            KubeError: the API server refused it, saying what is wrong with it.
        """
        ref = dataset.ref
        return wire.read_dataset(
            self.objects.create("datasets", ref.namespace, ref.name, wire.write_dataset_spec(dataset))
        )

    def delete(self, name: str) -> None:
        """Delete a Dataset, by `name` or `namespace/name`. The data itself is never touched.

        Raises:
            NotFoundError: there is none.
            KubeError: it is in use; the message names its users.
        """
        ref = self._ref(name)
        self.objects.delete("datasets", ref.namespace, ref.name)

    # --- sites, and who may read where ---

    def sites(self) -> list[Site]:
        """Return all Sites, by name.

        Raises:
            KubeError: the API server refused, or did not answer.
            InputError: one can't be read.
        """
        return sorted((wire.read_site(raw) for raw in self.objects.list("sites", None)), key=lambda site: site.name)

    def where(
        self,
        *names: str,
        purpose: str | None = None,
        service_account: str = "default",
        namespace: str | None = None,
    ) -> tuple[SiteVerdict, ...]:
        """Return a verdict for each Site, by name: may a pod read these datasets together, and how near are they?

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

    # --- runs ---

    def submit(  # noqa: PLR0913 - each says another thing about the run
        self,
        pipeline: str | Path | Callable[..., Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        objective: str = "money",
        hints: Mapping[str, Any] | None = None,
        service_account: str = "default",
        wait_for_approval: bool = False,
        namespace: str | None = None,
    ) -> Run:
        """Run a pipeline across the sites.

        Args:
            pipeline: a function with `@dsl.pipeline` (kfp compiles it), or the file of a compiled pipeline.
            parameters: the pipeline's, by name.
            name: the run's; None: the pipeline's, and a few letters.
            objective: bytes, money, carbon or time; or several, separated by commas.
            hints: as a file of hints holds them.
            service_account: of the tasks' pods.
            wait_for_approval: whether the plan waits for `Run.approve`.
            namespace: None: the client's.

        Raises:
            InputError: it is no pipeline, or too large.
            ConflictError: there is a run of that name.
            KubeError: the API server refused, or did not answer.
        """
        wanted, packed = submitting.submission(
            pipeline,
            namespace or self.namespace,
            name,
            parameters=dict(parameters or {}),
            objective=objective,
            hints=None if hints is None else dict(hints),
            service_account=service_account,
            approval=wait_for_approval,
        )
        return Run(self, submitting.create(self.objects, wanted, packed))

    def run(self, name: str) -> Run:
        """Return a run, by `name` or `namespace/name`, to follow it again.

        Raises:
            NotFoundError: there is none.
        """
        ref = self._ref(name)
        return Run(self, self.objects.get("stretchedpipelines", ref.namespace, ref.name))

    def runs(self, namespace: str | None = None) -> list[Run]:
        """Return the runs of a namespace, the newest first.

        Raises:
            KubeError: the API server refused, or did not answer.
        """
        found = list(self.objects.list("stretchedpipelines", namespace or self.namespace))
        found.sort(key=lambda raw: (raw["metadata"]["creationTimestamp"], raw["metadata"]["name"]), reverse=True)
        return [Run(self, raw) for raw in found]

    # --- labels ---

    def labels(
        self, *names: str, use_as: Iterable[UseAs] = (UseAs.MOUNT,), purpose: str | None = None
    ) -> dict[str, str]:
        """Return the pod labels that ask for these datasets, for a pod in the client's namespace.

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

    # --- parts ---

    def _ref(self, name: str) -> DatasetRef:
        namespace, _, rest = name.rpartition("/")
        return DatasetRef(namespace or self.namespace, rest)

    def _purposes(self, namespace: str) -> frozenset[str] | None:
        """Return the purposes that the namespace lists; None, so that all count, where it lists none or is opaque."""
        try:
            return wire.read_namespace_purposes(self.objects.namespace(namespace))
        except (ForbiddenError, NotFoundError):
            return None
