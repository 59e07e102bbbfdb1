"""The same for every run of a project, whatever its runner: a line in settings.py."""

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from moorage.kedro.intermediates import place_intermediates


class MemoryHooks:
    """`HOOKS = (moorage.kedro.MemoryHooks(),)`."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Have what lies between nodes lie in memory."""
        place_intermediates(pipeline, catalog)
