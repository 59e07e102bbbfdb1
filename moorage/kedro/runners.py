"""Kedro's runners, with what lies between nodes in the node's memory."""

from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.runner import AbstractRunner
from kedro.runner import ParallelRunner as KedroParallelRunner
from kedro.runner import SequentialRunner as KedroSequentialRunner
from kedro.runner import ThreadRunner as KedroThreadRunner

from moorage.kedro.intermediates import place_intermediates


class _InMemory(AbstractRunner):
    def run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        *arguments: Any,  # noqa: ANN401 - Kedro's own
        **named: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Run as Kedro does, after `place_intermediates`."""
        place_intermediates(pipeline, catalog)
        outputs: dict[str, Any] = super().run(pipeline, catalog, *arguments, **named)
        return outputs


class SequentialRunner(_InMemory, KedroSequentialRunner):
    """One node after the other."""


class ThreadRunner(_InMemory, KedroThreadRunner):
    """A runner of nodes in threads."""


class ParallelRunner(_InMemory, KedroParallelRunner):
    """A runner of nodes in processes, which read each other's data in place, not by a manager's socket."""
