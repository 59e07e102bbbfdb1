"""One group that holds the whole pipeline: written back as it is, nested pipelines included.

Only schema 2.0 becomes 2.1, and labels that hints added are put in; a component that runs in several places of which
only some got labels has a second variant then.
"""

from collections.abc import Mapping
from typing import Any

from pipeline_splitter.graph import Step
from pipeline_splitter.groups.catalogue import Catalogue
from pipeline_splitter.kfp.pipeline import KfpPipeline, Raw


def whole_documents(pipeline: KfpPipeline, spec: Raw, steps: Mapping[str, Step]) -> list[dict[str, Any]]:
    """Return the documents of the only group."""
    catalogue = Catalogue(spec, pipeline.platform, steps)
    root = catalogue.dag(spec["root"], "")
    catalogue.add_unused()
    deployment = spec.get("deploymentSpec") or {}
    written: dict[str, Any] = {**spec, "root": root}
    if "components" in spec or catalogue.components:
        written["components"] = catalogue.components
    if "executors" in deployment or catalogue.executors:
        written["deploymentSpec"] = {**deployment, "executors": catalogue.executors}
    platform = catalogue.platform_document(pipeline.platform)
    return [written, platform] if platform else [written]
