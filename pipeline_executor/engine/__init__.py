"""The embedded runner's brain: what of a compiled Kubeflow pipeline may start now. Pure and level-triggered.

`read_program` reads compiled IR once; `step` is asked again and again with what is known of each task's attempts, and
says what may start, how far everything is, and what has come out. The same input gives the same answer; nothing is
kept in between. Who calls it makes pods of `Launch`es, and `Attempt`s of pods and of what the artifact store holds;
`read_outputs` makes `Outputs` of the files that a container leaves.

It knows no cluster, store or clock, and evaluates nothing that a tenant wrote except by a bounded grammar of its own.
"""

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine.paths import WORKSPACE_PATH
from pipeline_executor.engine.program import Program
from pipeline_executor.engine.reading import read_program
from pipeline_executor.engine.records import (
    Artifact,
    ArtifactInput,
    ArtifactOutput,
    Attempt,
    Job,
    Launch,
    LaunchKind,
    Outputs,
    ParameterOutput,
    Resources,
    Step,
)
from pipeline_executor.engine.results import read_outputs
from pipeline_executor.engine.stepping import step

__all__ = [
    "WORKSPACE_PATH",
    "Artifact",
    "ArtifactInput",
    "ArtifactOutput",
    "Attempt",
    "Job",
    "Launch",
    "LaunchKind",
    "Outputs",
    "ParameterOutput",
    "Program",
    "Resources",
    "Step",
    "TaskPhase",
    "read_outputs",
    "read_program",
    "step",
]
