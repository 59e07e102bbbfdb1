"""The pods of all tasks of this cluster: an informer, and an index by group."""

from collections.abc import Callable

from moorage.errors import NotFoundError
from moorage.grants.question import PodIdentity
from moorage.kube import PODS, Change, Client, Key, Reflector, Selection
from moorage.runs import PipelineGroup
from moorage.runs.pipelines import RUN_LABEL
from pipeline_executor.runners.embedded.pod_facts import PodFacts, read_pod
from pipeline_executor.runners.protocol import GroupKey


class PodIndex:
    """An index of tasks' pods, kept while its reflector runs.

    Args:
        client: the API server.
        on_change: told the namespace and name of the PipelineGroup of a pod that changed.
    """

    def __init__(self, client: Client, on_change: Callable[[GroupKey], None]) -> None:
        self._client = client
        self._on_change = on_change
        self._by_group: dict[tuple[str, str], dict[Key, PodFacts]] = {}
        self._by_key: dict[Key, PodFacts] = {}
        self.reflector: Reflector[PodFacts] = Reflector(
            client, PODS, project=read_pod, selection=Selection(labels=RUN_LABEL), on_change=self._changed
        )

    def of(self, group: PipelineGroup) -> list[PodFacts]:
        """Return all pods of a group, those of earlier attempts of it, too."""
        return list(self._by_group.get((group.spec.run.uid, group.spec.group), {}).values())

    def has(self, pod: PodIdentity) -> bool:
        """Return whether the informer has shown the pod."""
        found = self._by_key.get((pod.namespace, pod.name))
        return found is not None and found.identity.uid == pod.uid

    async def find(self, pod: PodIdentity) -> PodFacts | None:
        """Find a task's pod, though it was made a moment ago; None where there is none of this name and uid.

        Raises:
            KubeError: the API server does not answer.
        """
        found = self._by_key.get((pod.namespace, pod.name))
        if found is None or found.identity.uid != pod.uid:
            try:
                found = read_pod(await self._client.get(PODS, pod.name, pod.namespace))
            except NotFoundError:
                return None
        return found if found is not None and found.identity.uid == pod.uid else None

    def _changed(self, change: Change[PodFacts]) -> None:
        before, after = change.before, change.after
        if before is not None:
            group = self._by_group.get((before.run_uid, before.group), {})
            group.pop(change.key, None)
            if not group:
                self._by_group.pop((before.run_uid, before.group), None)
        if after is None:
            self._by_key.pop(change.key, None)
        else:
            self._by_key[change.key] = after
            self._by_group.setdefault((after.run_uid, after.group), {})[change.key] = after
        for facts in {(each.identity.namespace, each.owner_name) for each in (before, after) if each is not None}:
            self._on_change(facts)
