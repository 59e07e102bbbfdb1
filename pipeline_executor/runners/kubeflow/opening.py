"""Begins to follow a group: reads its pipeline, its attempts in the store, and which of them are pods of its run."""

import asyncio
from typing import Final

from pipeline_executor.engine import read_program
from pipeline_executor.runners.kubeflow.decisions import CACHED
from pipeline_executor.runners.kubeflow.recording import Recording
from pipeline_executor.runners.kubeflow.run_ids import run_id
from pipeline_executor.runners.kubeflow.state import State, pod_launched
from pipeline_executor.runners.program_paths import container_paths, lies_in
from pipeline_executor.runners.protocol import GroupRun
from pipeline_executor.runners.task_records import TaskRecords

_LAUNCH_BYTES: Final = 8 << 20


async def open_state(run: GroupRun, recording: Recording) -> State:
    """Read the state of a group before its first look.

    Raises:
        InputError: its pipeline can't be run.
        StoreError: the store does not answer.
    """
    spec = run.group.spec
    program = await asyncio.to_thread(read_program, run.documents, f"group {spec.group}", spec.task_names)
    tops = {task.path_name for task in program.root.tasks}
    records = TaskRecords(run.store, run.keys, lambda path: lies_in(path, tops))
    await records.load()
    state = State(run, program, container_paths(program), records, run_id(spec))
    for path in list(records.paths()):
        for number, record in list(records.of(path).items()):
            if record.end is not None:
                if record.end.group_attempt == spec.attempt:
                    state.numbers[path, record.end.pod or CACHED] = number
                continue
            key = run.keys.task(path, number, "launch")
            pod = pod_launched(await run.store.get(key, _LAUNCH_BYTES), state.run_id, key)
            if pod is not None:
                state.numbers[path, pod] = number
            else:
                # An earlier attempt of the group left it open.
                await recording.interrupted(state, path, number)
    return state
