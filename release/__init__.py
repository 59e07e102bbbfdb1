"""Makes what a release publishes: wheel, chart, and the krew plugin `kubectl dataset`, all from one commit.

Where the project is published is said once, as `--url`: the tree names no address that does not exist.
"""
