"""XComs of Airflow 3 that lie in the node's memory, without a change to a DAG.

    AIRFLOW__CORE__XCOM_BACKEND=moorage.airflow.MemoryXCom

Frames, tables, arrays and whatever is large become objects of `moorage.memory`, and Airflow's database keeps a
reference. Small values stay in the database as they were.

    backend     what Airflow calls
    deciding    which values go to memory
    references  what stands in the database in their place, and what the objects are called
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moorage.airflow.backend import MemoryXCom

__all__ = ["MemoryXCom"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what the backend has
    """Return the backend, when it is asked for: it alone imports Airflow."""
    if name in __all__:
        return getattr(import_module(f"{__name__}.backend"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
