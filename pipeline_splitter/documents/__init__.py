"""Text in, plain JSON values out: YAML (several documents) and JSON, and their canonical form and digest.

Every value that `parse` returns is made of dict (with string keys), list, str, int, float, bool and None, has a
canonical form, and shares no part with another, so that it may be written out again whatever the text held. Plain
scalars mean what PyYAML's safe loader says (`yes` is true, 010 is 8), as in the kfp SDK, with two exceptions that keep
values JSON: keys are the text that was written, and so are timestamps.
"""

from pipeline_splitter.documents.canonical import canonical_json, container_digest, digest
from pipeline_splitter.documents.reading import is_workflow, parse

__all__ = ["canonical_json", "container_digest", "digest", "is_workflow", "parse"]
