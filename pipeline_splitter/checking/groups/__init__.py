"""The groups and their files: membership and order, pipelines, components, pod labels, and what feeds each task."""
