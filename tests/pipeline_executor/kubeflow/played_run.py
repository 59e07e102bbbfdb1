"""One Workflow of the played backend: walks a pipeline by the engine, with each task a pod of a real API server."""

import asyncio
import contextlib
import dataclasses
import json
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moorage.errors import KubeError, NotFoundError
from moorage.kube import PODS
from moorage.runs import TaskPhase
from pipeline_executor.engine import Artifact, Attempt, Job, Launch, Outputs, Program, Step, read_outputs, step
from pipeline_executor.engine.program import Dag, Importer
from pipeline_executor.runners.embedded.platforms import extras_of
from pipeline_executor.runners.kubeflow.lineage import ExecutionState
from pipeline_executor.runners.kubeflow.workflows import WORKFLOWS

if TYPE_CHECKING:
    from tests.pipeline_executor.kubeflow.played_backend import PlayedBackend

Raw = dict[str, Any]

_LAUNCHER = Path(__file__).parent / "launcher.py"
_TURN_SECONDS = 0.1
_REFUSED_SECONDS = 1.0
_MOST_REFUSALS = 81
_CANCELING_SECONDS = 1.0


class PlayedRun:
    """Runs while its task does.

    Attributes:
        workflow: its Workflow's name.
        state: as GetRun says.
    """

    def __init__(self, backend: "PlayedBackend", request: Raw, program: Program, arguments: Raw) -> None:
        self.backend = backend
        self.request = request
        self.run_id: str = request["run_id"]
        self.workflow = f"played-{uuid.uuid4().hex[:8]}"
        self.state = "RUNNING"
        self.ended_at = 0.0
        self._program = program
        self._arguments = arguments
        root = request["runtime_config"]["pipeline_root"]
        self._job = Job("played", self.run_id, root)
        self._root = f"{root.rstrip('/')}/{program.name}/{self.run_id}"
        self._attempts: dict[str, dict[int, Attempt]] = {}
        self._launches: dict[str, tuple[Launch, int]] = {}
        self._executions: dict[str, int] = {}
        self._artifact_ids: dict[str, int] = {}
        self._refusals: dict[str, tuple[int, float, str]] = {}
        self._keys: dict[str, str] = {}
        self._canceling_at: float | None = None
        self._written: Raw = {}

    def terminate(self) -> None:
        """End it: it is FAILED a moment later."""
        if self.state == "RUNNING":
            self.state, self._canceling_at = "CANCELING", time.time()

    async def live(self) -> None:
        """Until it has ended."""
        store = self.backend.metadata
        store.context(self.run_id)
        self._executions[""] = store.execution(self.run_id)
        await self._write_workflow()
        while True:
            await self._look_at_pods()
            said = step(
                self._program,
                self._job,
                self._arguments,
                {path: tuple(each for _, each in sorted(several.items())) for path, several in self._attempts.items()},
                time.time(),
                cancelling=self._canceling_at is not None,
            )
            self._record(said)
            for launch in said.launches if self._canceling_at is None else ():
                await self._begin(launch)
            if self._canceling_at is not None and time.time() - self._canceling_at > _CANCELING_SECONDS:
                await self._kill()
                await self._end("FAILED")
                return
            if said.phase.is_final:
                await self._end("SUCCEEDED" if said.phase is TaskPhase.SUCCEEDED else "FAILED")
                return
            await self._write_workflow()
            await asyncio.sleep(_TURN_SECONDS)

    # --- pods ---

    async def _begin(self, launch: Launch) -> None:
        """A driver and, unless its cache serves, an executor."""
        tries, at, _ = self._refusals.get(launch.path, (0, 0.0, ""))
        if time.time() - at < _REFUSED_SECONDS:
            return
        execution = self._execution(launch.path)
        key = self._cache_key(launch)
        cached = self.backend.cache.get(key) if launch.caching else None
        if cached is not None:
            self.backend.cache_hits.append(launch.path)
            self._publish_cached(launch, execution, *cached)
            return
        moved = self._moved(launch)
        self._publish_inputs(moved, execution)
        try:
            await self.backend.client.create(PODS, self._pod(moved, execution))
        except KubeError as error:
            self._refusals[launch.path] = tries + 1, time.time(), str(error).split(": ", 1)[-1]
            if tries + 1 >= _MOST_REFUSALS:
                self._put(launch.path, Attempt(launch.attempt, TaskPhase.FAILED, reason="refused"))
            return
        self._refusals.pop(launch.path, None)
        if launch.caching:
            self._keys[launch.path] = key
        name = self._pod_name(launch)
        self._launches[name] = moved, execution
        self.backend.reports[execution] = asyncio.get_running_loop().create_future()
        self.backend.metadata.rows[execution].properties["pod_name"] = name
        self.backend.metadata.change(execution, ExecutionState.RUNNING)
        self._put(launch.path, Attempt(launch.attempt, TaskPhase.PENDING))

    def _pod(self, launch: Launch, execution: int) -> Raw:
        extras = extras_of(launch.platform)
        env = dict(launch.env)
        task = {
            "base": f"{self.backend.url}/internal",
            "execution": execution,
            "command": [*launch.command, *launch.args],
            "env": env,
            "inputs": [{"uri": each.artifact.uri, "path": each.local_path} for each in launch.inputs],
            "outputs": [{"uri": each.uri, "path": each.local_path} for each in launch.output_artifacts],
            "parameters": {each.name: each.file for each in launch.output_parameters},
            "output_file": launch.output_file,
            "make": [
                launch.output_file,
                *(each.local_path for each in launch.output_artifacts),
                *(each.file for each in launch.output_parameters),
            ],
        }
        resources = {"requests": dict(launch.resources.requests), "limits": dict(launch.resources.limits)}
        main = {
            "name": "main",
            "image": launch.image,
            "imagePullPolicy": "IfNotPresent",
            "command": [sys.executable, "-I", "-S", str(_LAUNCHER)],
            # The kubelet expands references in variables, too.
            "env": [{"name": "TASK", "value": json.dumps(task).replace("$", "$$")}, *extras.env],
            "resources": resources,
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self._pod_name(launch),
                "namespace": self.backend.namespace,
                "labels": {**extras.labels, "pipeline/runid": self.run_id},
                "annotations": {
                    **extras.annotations,
                    "pipelines.kubeflow.org/runtime-role": "launcher",
                    "workflows.argoproj.io/node-name": self._node_name(launch.path, launch.attempt),
                },
            },
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": self.request.get("service_account") or "default",
                "nodeSelector": dict(self.backend.node_selector),
                "containers": [main],
            },
        }

    def _pod_name(self, launch: Launch) -> str:
        tag = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.workflow}/{launch.path}/{launch.attempt}").hex[:10]
        return f"{self.workflow}-system-container-impl-{tag}"

    def _node_name(self, path: str, attempt: int) -> str:
        parts = [self.workflow, "root"]
        for part in path.split("/"):
            name, _, number = part.partition("#")
            parts += [f"{name}-iterations({number}:{number})", "iteration"] if number else [name]
        return ".".join([*parts, f"executor({attempt - 1})"])

    async def _look_at_pods(self) -> None:
        for name, (launch, execution) in list(self._launches.items()):
            attempt = self._attempts[launch.path][launch.attempt]
            if attempt.phase.is_final:
                continue
            raw = self.backend.pods.get(name)
            if raw is None or (raw.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}:
                continue
            report = self.backend.reports[execution]
            said = report.result() if report.done() else {"failed": True}
            with contextlib.suppress(KubeError):
                log = await self.backend.client.read_log(name, self.backend.namespace, "main", most_bytes=1 << 20)
                self.backend.logs[self.run_id, name] = log
            if said["failed"] or raw["status"]["phase"] == "Failed":
                self.backend.metadata.change(execution, ExecutionState.FAILED)
                self._put(launch.path, dataclasses.replace(attempt, phase=TaskPhase.FAILED, ended_seconds=time.time()))
                self.backend.reports[execution] = asyncio.get_running_loop().create_future()
            else:
                outputs = self.backend.outputs[execution]
                done = dataclasses.replace(
                    attempt, phase=TaskPhase.SUCCEEDED, outputs=outputs, ended_seconds=time.time()
                )
                self._put(launch.path, done)
                if launch.path in self._keys:
                    self.backend.cache[self._keys[launch.path]] = execution, outputs

    def publish(self, execution: int, report: Raw) -> bool:
        """A launcher's word; whether it is one of this Workflow's."""
        found = next((launch for launch, number in self._launches.values() if number == execution), None)
        if found is None:
            return False
        if report["failed"]:
            self.backend.metadata.change(execution, ExecutionState.FAILED)
            return True
        output = report["output"]
        files = {name: text.encode() for name, text in report["files"].items()}
        outputs = read_outputs(found, None if output is None else output.encode(), files)
        self.backend.outputs[execution] = outputs
        self._publish_artifacts(execution, outputs)
        self.backend.metadata.change(execution, ExecutionState.COMPLETE, outputs.parameters)
        return True

    async def _kill(self) -> None:
        for name, (launch, _) in self._launches.items():
            if not self._attempts[launch.path][launch.attempt].phase.is_final:
                with contextlib.suppress(NotFoundError):
                    await self.backend.client.delete(PODS, name, self.backend.namespace, grace_seconds=1)

    # --- ML Metadata ---

    def _execution(self, path: str) -> int:
        """A task's, made with all that it is inside of; a retry has the same one."""
        if path in self._executions:
            return self._executions[path]
        around, _, name = path.rpartition("/")
        store = self.backend.metadata
        properties: Raw = {"display_name": name, "parent_dag_id": self._execution(around)}
        loop, _, number = name.partition("#")
        if number:
            above = f"{around}/{loop}" if around else loop
            properties |= {"parent_dag_id": self._execution(above), "iteration_index": int(number), "task_name": loop}
        else:
            properties["task_name"] = name
        self._executions[path] = store.execution(self.run_id, **properties)
        return self._executions[path]

    def _record(self, said: Step) -> None:
        """What drivers say of loops, of branches that aren't taken, and of importers."""
        loops: dict[str, int] = {}
        for path, phase in said.phases.items():
            if "#" in path.rpartition("/")[2]:
                loop = path.rpartition("#")[0]
                loops[loop] = max(loops.get(loop, 0), int(path.rpartition("#")[2]) + 1)
            if phase is TaskPhase.SKIPPED and "condition does not hold" in said.messages.get(path, ""):
                self.backend.metadata.change(self._execution(path), ExecutionState.CANCELED)
        for loop, count in loops.items():
            # A driver knows the items once it has run, and then all iterations begin.
            if any(said.phases[f"{loop}#{index}"] is not TaskPhase.PENDING for index in range(count)):
                row = self.backend.metadata.rows[self._execution(loop)]
                row.properties["iteration_count"] = count
        for path, outputs in said.ended.items():
            task = _task_at(self._program, path)
            if task is not None and isinstance(task.body, Importer) and path not in self._executions:
                execution = self._execution(path)
                self._publish_artifacts(execution, outputs)
                self.backend.metadata.change(execution, ExecutionState.COMPLETE)
            elif task is not None and isinstance(task.body, Dag) and path not in self._executions:
                row = self.backend.metadata.rows[self._execution(path)]
                if task.loop is not None and "#" not in path.rpartition("/")[2]:
                    row.properties.setdefault("iteration_count", 0)

    def _publish_artifacts(self, execution: int, outputs: Outputs) -> None:
        store = self.backend.metadata
        for name, several in outputs.artifacts.items():
            for index, artifact in enumerate(several):
                number = store.artifact(artifact.uri, artifact.metadata)
                self._artifact_ids[artifact.uri] = number
                store.output(execution, name, number, index if name in outputs.lists else None)

    def _publish_inputs(self, launch: Launch, execution: int) -> None:
        store = self.backend.metadata
        for each in launch.inputs:
            if each.artifact.uri in self._artifact_ids:
                store.input(execution, self._artifact_ids[each.artifact.uri])

    def _publish_cached(self, launch: Launch, execution: int, earlier: int, outputs: Outputs) -> None:
        """As the driver does: the same artifacts, which lie with the run that made them. No pod, no admission."""
        store = self.backend.metadata
        for one, name, index, artifact in list(store.events):
            if one == earlier:
                store.output(execution, name, artifact, index)
        store.change(execution, ExecutionState.CACHED, outputs.parameters)
        self._put(launch.path, Attempt(launch.attempt, TaskPhase.CACHED, outputs=outputs))

    @staticmethod
    def _cache_key(launch: Launch) -> str:
        """The component and its inputs; where its outputs would lie does not count."""
        text = json.dumps(dataclasses.asdict(dataclasses.replace(launch, attempt=0)), sort_keys=True, default=dict)
        for each in launch.output_artifacts:
            text = text.replace(each.uri, each.name).replace(each.uri.removeprefix("s3://"), each.name)
        return text

    def _moved(self, launch: Launch) -> Launch:
        """The same launch, with outputs where Kubeflow puts them: ROOT/PIPELINE/RUN_ID/TASK/uuid/OUTPUT."""
        from pipeline_executor.runners.embedded.launch_json import read_launch, write_launch  # noqa: PLC0415

        text = write_launch(launch).decode()
        for each in launch.output_artifacts:
            task = launch.path.rpartition("/")[2].partition("#")[0]
            uri = f"{self._root}/{task}/{uuid.uuid4()}/{each.name}"
            text = text.replace(each.uri, uri).replace(each.uri.removeprefix("s3://"), uri.removeprefix("s3://"))
        return read_launch(text.encode(), "launch")

    def _put(self, path: str, attempt: Attempt) -> None:
        self._attempts.setdefault(path, {})[attempt.number] = attempt

    # --- the Workflow ---

    async def _end(self, state: str) -> None:
        self.state, self.ended_at = state, time.time()
        await self._write_workflow()

    async def _write_workflow(self) -> None:
        phases = {"SUCCEEDED": "Succeeded", "FAILED": "Failed"}
        nodes = {
            f"{self.workflow}-{number}": {
                "name": self._node_name(path, 1),
                "phase": "Pending" if self._canceling_at is None else "Error",
                "message": message,
            }
            for number, (path, (_, _, message)) in enumerate(sorted(self._refusals.items()))
        }
        status = {"phase": phases.get(self.state, "Running"), "nodes": nodes}
        if status == self._written:
            return
        self._written = status
        body = {
            "metadata": {
                "name": self.workflow,
                "namespace": self.backend.namespace,
                "labels": {"pipeline/runid": self.run_id},
            },
            "status": status,
        }
        await self.backend.client.apply(WORKFLOWS, body)


def _task_at(program: Program, path: str) -> Any:  # noqa: ANN401 - a task of the program
    dag: Any = program.root
    task = None
    for part in path.split("/"):
        task = next((each for each in dag.tasks if each.name == part.partition("#")[0]), None)
        if task is None:
            return None
        dag = task.body if isinstance(task.body, Dag) else Dag((), {}, {}, 1)
    return task


def details_of(run: PlayedRun, tasks: int) -> list[Mapping[str, Any]]:
    """`task_details`: far more entries than tasks, some of them RUNNING for a moment after the end."""
    late = run.state == "SUCCEEDED" and time.time() - run.ended_at < 2.0
    names = [f"task-{number}" for number in range(tasks * 15)]
    return [
        {
            "run_id": run.run_id,
            "task_id": name,
            "display_name": "executor",
            "state": "RUNNING" if late and number % 7 == 0 else run.state,
        }
        for number, name in enumerate(names)
    ]


def artifact_of(uri: str) -> Artifact:
    """An artifact of which nothing but its place is known."""
    return Artifact("artifact", {}, uri)
