"""`kubectl dataset audit`: reads evidence of what was granted and refused, and proves that nothing of it was changed.

commands   reading, and the group
proving    `verify`, `head`, `keys`
exporting  `export`
lineage    grants as OpenLineage events (pure)
sources    where lines come from: files, a store with one's own keys, or what the cluster says
asking     options that all of them have
"""
