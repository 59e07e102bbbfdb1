"""`moorage plan`: where each task of a pipeline runs and why, what moves between sites, and what it costs.

Files are read and written here, and nowhere below; what is decided is `pipeline_splitter`'s.
"""
