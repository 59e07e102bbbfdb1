"""The stage of the hub's tests."""

from tests.pipeline_executor.hub.conftest import nothing_left, rights, stage, store, two_planes

__all__ = ["nothing_left", "rights", "stage", "store", "two_planes"]
