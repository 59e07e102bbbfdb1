"""A Kubeflow Pipelines that is played: a v2beta1 server that runs pipelines in one cluster, with its ML Metadata.

It is none of Kubeflow's code. It serves HTTP and gRPC, makes real pods on a real API server, and keeps artifacts in a
real S3 store, under ROOT/PIPELINE/RUN_ID/TASK/uuid/OUTPUT. What tasks may start is the engine's word. Its vices are
those that were seen of backend 2.17:

- `POST /runs` honours a `run_id`, and is not idempotent: a repeat answers 500 and starts a second Workflow.
- A run's answer has states only, many entries, and some that lag behind.
- A pod that waits, or is refused, changes no state. Refusals stand in the Workflow's nodes.
- Terminating ends in FAILED; on a run that has ended it is a 400.
- Its cache knows nothing of rules. What is cached lies with the run that made it.
- The root execution stays RUNNING, branches not taken are CANCELED, numbers are floats.

It makes no driver pods: what drivers do, it does itself.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from moorage.errors import InputError, KubeError, NotFoundError
from moorage.kube import CRDS, PODS, Change, Client, Reflector, Selection
from pipeline_executor.engine import Outputs, read_program
from pipeline_executor.engine.records import Job
from pipeline_executor.engine.resolving import given_to_root
from pipeline_executor.runners.kubeflow.workflows import WORKFLOWS
from pipeline_executor.store import ArtifactStore
from tests.pipeline_executor.kubeflow.metadata_store import MetadataStore
from tests.pipeline_executor.kubeflow.played_run import PlayedRun, details_of
from tests.polling import until

Raw = dict[str, Any]

_CRD: Raw = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workflows.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "names": {"plural": "workflows", "singular": "workflow", "kind": "Workflow"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


class PlayedBackend:
    """One Kubeflow; `async with` serves it.

    Args:
        client: an administrator's.
        namespace: where its runs are.
        store: what its launchers use.
        node_selector: of its pods.

    Attributes:
        url: of its API.
        runs: by id; what a second Workflow of an id overwrites.
        workflows: all that were ever started.
        requests: bodies of `POST /runs`.
        cache_hits: paths of tasks that its cache served.
        tokens: what callers showed.
        lose: how many answers to `POST /runs` are lost after they were acted upon.
    """

    def __init__(
        self, client: Client, namespace: str, store: ArtifactStore, node_selector: Mapping[str, str] | None = None
    ) -> None:
        self.client = client
        self.namespace = namespace
        self.store = store
        self.node_selector = node_selector or {}
        self.metadata = MetadataStore()
        self.url = ""
        self.runs: dict[str, PlayedRun] = {}
        self.workflows: list[PlayedRun] = []
        self.requests: list[Raw] = []
        self.cache: dict[str, tuple[int, Outputs]] = {}
        self.cache_hits: list[str] = []
        self.tokens: list[str] = []
        self.lose = 0
        self.reports: dict[int, asyncio.Future[Raw]] = {}
        self.outputs: dict[int, Outputs] = {}
        self.logs: dict[tuple[str, str], bytes] = {}
        self.pods: dict[str, Raw] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._make_crd()
        await self._closing.enter_async_context(self.metadata)
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/apis/v2beta1/runs", self._create)
        app.router.add_get("/apis/v2beta1/runs/{run}", self._get)
        app.router.add_post("/apis/v2beta1/runs/{run}:terminate", self._terminate)
        app.router.add_get("/apis/v1alpha1/runs/{run}/nodes/{pod}/log", self._log)
        app.router.add_get("/internal/list", self._list)
        app.router.add_get("/internal/object", self._read)
        app.router.add_put("/internal/object", self._write)
        app.router.add_post("/internal/publish", self._publish)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        selection = Selection(namespace=self.namespace, labels="pipeline/runid")
        pods: Reflector[Raw] = Reflector(
            self.client, PODS, project=lambda raw: raw, selection=selection, on_change=self._pod_changed
        )
        await self._closing.enter_async_context(pods)
        await pods.wait_synced(30)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._closing.aclose()
        broken = [each for each in outcomes if isinstance(each, Exception)]
        assert not broken, broken

    async def collect(self, run_id: str) -> None:
        """What its TTL does: Workflow and pods of a run that has ended vanish; the run's record stays."""
        for run in self.workflows:
            if run.run_id == run_id:
                await self.client.delete(WORKFLOWS, run.workflow, self.namespace)
        for name, raw in list(self.pods.items()):
            if raw["metadata"]["labels"]["pipeline/runid"] == run_id:
                with contextlib.suppress(NotFoundError):
                    await self.client.delete(PODS, name, self.namespace, grace_seconds=0)

    def _pod_changed(self, change: Change[Raw]) -> None:
        if change.after is not None:
            self.pods[change.key[1]] = change.after
        elif change.before is not None:
            self.pods[change.key[1]] = {**change.before, "status": {"phase": "Failed"}}

    async def _make_crd(self) -> None:
        await self.client.apply(CRDS, _CRD)

        async def served() -> bool:
            try:
                await self.client.list(WORKFLOWS)
            except KubeError:
                return False
            return True

        await until(served)

    # --- v2beta1 ---

    async def _create(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        body = await request.json()
        self.requests.append(body)
        spec = body["pipeline_spec"]
        wrapped = "pipeline_spec" in spec
        documents = [spec["pipeline_spec"], spec["platform_spec"]] if wrapped else [spec]
        arguments = body["runtime_config"].get("parameters") or {}
        try:
            program = read_program(documents, "pipeline")
            job = Job("played", body["run_id"], body["runtime_config"]["pipeline_root"])
            given_to_root(job, program.signature.parameters, arguments, program.defaults, "pipeline")
        except InputError as error:
            return _answer({"code": 3, "message": f"Failed to create a new run: {error}"}, 400)
        repeated = body["run_id"] in self.runs
        run = PlayedRun(self, body, program, arguments)
        self.runs[run.run_id] = run
        self.workflows.append(run)
        self._tasks.append(asyncio.create_task(run.live(), name=f"workflow {run.workflow}"))
        if self.lose:
            self.lose -= 1
            assert request.transport is not None
            request.transport.close()
            await asyncio.sleep(1)
        if repeated:
            return _answer({"code": 13, "message": "Internal Server Error: Error 1062: Duplicate entry"}, 500)
        return _answer(self._view(run))

    async def _get(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        run = self.runs.get(request.match_info["run"])
        if run is None:
            return _answer({"code": 5, "message": "Failed to get a run: ResourceNotFoundError"}, 404)
        return _answer(self._view(run))

    async def _terminate(self, request: web.Request) -> web.Response:
        run = self.runs.get(request.match_info["run"])
        if run is None:
            return _answer({"code": 5, "message": "ResourceNotFoundError"}, 404)
        if run.state not in {"RUNNING", "CANCELING"}:
            return _answer({"code": 9, "message": f"Failed to terminate: the run is {run.state}"}, 400)
        run.terminate()
        return _answer({})

    async def _log(self, request: web.Request) -> web.Response:
        found = self.logs.get((request.match_info["run"], request.match_info["pod"]))
        return web.Response(status=404) if found is None else web.Response(body=found)

    def _view(self, run: PlayedRun) -> Raw:
        tasks = len(run.request["pipeline_spec"].get("root", {}).get("dag", {}).get("tasks", {})) or 1
        return {
            "run_id": run.run_id,
            "display_name": run.request["display_name"],
            "state": run.state,
            "state_history": [{"state": "PENDING"}, {"state": run.state}],
            "run_details": {"task_details": details_of(run, tasks)},
        }

    # --- what launchers use ---

    async def _list(self, request: web.Request) -> web.Response:
        prefix = request.query["prefix"]
        found = [each.key for each in await self.store.keys(prefix)]
        return _answer([key for key in found if key == prefix or key.startswith(f"{prefix}/")])

    async def _read(self, request: web.Request) -> web.Response:
        return web.Response(body=await self.store.get(request.query["key"], 64 << 20))

    async def _write(self, request: web.Request) -> web.Response:
        await self.store.put(request.query["key"], await request.read())
        return web.Response()

    async def _publish(self, request: web.Request) -> web.Response:
        report = await request.json()
        execution = report["execution"]
        assert any(run.publish(execution, report) for run in self.workflows)
        self.reports[execution].set_result(report)
        return web.Response()


def _answer(content: Any, status: int = 200) -> web.Response:  # noqa: ANN401 - JSON
    return web.Response(text=json.dumps(content), status=status, content_type="application/json")
