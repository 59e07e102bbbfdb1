"""Other projects' compiled pipelines, run by the engine and by kfp.local, give the same.

Where a developer has them beside the clone. Both run components of plain Python, here, without a network; a pipeline
that needs more is skipped, with the reason. All of them take minutes: without `MOORAGE_TEST_ALL_PIPELINES=1` a few run
that have all constructs among them.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Program, read_program
from pipeline_splitter.documents import parse
from tests.pipeline_executor.engine.beside import outputs
from tests.pipeline_executor.engine.locally import LocalRun
from tests.pipeline_executor.engine.oracle import run_by_kfp
from tests.pipeline_splitter.shared_data import each, pipelines

VALUES = {
    "STRING": "text",
    "NUMBER_INTEGER": 2,
    "INT": 2,
    "NUMBER_DOUBLE": 1.5,
    "DOUBLE": 1.5,
    "BOOLEAN": True,
    "LIST": [],
    "STRUCT": {},
}
CAN_NOT_RUN = {
    "branches.yaml": "it was made to be planned: its components don't import what they use",
    "chain.yaml": "it was made to be planned: its components don't import what they use",
    "loops.yaml": "it was made to be planned: its components don't import what they use",
    "take_nap_compiled.yaml": "it sleeps for a quarter of an hour",
    "component_with_metadata_fields.yaml": "its root takes artifacts",
    "input_artifact.yaml": "its root takes artifacts",
    "pipeline_with_metadata_fields.yaml": "its root takes artifacts",
    "component_with_pip_install.yaml": "it needs yapf",
    "log_streaming_compiled.yaml": "it takes two minutes",
    "metrics_visualization_v2.yaml": "it needs scikit-learn",
    "notebook_component_mixed.yaml": "it needs nbclient",
    "pipeline_with_artifact_upload_download.yaml": "it needs Hugging Face's datasets",
    "ray_integration_compiled.yaml": "it needs ray",
    "pipeline_with_importer.yaml": "it imports from a public bucket",
    "pvc-mount.yaml": "it needs a volume",
    "resources__env-var.yaml": "it needs a variable of its cluster",
    "pipeline_with_artifact_custom_path.yaml": "artifacts at paths of their own are not brought back",
    "pipeline_with_input_status_state.yaml": "it wants the status of a backend before 2.17, COMPLETE",
}
A_FEW = {
    "add_numbers.yaml",
    "artifacts_complex.yaml",
    "critical__if_else_with_oneof_artifacts.yaml",
    "local_execution_pipeline_with_exit_handler.yaml",
    "multiple_artifacts_namedtuple.yaml",
    "nested_pipeline_opt_input_child_level_compiled.yaml",
    "nested_return.yaml",
    "parallel_for_after_dependency.yaml",
    "parameter_oneof.yaml",
    "pipeline_with_dynamic_importer_metadata.yaml",
    "pipeline_with_placeholders.yaml",
    "pipeline_with_task_using_ignore_upstream_failure.yaml",
    "pythonic_artifacts_with_list_of_artifacts.yaml",
}
ENDS_FAILED = {
    "fail_v2.yaml",
    "local_execution_pipeline_with_ignore_upstream_failure.yaml",
    "local_execution_pipeline_with_retry.yaml",
    "pipeline_with_exit_handler.yaml",
    "pipeline_with_multiple_exit_handlers.yaml",
    "pipeline_with_task_using_ignore_upstream_failure.yaml",
}
KFP_CAN_NOT = {
    "artifacts_complex.yaml": {"sum": "42", "datasets": ["2", "4", "6"]},
    "conditional_producer_and_consumers.yaml": {"Output": 10},
    "critical__if_else_with_oneof_artifacts.yaml": {},
    "nested_pipeline_opt_inputs_nil_compiled.yaml": {},
    "nested_with_parameters.yaml": {"Output": [[4, 6, 8], [6, 8, 10], [8, 10, 12]]},
    "parameters_complex.yaml": {"Output": 306},
    "pipeline_with_nested_loops.yaml": {},
    "pipeline_with_placeholders.yaml": {},
    # Sometimes: it orders tasks without looking at what their resources depend on.
    "pipeline_with_string_machine_fields_task_output.yaml": {},
}
"""What these give out, computed by hand from their sources."""


def arguments_of(program: Program) -> dict[str, Any]:
    """Something for each parameter that has to be given."""
    slots = program.signature.parameters.items()
    return {name: VALUES[slot.kind] for name, slot in slots if not slot.optional and not slot.has_default}


def is_light(document: dict[str, Any]) -> bool:
    """Whether all its containers are components of plain Python, of the SDK of today."""
    executors = document["deploymentSpec"]["executors"].values()
    containers = [each["container"] for each in executors if "container" in each]
    return all(any("kfp.dsl.executor_main" in text for text in one.get("command", ())) for one in containers)


@each(pipelines())
def test_the_same_comes_out(path: Path, tmp_path: Path) -> None:
    """Run both ways; or, where kfp.local can't, what its source says."""
    if path.name in CAN_NOT_RUN:
        pytest.skip(CAN_NOT_RUN[path.name])
    if path.name not in A_FEW and not os.environ.get("MOORAGE_TEST_ALL_PIPELINES"):
        pytest.skip("it takes its time: MOORAGE_TEST_ALL_PIPELINES=1 runs it, too")
    documents = parse(path.read_bytes(), path.name)
    document = documents[0].get("pipelineSpec", documents[0])
    if not is_light(document):
        pytest.skip("it has containers that are no components of plain Python, which a subprocess can't run")
    try:
        program = read_program(documents, path.name)
    except InputError as error:
        pytest.skip(str(error))
    arguments = arguments_of(program)
    run = LocalRun(program, tmp_path / "engine", arguments)
    last = run.to_the_end()
    if path.name in ENDS_FAILED:
        assert last.phase is TaskPhase.FAILED
        return
    assert last.phase is TaskPhase.SUCCEEDED, (last.message, run.logs)
    if path.name in KFP_CAN_NOT:
        assert outputs(run, last) == KFP_CAN_NOT[path.name]
    else:
        assert outputs(run, last) == run_by_kfp(yaml.safe_dump(document), arguments, tmp_path / "kfp")
