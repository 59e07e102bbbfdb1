"""Kedro pipelines whose intermediate data lies in the node's memory, without a change to the pipeline.

Either by a runner, or for every run by one line in the project's settings.py:

    kedro run --runner moorage.kedro.ParallelRunner

    HOOKS = (moorage.kedro.MemoryHooks(),)

Datasets that the catalogue does not name, which Kedro would keep in the process or send through a manager's socket,
are then objects of `moorage.memory`: nodes that run in other processes read them where they lie. In the catalogue, a
dataset can be one by its type, `moorage.kedro.SharedMemoryDataset`.

    datasets       the dataset
    intermediates  which datasets of a pipeline become one, and where they lie
    runners        Kedro's own, with that before
    hooks          the same for whatever runner a project uses

`moorage kedro compile` makes a Kubeflow pipeline of one of Kedro's, each of whose nodes runs in a container.

    projects    what there is of a project
    compiling   its pipeline, as Kubeflow's; pure
    task        what a container runs
    handing_on  what nodes in containers hand to each other
"""

from moorage.kedro.datasets import SharedMemoryDataset
from moorage.kedro.hooks import MemoryHooks
from moorage.kedro.runners import ParallelRunner, SequentialRunner, ThreadRunner

__all__ = ["MemoryHooks", "ParallelRunner", "SequentialRunner", "SharedMemoryDataset", "ThreadRunner"]
