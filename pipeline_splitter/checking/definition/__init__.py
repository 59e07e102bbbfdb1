"""The definitions that every check applies: governance along edges, costs, the schedule, blocks, releases."""
