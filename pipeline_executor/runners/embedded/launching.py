"""Begins attempts: the launch is in the store before its pod is made, and the pod's name is the attempt's."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from moorage.errors import ConflictError, InputError, KubeError, MoorageError, NotFoundError
from moorage.grants.question import PodIdentity
from moorage.kube import PODS, Client, RawObject
from moorage.serving import metrics
from pipeline_executor.engine import Launch, LaunchKind
from pipeline_executor.runners.admission import meaning, needs_non_root
from pipeline_executor.runners.embedded.claims import CLAIMS, claim_of, claim_to_delete, workspace_of
from pipeline_executor.runners.embedded.ending import Ending
from pipeline_executor.runners.embedded.inputs import input_files
from pipeline_executor.runners.embedded.launch_json import write_launch
from pipeline_executor.runners.embedded.pod_facts import read_pod
from pipeline_executor.runners.embedded.pod_index import PodIndex
from pipeline_executor.runners.embedded.pods import PodContext, SidecarSettings, build_pod
from pipeline_executor.runners.embedded.state import Made, State


class Launching:
    """The starter of attempts, which makes their pods.

    Args:
        client: the API server.
        sidecar: what the sidecar is told; asked anew for each pod.
        pods: of all tasks.
        ending: writes down what can't begin.
        now: the clock, in seconds since the epoch.
    """

    def __init__(
        self,
        client: Client,
        sidecar: Callable[[], SidecarSettings],
        pods: PodIndex,
        ending: Ending,
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._sidecar = sidecar
        self._pods = pods
        self._ending = ending
        self._now = now

    async def begin(self, state: State, launch: Launch, *, survives: bool) -> None:
        """Begin an attempt, or write down why it can't; what keeps it for a while stands in `state.waiting`.

        Args:
            state: of its group.
            launch: the attempt.
            survives: whether it begins although the group is being cancelled, as an exit handler does.

        Raises:
            MoorageError: the cluster or the store does not answer.
        """
        key = launch.path, launch.attempt
        try:
            if launch.kind is LaunchKind.CREATE_CLAIM:
                claim = claim_of(launch, state.run.group)
                await self._make_claim(claim)
                await self._ending.succeed(state, launch, {"name": claim["metadata"]["name"]})
            elif launch.kind is LaunchKind.DELETE_CLAIM:
                with contextlib.suppress(NotFoundError):
                    await self._client.delete(CLAIMS, claim_to_delete(launch), state.run.group.namespace)
                await self._ending.succeed(state, launch, {})
            else:
                await self._make_pod(state, launch, survives=survives)
        except InputError as error:
            await self._ending.refuse(state, key, f"it can't begin: {error.problem}")
        except KubeError as error:
            refused = meaning(error)
            if refused is None:
                raise
            if refused.wait:
                state.waiting[launch.path] = refused.message
            else:
                metrics.refused("Admission")
                await self._ending.refuse(state, key, refused.message)

    async def _make_pod(self, state: State, launch: Launch, *, survives: bool) -> None:
        run, key = state.run, (launch.path, launch.attempt)
        for given in launch.inputs:
            if given.local_path is not None:
                await input_files(state, given.artifact)
        if await state.launch(key) != launch:
            await run.store.put(run.keys.task(*key, "launch"), write_launch(launch))
            state.launches[key] = launch
        sidecar = self._sidecar()
        if not sidecar.certificates:
            raise MoorageError("the task API has no certificate yet")
        context = PodContext(group=run.group, site=run.site, sidecar=sidecar, survives=survives)
        if launch.workspace:
            claim = workspace_of(state.program.workspace, run.group)
            await self._make_claim(claim)
            context = replace(context, workspace_claim=claim["metadata"]["name"])
        metadata = (await self._create(launch, context))["metadata"]
        identity = PodIdentity(metadata["namespace"], metadata["name"], metadata["uid"])
        state.known.add(key)
        if not self._pods.has(identity):
            state.made[key] = Made(identity, self._now())

    async def _make_claim(self, claim: RawObject) -> None:
        """Make a claim; one that is there already is the one that is meant, as in Kubeflow."""
        with contextlib.suppress(ConflictError):
            await self._client.create(CLAIMS, claim)

    async def _create(self, launch: Launch, context: PodContext) -> RawObject:
        pod = build_pod(launch, context)
        try:
            return await self._client.create(PODS, pod)
        except ConflictError:
            return await self._present(pod, context)
        except KubeError as error:
            if needs_non_root(error) and not context.non_root:
                return await self._create(launch, replace(context, non_root=True))
            raise

    async def _present(self, pod: RawObject, context: PodContext) -> RawObject:
        """Find the pod that has the name already: by an earlier process of ours, or by somebody else."""
        metadata = pod["metadata"]
        raw = await self._client.get(PODS, metadata["name"], metadata["namespace"])
        facts = read_pod(raw)
        if facts is None or facts.owner_uid != context.group.uid:
            subject = PODS.describe(metadata["namespace"], metadata["name"])
            problem = f"{subject}: somebody else's pod has the name of this task's: delete it"
            raise KubeError(problem, status=409, reason="AlreadyExists")
        return raw
