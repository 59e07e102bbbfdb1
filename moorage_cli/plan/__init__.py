"""`moorage plan`: where each task of a pipeline runs, what crosses, what that costs and why.

Files are read and written here, and nowhere below; what is decided is `pipeline_splitter`'s.
"""
