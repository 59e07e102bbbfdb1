"""Reads compiled Kubeflow Pipelines IR (schema 2.0 and 2.1) into a `graph.Graph` and a `pipeline.KfpPipeline`.

Pure: parsed documents in, records out. Every mistake in them is an `InputError` that names the place.
"""

from pipeline_splitter.kfp.pipeline import KfpPipeline
from pipeline_splitter.kfp.reading import read_pipeline

__all__ = ["KfpPipeline", "read_pipeline"]
